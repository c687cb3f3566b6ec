"""What settlements of this process have not changed in Redis yet: sums, so bounded by counters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import add, sub

from xroute.limits.plans import Needs
from xroute.store.admission import Take, Written, bulks, purse

CALLS, NO_WORDS = bulks((b"calls", b"")), bulks((b"", b""))


class Calls:
    """Calls through the same gates: their worst cases and what they have taken, both summed up."""

    __slots__ = ("actual", "held", "rates")

    def __init__(self, held: Needs, actual: Needs) -> None:
        self.held: tuple[int, ...] = held
        self.actual: tuple[int, ...] = actual
        self.rates: list[bytes] = []  # of each call: when it was let in, and by what it took more or less

    def entry(self) -> bytes:
        """The amounts, for the entries of what they change."""
        text = b"%d %d %d %d %d %d %d %d %d %d %d %d %d %d" % (*self.held, *self.actual)
        if self.rates:
            text = b" ".join((text, *self.rates))
        return b"%b$%d\r\n%b\r\n%b" % (CALLS, len(text), text, NO_WORDS)


@dataclass(slots=True)
class Batch:
    """What is sent at once."""

    entries: list[bytes] = field(default_factory=list[bytes])
    calls: dict[Written, Calls] = field(default_factory=dict[Written, Calls])
    spent: dict[str, int] = field(default_factory=dict[str, int])
    begun: dict[str, int] = field(default_factory=dict[str, int])
    takes: dict[str, Take] = field(default_factory=dict[str, Take])


class Owed:
    """Sums by the gates of calls, and by counter what is not of calls.

    What is freed is put in order by a rejoin too, what is spent is not.
    """

    def __init__(self) -> None:
        self._calls: dict[Written, Calls] = {}
        self._spent: dict[str, int] = {}
        self._begun: dict[str, int] = {}  # what purses begin with
        self._freed: dict[str, int] = {}  # by which what is held of purses changes
        self._slots: dict[str, int] = {}
        self._takes: dict[str, Take] = {}  # of what is in the others

    def __bool__(self) -> bool:
        return bool(self._calls or self._takes)

    def __len__(self) -> int:
        """How many counters are waited for."""
        return len(self._takes)

    def hold(self, takes: Iterable[Take], held: Needs) -> None:
        """What a call has taken of which Redis was not asked."""
        self._free(takes, [-amount for amount in held])

    def settle(self, written: Written, held: Needs, actual: Needs, taken_s: float) -> None:
        """One call's truth in the place of its worst case."""
        calls = self._calls.get(written)
        if calls is None:
            calls = self._calls[written] = Calls(held, actual)
        else:
            calls.held, calls.actual = (
                tuple(map(add, calls.held, held)),
                tuple(map(add, calls.actual, actual)),
            )
        if written.has_rates and held != actual:
            more = (round(taken_s * 1000), *map(sub, actual, held))
            calls.rates.append(b"%d %d %d %d %d %d %d %d" % more)

    def part(self) -> None:
        """Sums of calls become sums of counters, which are fewer; rates are not kept."""
        for written, calls in self._calls.items():
            self._free(written.takes, calls.held)
            self._charge(written, calls)
        self._calls = {}

    def spend(self, take: Take, amount: int) -> None:
        """An amount that no call of this engine took."""
        self._spent[take.key] = self._spent.get(take.key, 0) + amount
        self._takes[take.key] = take

    def begin(self, take: Take, amount: int) -> None:
        """What a purse begins with."""
        self._begun[take.key] = amount
        self._takes[take.key] = take

    def forget_taken(self) -> None:
        """What has been freed does not matter: what is under way will be said as a whole."""
        self.part()
        self._freed, self._slots = {}, {}

    def forget_spent(self) -> None:
        """What has been spent is known from the journal."""
        self.part()
        self._spent = {}

    def take(self) -> Batch:
        """All of it, which is owed no more."""
        batch = Batch(calls=self._calls)
        if self._takes:  # before the calls: what is held is freed by them
            self._take_sums(batch)
        for written, calls in self._calls.items():
            batch.entries += (calls.entry(), *written.settled)
        self._calls = {}
        return batch

    def _take_sums(self, batch: Batch) -> None:
        takes = self._takes
        sums = (
            (b"begin", self._begun),
            (b"spend", self._spent),
            (b"hold", self._freed),
            (b"slot", self._slots),
        )
        for what, amounts in sums:
            batch.entries += [takes[key].entry(what, amount) for key, amount in amounts.items()]
        batch.spent, batch.begun, batch.takes = self._spent, self._begun, takes
        self._spent, self._begun, self._freed, self._slots, self._takes = {}, {}, {}, {}, {}

    def restore(self, batch: Batch) -> None:
        """What has not arrived is owed again; what it freed is left to the rejoin."""
        for written, calls in batch.calls.items():
            self._charge(written, calls)
        for key, amount in batch.spent.items():
            self.spend(batch.takes[key], amount)
        for key, amount in batch.begun.items():
            if key not in self._begun:
                self.begin(batch.takes[key], amount)

    def _free(self, takes: Iterable[Take], amounts: Sequence[int]) -> None:
        """Gives back what was held of purses, and slots."""
        for take in takes:
            if take.kind != "rate" and (amount := amounts[take.of]):
                sums = self._freed if take.kind == "purse" else self._slots
                sums[take.key] = sums.get(take.key, 0) - amount
                self._takes[take.key] = take

    def _charge(self, written: Written, calls: Calls) -> None:
        for take in written.takes:
            if take.kind == "purse" and (amount := calls.actual[take.of]):
                self.spend(take, amount)


def taken(holds: Iterable[tuple[Iterable[Take], Needs]]) -> list[bytes]:
    """Entries of what calls under way have taken, summed up."""
    sums: dict[str, int] = {}
    by_key: dict[str, Take] = {}
    for takes, held in holds:
        for take in takes:
            if take.kind != "rate" and held[take.of]:
                sums[take.key] = sums.get(take.key, 0) + held[take.of]
                by_key[take.key] = take
    return [
        take.entry(b"hold" if take.kind == "purse" else b"slot", sums[key]) for key, take in by_key.items()
    ]


def spending_of(charges: Iterable[tuple[str, int, int]]) -> list[bytes]:
    """Entries of what is spent of purses: (purse, amount, end in unix ms)."""
    return [purse(key, end).entry(b"spend", amount) for key, amount, end in charges]
