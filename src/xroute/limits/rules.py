"""The limits and budgets of a key, and the gates that a call of it has to pass."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import quote

from xroute.limits import calendar
from xroute.limits.gate import Gate, Measure
from xroute.limits.pattern import is_match

MOST_KNOWN = 1024  # gates of (model, user) that are remembered, of each key
MOST_SHOWN = 64  # characters of a user's name
RATES: tuple[tuple[str, Measure], ...] = (
    ("rpm", "requests"),
    ("tpm", "tokens"),
    ("tpm_in", "tokens_in"),
    ("tpm_out", "tokens_out"),
)
DAILY: tuple[tuple[str, Measure], ...] = (("rpd", "requests"), ("tpd", "tokens"))


@dataclass(frozen=True, slots=True)
class LimitRule:
    """How much a subject may ask for; None is no limit. `subject` "*..." is each end user by itself."""

    id: str
    label: str  # for people: "key bench"
    scope: str  # workspace, project, member, key, user
    subject: str
    model: str = ""  # only calls of models that match; "" = all
    rpm: int | None = None
    tpm: int | None = None
    tpm_in: int | None = None
    tpm_out: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    concurrency: int | None = None
    max_call_nano: int | None = None  # the most that one call may cost
    tz: str = "UTC"  # in which days begin


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """How much a subject may spend in a window."""

    id: str
    label: str
    scope: str
    subject: str
    model: str = ""
    nano: int = 0
    window: calendar.Name = "month"
    tz: str = "UTC"
    hard: bool = True  # False: it counts and refuses nobody


@dataclass(frozen=True, slots=True)
class Credit:
    """What a prepaid or postpaid workspace was ever given, and how far below zero it may go."""

    workspace: str
    funded_nano: int
    line_nano: int = 0
    label: str = ""  # for people: "workspace acme"

    @property
    def key(self) -> str:
        """Of its purse."""
        return f"credit:{self.workspace}"

    @property
    def gate(self) -> Gate:
        subject = self.label or f"workspace {self.workspace}"
        limit = self.funded_nano + self.line_nano
        return Gate(self.key, "purse", "credit", limit, subject, window="total")


Rule = LimitRule | BudgetRule
Gates = tuple[Gate, ...]
Apart = tuple[Gates, dict[str, Gates]]  # what holds for all models; what each has besides, if any has


class Rules:
    """Everything that holds for calls of one key."""

    __slots__ = (
        "_apart",
        "_budgets",
        "_caps",
        "_credit",
        "_has_models",
        "_has_users",
        "_is_paid",
        "_known",
        "_limits",
        "_most_known",
    )

    def __init__(
        self,
        limits: Iterable[LimitRule] = (),
        budgets: Iterable[BudgetRule] = (),
        credit: Credit | None = None,
        most_known: int = MOST_KNOWN,
    ) -> None:
        self._limits = tuple(limits)
        self._budgets = tuple(budgets)
        self._credit = credit
        self._caps = tuple(rule for rule in self._limits if rule.max_call_nano is not None)
        self._is_paid = credit is not None or any(rule.hard and not rule.model for rule in self._budgets)
        self._has_models = any(rule.model for rule in self._all)
        self._has_users = any(rule.scope == "user" for rule in self._all)
        self._known: OrderedDict[tuple[str, str], tuple[float, float, tuple[Gate, ...]]] = OrderedDict()
        self._apart: OrderedDict[tuple[tuple[str, ...], str], tuple[list[Gates], Apart]] = OrderedDict()
        self._most_known = most_known

    @property
    def _all(self) -> tuple[Rule, ...]:
        return (*self._limits, *self._budgets)

    def gates(self, model: str, user: str, now: float) -> tuple[Gate, ...]:
        """What a call has to pass; `user` is the end user it names, "" for none.

        The same tuple until a window of one of them ends.
        """
        known, key = self._known, (model if self._has_models else "", user if self._has_users else "")
        found = known.get(key)
        if found is not None and found[0] <= now < found[1]:
            if len(known) > 1:
                known.move_to_end(key)
            return found[2]
        found = known[key] = self._find(model, user, now)
        known.move_to_end(key)
        if len(known) > self._most_known:
            known.popitem(last=False)
        return found[2]

    def apart(self, models: tuple[str, ...], user: str, now: float) -> Apart:
        """The gates of a call that may go to any of these models: (those of all, each model's own).

        There are none of their own where the models have the same gates.
        """
        if not self._has_models or len(models) == 1:
            return self.gates(models[0], user, now), {}
        found = [self.gates(model, user, now) for model in models]
        if all(each == found[0] for each in found):
            return found[0], {}
        key = (models, user if self._has_users else "")
        known = self._apart.get(key)
        if known is not None and all(a is b for a, b in zip(known[0], found, strict=True)):
            self._apart.move_to_end(key)
            return known[1]
        common = tuple(gate for gate in found[0] if all(gate in each for each in found))
        own = {m: tuple(g for g in each if g not in common) for m, each in zip(models, found, strict=True)}
        self._apart[key] = (found, (common, own))
        if len(self._apart) > self._most_known:
            self._apart.popitem(last=False)
        return common, own

    def most(self, model: str) -> int | None:
        """The most that one call of this model may cost, nano-dollars; None: as much as it likes."""
        if not self._caps:
            return None
        caps = (rule.max_call_nano for rule in self._caps if _is_of(rule, model))
        return min((cap for cap in caps if cap is not None), default=None)

    def is_counting(self, models: Iterable[str]) -> bool:
        """Whether money can refuse a call of one of these models."""
        return self._is_paid or any(self.most(each) is not None or self.is_paid(each) for each in models)

    def is_paid(self, model: str) -> bool:
        """Whether money can refuse a call of this model, so that its price has to be known."""
        return self._is_paid or any(rule.hard and _is_of(rule, model) for rule in self._budgets)

    def _find(self, model: str, user: str, now: float) -> tuple[float, float, tuple[Gate, ...]]:
        """(since when, until when) these are (the gates)."""
        begin, end = calendar.TOTAL.start, calendar.TOTAL.end
        gates: list[Gate] = []
        for rule in self._all:
            if not (_is_of(rule, model) and _is_for(rule, user)):
                continue
            made = _limited(rule, user, now) if isinstance(rule, LimitRule) else _budget(rule, user, now)
            for gate, window in made:
                gates.append(gate)
                begin, end = max(begin, window.start), min(end, window.end)
        if self._credit is not None:
            gates.append(self._credit.gate)
        return begin, end, tuple(gates)


def gate_key(rule: str, measure: Measure, user: str = "", window: str = "") -> str:
    """The name of a counter: of a rule, by user where it is for each, by window where it is a purse.

    Of a user's name what would be mistaken for a part of the key is escaped, and a long one is hashed.
    """
    name = quote(user, safe="@+", errors="surrogatepass")
    if len(name) > MOST_SHOWN:
        name = "~" + blake2b(user.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return ":".join(part for part in (rule, measure, name, window) if part)


def window_key(label: str, tz: str, model: str) -> str:
    """The name of a budget's window in its purse's key.

    What counts there is another sum where the time zone or the models are others: so is the purse.
    """
    if tz == "UTC" and not model:
        return label
    return f"{label}.{blake2b(f'{tz} {model}'.encode(), digest_size=4).hexdigest()}"


Made = Iterator[tuple[Gate, calendar.Window]]


def _limited(rule: LimitRule, user: str, now: float) -> Made:
    """The gates of a limit, each with the window in which it is the one."""
    who, subject = _subject(rule, user)
    for field, measure in RATES:
        if (limit := getattr(rule, field)) is not None:
            key = gate_key(rule.id, measure, who)
            yield Gate(key, "rate", measure, limit, subject), calendar.TOTAL
    if rule.concurrency is not None:
        key = gate_key(rule.id, "slots", who)
        yield Gate(key, "slots", "slots", rule.concurrency, subject, window="total"), calendar.TOTAL
    for field, measure in DAILY:
        if (limit := getattr(rule, field)) is not None:
            day = calendar.window("day", now, rule.tz)
            key = gate_key(rule.id, measure, who, day.label)
            yield Gate(key, "purse", measure, limit, subject, until=day.end, window="day"), day


def _budget(rule: BudgetRule, user: str, now: float) -> Made:
    who, subject = _subject(rule, user)
    window = calendar.window(rule.window, now, rule.tz)
    key = gate_key(rule.id, "money", who, window_key(window.label, rule.tz, rule.model))
    gate = Gate(
        key,
        "purse",
        "money",
        rule.nano,
        subject,
        until=window.end,
        window=rule.window,
        hard=rule.hard,
    )
    yield gate, window


def _is_of(rule: Rule, model: str) -> bool:
    return not rule.model or is_match(rule.model, model)


def _is_for(rule: Rule, user: str) -> bool:
    """A call that names no user is nobody's."""
    if rule.scope != "user":
        return True
    return user != "" and (rule.subject == user or rule.subject.startswith("*"))


def _subject(rule: Rule, user: str) -> tuple[str, str]:
    """(the user for the key, whose gate it is for people)."""
    if rule.scope == "user" and rule.subject.startswith("*"):
        return user, f"user {user[:MOST_SHOWN]}"
    return "", rule.label
