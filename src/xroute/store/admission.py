"""How a call's gates are written for lua/admit.lua, and how its answer is read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from xroute.limits.counters import SOON_S
from xroute.limits.gate import OF, Amounts, Gate, Hold, Level, Refused, purses_of

NEVER = float("inf")
MOST = 4096  # tuples of gates that are kept written
DAY_MS = 24 * 3600 * 1000  # a purse is kept so long after its window, for calls that began in it
LONGEST = timedelta(days=33)  # of a window: a month, wherever its first day begins


class Take:
    """What a gate changes."""

    __slots__ = ("extra", "key", "kind", "of")

    def __init__(self, kind: str, key: str, of: int, extra: int) -> None:
        self.kind = kind
        self.key = key
        self.of = of  # index of its measure in Amounts
        self.extra = extra  # a rate's period in ms; a purse's end in unix ms, 0 = none

    def entry(self, what: bytes, amount: int) -> bytes:
        """A change of it by an amount, as lua/counters.lua takes it."""
        return bulks((what, self.key.encode(), b"%d" % amount, b"%d" % self.extra, b""))

    def settled(self) -> bytes:
        """What changes with the amounts of the calls that were named before it."""
        kind, extra = b"call-%b" % self.kind.encode(), b"%d" % self.extra
        return bulks((kind, self.key.encode(), b"%d" % (self.of + 1), extra, b""))


def purse(key: str, end: int) -> Take:
    """A purse that no gate of this process names."""
    return Take("purse", key, 0, end)


class Written:
    """The gates of a call, as they go over the wire."""

    __slots__ = (
        "body", "charged", "gates", "has_rates", "head", "purses", "rates", "settled", "shown", "takes",
    )  # fmt: skip

    def __init__(self, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        self.charged = purses_of(gates)
        rows = [(gate, Take(gate.kind, gate.key, OF[gate.measure], _extra(gate))) for gate in gates]
        words = [b"%d" % len(gates)]
        for gate, take in rows:
            limit, hard = b"%d" % gate.limit, b"1" if gate.hard else b"0"
            words += [gate.kind.encode(), b"%d" % (take.of + 1), limit, b"%d" % take.extra]
            words += [hard, gate.key.encode()]
        self.body = bulks(words)
        self.head = b"*%d\r\n" % (len(words) + 9)
        self.takes = tuple({(take.kind, take.key): take for _, take in rows}.values())
        self.settled = [take.settled() for take in self.takes]
        self.has_rates = any(take.kind == "rate" for take in self.takes)
        self.purses = tuple((gate, take.of) for gate, take in rows if gate.kind == "purse" and gate.hard)
        self.rates = _shown([gate for gate in gates if gate.kind == "rate"])
        is_clear = all(len(group) == 1 for group in self.rates)  # which one is the strictest
        self.shown = tuple(group[0] for group in self.rates) if is_clear else ()

    def command(self, before: bytes, amounts: Amounts) -> bytes:
        """EVALSHA of lua/admit.lua; `before` is all up to the clock."""
        needed = b"%d %d %d %d %d %d %d" % amounts
        return b"%b%b%b$%d\r\n%b\r\n" % (self.head, before, self.body, len(needed), needed)

    def read(self, answer: bytes, id_: str, amounts: Amounts, now: float) -> Hold | Refused:
        """What Redis has decided; `now` is the caller's clock."""
        text, _, refused = answer.partition(b";")
        words = text.split(b" ")
        shown = self.shown or [min(group, key=lambda each: int(words[each[0]])) for group in self.rates]
        levels = tuple([Level(gate, int(words[at]), int(words[at + 1]) / 1000) for at, gate in shown])
        if words[0] == b"1":
            return Hold(id_, self.gates, amounts, self.charged, levels, False, int(words[1]) / 1000)
        shut = [self._shut(each, amounts, now) for each in refused.split(b";")]
        gate, left, after_s, is_held = max(shut, key=_strictness)
        return Refused(gate, left, after_s, is_held, levels)

    def _shut(self, text: bytes, amounts: Amounts, now: float) -> "Shut":
        place, left, wait_ms, is_held = map(int, text.split(b" "))
        gate = self.gates[place]
        if is_held and gate.measure != "requests":  # a request is one however it ends, others may be less
            return gate, left, SOON_S, True
        if amounts[OF[gate.measure]] > gate.limit:
            return gate, left, None, False
        if gate.kind == "purse":
            return gate, left, max(gate.until - now, 0.0) if gate.until < NEVER else None, False
        return gate, left, wait_ms / 1000 if gate.kind == "rate" else SOON_S, False


Shut = tuple[Gate, int, float | None, bool]  # the fields of Refused
Shown = tuple[int, Gate]  # place of what is left among the words of an answer


class Writing:
    """Gates that were written lately, by what they are."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[int, Written] = {}

    def of(self, gates: tuple[Gate, ...]) -> Written:
        written = self._known.get(id(gates))
        if written is None or written.gates is not gates:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            written = self._known[id(gates)] = Written(gates)
        return written


def bulks(words: Sequence[bytes]) -> bytes:
    """Words as Redis's protocol has them (https://redis.io/docs/latest/develop/reference/protocol-spec/,
    read 2026-11-21)."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


def digits(value: int) -> bytes:
    """A word of digits, packed."""
    word = b"%d" % value
    return b"$%d\r\n%b\r\n" % (len(word), word)


def end_ms(until: float | None) -> int:
    """When a purse may be forgotten that is over at `until`, in unix ms; 0 = never."""
    return int(until * 1000) + DAY_MS if until is not None and until < NEVER else 0


def end_of(key: str) -> int:
    """The same by the purse's key alone, which names the date of the window's first day last, or "total"."""
    label = key.rpartition(":")[2].partition(".")[0]
    if len(label) != 8 or not label.isdigit():
        return 0
    try:
        first = datetime.strptime(label, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return end_ms((first + LONGEST).timestamp())


def _extra(gate: Gate) -> int:
    return gate.period_s * 1000 if gate.kind == "rate" else end_ms(gate.until)


def _shown(rates: list[Gate]) -> tuple[tuple[Shown, ...], ...]:
    """The hard rates of requests, and those of tokens."""
    hard = [(2 + 2 * place, gate) for place, gate in enumerate(rates) if gate.hard]
    requests = tuple(each for each in hard if each[1].measure == "requests")
    tokens = tuple(each for each in hard if each[1].measure != "requests")
    return tuple(group for group in (requests, tokens) if group)


def _strictness(shut: Shut) -> float:
    _, _, after_s, is_held = shut
    if is_held:
        return -1.0
    return NEVER if after_s is None else after_s
