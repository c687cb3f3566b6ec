"""What settlements of this process have not changed in Redis yet: sums, so bounded by counters."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from xroute.limits.plans import Needs
from xroute.store.admission import Take, purse


@dataclass(slots=True)
class Batch:
    """What is sent at once."""

    entries: list[bytes] = field(default_factory=list[bytes])
    spent: dict[str, int] = field(default_factory=dict[str, int])
    begun: dict[str, int] = field(default_factory=dict[str, int])
    takes: dict[str, Take] = field(default_factory=dict[str, Take])


class Owed:
    """Sums by counter. What is freed is put in order by a rejoin too, what is spent is not."""

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}
        self._begun: dict[str, int] = {}  # what purses begin with
        self._freed: dict[str, int] = {}  # by which what is held of purses changes
        self._slots: dict[str, int] = {}
        self._rates: list[bytes] = []
        self._takes: dict[str, Take] = {}  # of what is in the others

    def __bool__(self) -> bool:
        return bool(self._takes or self._rates)

    def __len__(self) -> int:
        """How many counters are waited for."""
        return len(self._takes)

    def hold(self, takes: Iterable[Take], held: Needs) -> None:
        """What a call has taken of which Redis was not asked."""
        for take in takes:
            if take.kind == "purse" and held[take.of]:
                self._freed[take.key] = self._freed.get(take.key, 0) + held[take.of]
                self._takes[take.key] = take
            elif take.kind == "slots":
                self._slots[take.key] = self._slots.get(take.key, 0) + 1
                self._takes[take.key] = take

    def settle(self, takes: Iterable[Take], held: Needs, actual: Needs, taken_s: float) -> None:
        """One call's truth in the place of its worst case."""
        for take in takes:
            kind, key, of = take.kind, take.key, take.of
            before, after = held[of], actual[of]
            if kind == "purse":
                if before:
                    self._freed[key] = self._freed.get(key, 0) - before
                if after:
                    self._spent[key] = self._spent.get(key, 0) + after
                self._takes[key] = take
            elif kind == "slots":
                self._slots[key] = self._slots.get(key, 0) - 1
                self._takes[key] = take
            elif before != after:
                self._rates.append(take.correct(after - before, round(taken_s * 1000)))

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
        self._freed, self._slots, self._rates = {}, {}, []

    def forget_rates(self) -> None:
        """Rates are not kept over an outage."""
        self._rates = []

    def forget_spent(self) -> None:
        """What has been spent is known from the journal."""
        self._spent = {}

    def take(self) -> Batch:
        """All of it, which is owed no more."""
        takes = self._takes
        entries = [takes[key].begin(amount) for key, amount in self._begun.items()]
        entries += spending((takes[key], amount) for key, amount in self._spent.items())
        entries += [_entry(takes[key].hold, b"%d" % n, takes[key].tail) for key, n in self._freed.items()]
        entries += [_entry(takes[key].slot, b"%d" % n, takes[key].tail) for key, n in self._slots.items()]
        batch = Batch(entries + self._rates, self._spent, self._begun, takes)
        self._spent, self._begun, self._takes = {}, {}, {}
        self.forget_taken()
        return batch

    def restore(self, batch: Batch) -> None:
        """What has not arrived is owed again; what it freed is left to the rejoin."""
        for key, amount in batch.spent.items():
            self.spend(batch.takes[key], amount)
        for key, amount in batch.begun.items():
            if key not in self._begun:
                self.begin(batch.takes[key], amount)


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
        _entry(take.hold if take.kind == "purse" else take.slot, b"%d" % sums[key], take.tail)
        for key, take in by_key.items()
    ]


def spending(amounts: Iterable[tuple[Take, int]]) -> list[bytes]:
    """Entries of what is spent of purses."""
    return [_entry(take.spend, b"%d" % amount, take.tail) for take, amount in amounts]


def spending_of(charges: Iterable[tuple[str, int, int]]) -> list[bytes]:
    """The same of (purse, amount, end in unix ms)."""
    return spending((purse(key, end), amount) for key, amount, end in charges)


def _entry(head: bytes, amount: bytes, tail: bytes) -> bytes:
    return b"%b$%d\r\n%b\r\n%b" % (head, len(amount), amount, tail)
