"""The difference between a provider's bill and our records, by day and model, and what explains it.

Each cause has bounds: what it can have added to the bill or taken from it at the most. A difference is
given to the causes in turn, none gets more than its bounds allow, and what is left over is told as what it
is: calls made without xroute, calls that were not billed, or another price. So the parts always add up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from xroute.money.nano import from_dollars
from xroute.money.price import PER_MILLION, Price
from xroute.store.reconcile.bill import Billed
from xroute.store.reconcile.names import family
from xroute.store.reconcile.report import Cause, Line, Report, Side

NO_BOUND: Final = 10**30  # nano-dollars
ALL: Final = "all models"

_IN_TURN = ("elsewhere", "cached", "lost", "client_gone", "cut", "retried", "unpriced", "estimated", "edge")


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt of ours at the provider."""

    began: datetime  # with a time zone
    ended: datetime
    model: str
    nano: int | None  # what we count for it; None = its price is not known
    worst_nano: int = 0  # what it can have cost at the most
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    estimated: bool = False
    doubt: str = ""  # lost | client_gone | cut | retried: why the provider may have billed more
    ref: str = ""  # the provider's id of its answer
    price: Price | None = None


@dataclass(slots=True)
class Bound:
    """How many calls a cause is about, and what it can have done to the bill, in nano-dollars."""

    count: int = 0
    low: int = 0
    high: int = 0


@dataclass(slots=True)
class Group:
    """One day of one model."""

    theirs: Side = field(default_factory=Side)
    ours: Side = field(default_factory=Side)
    usd: Decimal | None = None
    step: Decimal = Decimal(0)
    is_billed: bool = False  # the bill has a line for it
    has_tokens: bool = False
    has_cached: bool = False
    has_requests: bool = False
    bounds: dict[str, Bound] = field(default_factory=lambda: defaultdict(Bound))
    price: Price | None = None
    name: str = ""


def _nothing(_model: str) -> Price | None:
    return None


class Comparison:
    """Takes the bill first, then our attempts one by one, in any order; keeps sums alone."""

    def __init__(
        self,
        billed: Iterable[Billed],
        zone: str,
        since: date | None = None,
        until: date | None = None,
        price: Callable[[str], Price | None] = _nothing,
    ) -> None:
        """Days are those of `zone`; `since` and `until` (both included) are the bill's if not given.

        `price` knows what a model costs that no call of ours was made to.
        """
        self._zone = ZoneInfo(zone)
        lines = [(self._day(line), line) for line in billed]
        days = [day for day, _ in lines]
        self.since = since or min(days, default=date.min)
        self.until = until or max(days, default=date.min)
        self._price = price
        self._is_by_model = all(line.model for _, line in lines)
        self._groups: defaultdict[tuple[date, str], Group] = defaultdict(Group)
        self._refs: dict[str, tuple[tuple[date, str], Decimal]] = {}
        for day, line in lines:
            if self.since <= day <= self.until:
                self._bill(day, line)

    def add(self, attempt: Attempted) -> None:
        """One attempt of ours; what lies outside of the days counts at their edges alone."""
        began, ended = (each.astimezone(self._zone).date() for each in (attempt.began, attempt.ended))
        if ended != began:
            self._edge(attempt, began, ended)
        self._refs.pop(attempt.ref, None)
        if not self.since <= began <= self.until:
            return
        group = self._groups[began, self._key(attempt.model)]
        group.name = attempt.model if self._is_by_model else ALL
        group.price = attempt.price or group.price
        _count(group.ours, attempt.tokens_in, attempt.tokens_out, attempt.cached)
        group.ours.requests += 1
        group.ours.nano += attempt.nano or 0
        _doubt(group, attempt)

    def report(self) -> Report:
        """The comparison of what was taken so far."""
        self._made_elsewhere()
        known = {key: group.price for (_, key), group in self._groups.items() if group.price}
        lines = [
            self._line(day, group, group.price or known.get(key) or self._price(group.name))
            for (day, key), group in sorted(self._groups.items(), key=lambda item: (item[0][0], item[1].name))
            if group.is_billed or group.ours != Side()
        ]
        drifts: defaultdict[str, int] = defaultdict(int)
        for line in lines:
            drifts[self._key(line.model)] += line.difference or 0
        return Report(
            lines=tuple(lines),
            theirs_nano=sum(line.theirs_nano or 0 for line in lines),
            ours_nano=sum(line.ours_nano for line in lines),
            drift_nano=sum(map(abs, drifts.values())),
            by_tokens=bool(lines) and all(group.usd is None for group in self._groups.values()),
            since=self.since,
            until=self.until,
        )

    def _day(self, line: Billed) -> date:
        return line.at.astimezone(self._zone).date() if line.at else line.day

    def _key(self, model: str) -> str:
        return family(model) if self._is_by_model else ALL

    def _bill(self, day: date, line: Billed) -> None:
        key = day, self._key(line.model)
        group = self._groups[key]
        group.name = group.name or (line.model if self._is_by_model else ALL)
        _count(group.theirs, line.tokens_in or 0, line.tokens_out or 0, line.cached or 0)
        group.theirs.requests += line.requests or 0
        group.is_billed = True
        group.has_requests |= line.requests is not None
        group.has_tokens |= line.tokens_in is not None
        group.has_cached |= line.cached is not None
        group.step += line.step
        if line.usd is not None:
            group.usd = (group.usd or Decimal(0)) + line.usd
        if line.ref:
            self._refs[line.ref] = key, line.usd or Decimal(0)

    def _edge(self, attempt: Attempted, began: date, ended: date) -> None:
        """A call that ran over midnight may be on either day's bill."""
        key = self._key(attempt.model)
        for day, part in ((began, -(attempt.nano or 0)), (ended, attempt.nano or 0)):
            if self.since <= day <= self.until:
                _widen(self._groups[day, key].bounds["edge"], part)

    def _made_elsewhere(self) -> None:
        """Lines with an id that no attempt of ours had."""
        for key, usd in self._refs.values():
            _widen(self._groups[key].bounds["elsewhere"], from_dollars(usd))
        self._refs.clear()

    def _line(self, day: date, group: Group, price: Price | None) -> Line:
        theirs, ours = group.theirs, group.ours
        tokens, cached = _values(group, price)
        if group.usd is not None:
            billed: int | None = from_dollars(group.usd)
        elif not group.is_billed:
            billed = 0
        else:
            billed = None if tokens is None else ours.nano + tokens + cached
        difference = None if billed is None else billed - ours.nano
        return Line(
            day=day,
            model=group.name,
            theirs=theirs,
            ours=ours,
            theirs_nano=billed,
            ours_nano=ours.nano,
            difference=difference,
            has_tokens=group.has_tokens,
            causes=tuple(_explain(group, difference, tokens, cached)) if difference else (),
        )


