"""How a call's gates are written for lua/admit.lua, and how its answer is read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from xroute.limits.counters import SOON_S
from xroute.limits.gate import Amounts, Gate, Hold, Level, Refused
from xroute.limits.plans import OF, Needs

NEVER = float("inf")
MOST = 4096  # tuples of gates that are kept written
DAY_MS = 24 * 3600 * 1000  # a purse is kept so long after its window, for calls that began in it
LONGEST = timedelta(days=33)  # of a window: a month, wherever its first day begins


class Take:
    """What a gate changes, and how the change is written: five words, of which the third is the amount."""

    __slots__ = ("extra", "hold", "key", "kind", "of", "period", "rate", "slot", "spend", "tail")

    def __init__(self, kind: str, key: str, of: int, extra: int) -> None:
        name, end = key.encode(), b"%d" % extra
        self.kind = kind
        self.key = key
        self.of = of  # index of its measure in Needs
        self.extra = extra  # a rate's period in ms; a purse's end in unix ms, 0 = none
        self.spend = bulks((b"spend", name))
        self.hold = bulks((b"hold", name))
        self.slot = bulks((b"slot", name))
        self.tail = bulks((end, b""))
        self.rate = bulks((b"rate", name))
        self.period = bulks((end,))

    def correct(self, change: int, taken_ms: int) -> bytes:
        """The entry of a rate that took something else than the truth."""
        by, at = b"%d" % change, b"%d" % taken_ms
        words = (self.rate, len(by), by, len(at), at, self.period)
        return b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b" % words

    def begin(self, amount: int) -> bytes:
        """The entry of what a purse begins with."""
        return bulks((b"begin", self.key.encode(), b"%d" % amount, b"%d" % self.extra, b""))


def purse(key: str, end: int) -> Take:
    """A purse that no gate of this process names."""
    return Take("purse", key, 0, end)


class Written:
    """The gates of a call, as they go over the wire."""

    __slots__ = ("body", "gates", "head", "purses", "shown", "takes")

    def __init__(self, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        rows = [(gate, Take(gate.kind, gate.key, OF[gate.measure], _extra(gate))) for gate in gates]
        words = [b"%d" % len(gates)]
        for gate, take in rows:
            limit, hard = b"%d" % gate.limit, b"1" if gate.hard else b"0"
            words += [gate.kind.encode(), b"%d" % (take.of + 1), limit, b"%d" % take.extra]
            words += [hard, gate.key.encode()]
        self.body = bulks(words)
        self.head = b"*%d\r\n" % (len(words) + 9)
        self.takes = tuple({(take.kind, take.key): take for _, take in rows}.values())
        self.purses = tuple((gate, take.of) for gate, take in rows if gate.kind == "purse" and gate.hard)
        self.shown = _shown([gate for gate in gates if gate.kind == "rate"])

    def command(self, before: bytes, clock: bytes, needed: Needs) -> bytes:
        """EVALSHA of lua/admit.lua; `before` is all up to the generation."""
        amounts = b"%d %d %d %d %d %d %d" % needed
        return b"%b%b%b%b$%d\r\n%b\r\n" % (self.head, before, clock, self.body, len(amounts), amounts)

    def read(self, answer: bytes, id_: str, amounts: Amounts, needed: Needs, now: float) -> Hold | Refused:
        """What Redis has decided; `now` is the caller's clock."""
        text, *refused = answer.decode().split(";")
        is_in, ms, *numbers = text.split(" ")
        levels = tuple([_strictest(group, numbers) for group in self.shown])
        if is_in == "1":
            return Hold(id_, self.gates, amounts, levels, False, int(ms) / 1000)
        shut = [self._shut(each, needed, now) for each in refused]
        gate, left, after_s, is_held = max(shut, key=_strictness)
        return Refused(gate, left, after_s, is_held, levels)

    def _shut(self, text: str, needed: Needs, now: float) -> "Shut":
        place, left, wait_ms, held = text.split(" ")
        gate = self.gates[int(place)]
        amount, most = needed[OF[gate.measure]], max(int(left), 0)
        if held == "1" and gate.measure != "requests":
            return (
                gate,
                most,
                SOON_S,
                True,
            )  # a request is one however it ends, the rest may turn out to be less
        if amount > gate.limit:
            return gate, most, None, False
        if gate.kind == "purse":
            return gate, most, max(gate.until - now, 0.0) if gate.until < NEVER else None, False
        return gate, most, int(wait_ms) / 1000 if gate.kind == "rate" else SOON_S, False


Shut = tuple[Gate, int, float | None, bool]  # the fields of Refused


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


def end_ms(until: float | None) -> int:
    """When a purse may be forgotten that is over at `until`, in unix ms; 0 = never."""
    return int(until * 1000) + DAY_MS if until is not None and until < NEVER else 0


def end_of(key: str) -> int:
    """The same by the purse's key alone, which ends in the date of the window's first day or in "total"."""
    label = key.rpartition(":")[2]
    if len(label) != 8 or not label.isdigit():
        return 0
    try:
        first = datetime.strptime(label, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return end_ms((first + LONGEST).timestamp())


def _extra(gate: Gate) -> int:
    return gate.period_s * 1000 if gate.kind == "rate" else end_ms(gate.until)


def _shown(rates: list[Gate]) -> tuple[tuple[tuple[int, Gate], ...], ...]:
    """The hard rates of requests and those of tokens, each with its place among all rates."""
    hard = [(place, gate) for place, gate in enumerate(rates) if gate.hard]
    requests = tuple(each for each in hard if each[1].measure == "requests")
    tokens = tuple(each for each in hard if each[1].measure != "requests")
    return tuple(group for group in (requests, tokens) if group)


def _strictest(group: tuple[tuple[int, Gate], ...], numbers: list[str]) -> Level:
    place, gate = group[0]
    left = max(int(numbers[2 * place]), 0)
    for other, its in group[1:]:
        if (
            less := max(int(numbers[2 * other]), 0)
        ) < left:  # none is stricter than one that has nothing left
            place, gate, left = other, its, less
    return Level(gate, left, int(numbers[2 * place + 1]) / 1000)


def _strictness(shut: Shut) -> float:
    _, _, after_s, is_held = shut
    if is_held:
        return -1.0
    return NEVER if after_s is None else after_s