def _count(side: Side, tokens_in: int, tokens_out: int, cached: int) -> None:
    side.tokens_in += tokens_in
    side.tokens_out += tokens_out
    side.cached += cached


def _doubt(group: Group, attempt: Attempted) -> None:
    """Notes what may make the provider's figure for an attempt differ from ours."""
    nano = attempt.nano or 0
    more = max(0, attempt.worst_nano - nano)
    if attempt.nano is None:
        _widen(group.bounds["unpriced"], NO_BOUND)
    elif attempt.doubt:
        _widen(group.bounds[attempt.doubt], more)
    if attempt.estimated and attempt.nano is not None:
        bound = group.bounds["estimated"]
        bound.count += 1
        bound.low -= nano
        bound.high += more


def _widen(bound: Bound, nano: int) -> None:
    bound.count += 1
    bound.low += min(nano, 0)
    bound.high += max(nano, 0)


def _values(group: Group, price: Price | None) -> tuple[int | None, int]:
    """(worth of the tokens they count beyond ours, None = not known; what the cached among them change)."""
    if price is None or not group.has_tokens:
        return None, 0
    rates = price.base
    theirs, ours = group.theirs, group.ours
    tokens = (theirs.tokens_in - ours.tokens_in) * rates.input
    tokens += (theirs.tokens_out - ours.tokens_out) * rates.output
    less = rates.input - (rates.input if rates.cached_input is None else rates.cached_input)
    cached = (ours.cached - theirs.cached) * less if group.has_cached else 0
    return _per_token(tokens), _per_token(cached)


def _per_token(amount: int) -> int:
    return (amount + PER_MILLION // 2) // PER_MILLION


def _explain(group: Group, difference: int, tokens: int | None, cached: int) -> Iterable[Cause]:
    """Parts that add up to the difference."""
    bounds = {**group.bounds, "cached": Bound(0, min(cached, 0), max(cached, 0))}
    rounding = from_dollars(group.step / 2)
    if abs(difference) <= rounding:
        yield Cause("rounding", 0, difference)
        return
    left = difference
    for kind in _IN_TURN:
        bound = bounds.get(kind, Bound())
        if part := min(max(left, bound.low), bound.high):
            yield Cause(kind, bound.count, part)
            left -= part
    if part := min(max(left, -rounding), rounding):
        yield Cause("rounding", 0, part)
        left -= part
    yield from _rest(group, left, tokens)


def _rest(group: Group, left: int, tokens: int | None) -> Iterable[Cause]:
    """What no cause accounts for: other calls as far as tokens tell, or else another price."""
    if not left:
        return
    more = group.theirs.requests - group.ours.requests if group.has_requests else 0
    most = left if tokens is None else max(tokens, 0) if left > 0 else min(tokens, 0)
    part = min(left, most) if left > 0 else max(left, most)
    if part > 0:
        yield Cause("elsewhere", max(more, 0), part)
    elif part < 0:
        yield Cause("unbilled", max(-more, 0), part)
    if left - part:
        yield Cause("price", 0, left - part)
