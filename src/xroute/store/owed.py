"""What settlements of this process have not changed in Redis yet: sums, so bounded by counters."""

from collections.abc import Iterable, Sequence
from operator import add, sub

from xroute.limits.gate import Amounts
from xroute.store.admission import Take, Written, bulks, purse

CALLS, NO_WORDS = bulks((b"calls", b"")), bulks((b"", b""))


class Calls:
    """Calls through the same gates: their worst cases and what they have taken, both summed up."""

    __slots__ = ("actual", "held", "rates")

    def __init__(self, held: Amounts, actual: Amounts) -> None:
        self.held: tuple[int, ...] = held
        self.actual: tuple[int, ...] = actual
        self.rates: list[bytes] = []  # of each call: when it was let in, and by what it took more or less

    def entry(self) -> bytes:
        """The amounts, for the entries of what they change."""
        text = b"%d %d %d %d %d %d %d %d %d %d %d %d %d %d" % (*self.held, *self.actual)
        if self.rates:
            text = b" ".join((text, *self.rates))
        return b"%b$%d\r\n%b\r\n%b" % (CALLS, len(text), text, NO_WORDS)


class Sums:
    """What is owed by counter, and not by the gates of calls."""

    __slots__ = ("begun", "freed", "slots", "spent", "takes")

    def __init__(self) -> None:
        self.begun: dict[str, int] = {}  # what purses begin with
        self.spent: dict[str, int] = {}
        self.freed: dict[str, int] = {}  # by which what is held of purses changes
        self.slots: dict[str, int] = {}
        self.takes: dict[str, Take] = {}  # of what is in the others

    def entries(self) -> list[bytes]:
        sums = ((b"begin", self.begun), (b"spend", self.spent), (b"hold", self.freed), (b"slot", self.slots))
        return [
            self.takes[key].entry(what, amount) for what, amounts in sums for key, amount in amounts.items()
        ]

    def begin(self, take: Take, amount: int) -> None:
        self.begun[take.key] = amount
        self.takes[take.key] = take

    def spend(self, take: Take, amount: int) -> None:
        self.spent[take.key] = self.spent.get(take.key, 0) + amount
        self.takes[take.key] = take

    def free(self, takes: Iterable[Take], amounts: Sequence[int]) -> None:
        """Gives back what was held of purses, and slots."""
        for take in takes:
            if take.kind != "rate" and (amount := amounts[take.of]):
                sums = self.freed if take.kind == "purse" else self.slots
                sums[take.key] = sums.get(take.key, 0) - amount
                self.takes[take.key] = take

    def charge(self, takes: Iterable[Take], amounts: Sequence[int]) -> None:
        """Spends what calls have taken of purses."""
        for take in takes:
            if take.kind == "purse" and (amount := amounts[take.of]):
                self.spend(take, amount)


class Batch:
    """What is sent at once."""

    __slots__ = ("calls", "entries", "sums")

    def __init__(self, calls: dict[Written, Calls], sums: Sums | None) -> None:
        self.calls = calls
        self.sums = sums
        self.entries = sums.entries() if sums is not None else []  # first: what is held is freed by calls
        for written, each in calls.items():
            self.entries += (each.entry(), *written.settled)


class Owed:
    """What is freed is put in order by a rejoin too, what is spent is not."""

    def __init__(self) -> None:
        self._calls: dict[Written, Calls] = {}
        self._sums = Sums()

    def __bool__(self) -> bool:
        return bool(self._calls or self._sums.takes)

    def __len__(self) -> int:
        """How many counters are waited for."""
        return len(self._sums.takes)

    def hold(self, takes: Iterable[Take], held: Amounts) -> None:
        """What a call has taken of which Redis was not asked."""
        self._sums.free(takes, [-amount for amount in held])

    def settle(self, written: Written, held: Amounts, actual: Amounts, taken_s: float) -> None:
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
            self._sums.free(written.takes, calls.held)
            self._sums.charge(written.takes, calls.actual)
        self._calls = {}

    def spend(self, take: Take, amount: int) -> None:
        """An amount that no call of this engine took."""
        self._sums.spend(take, amount)

    def begin(self, take: Take, amount: int) -> None:
        """What a purse begins with."""
        self._sums.begin(take, amount)

    def forget_taken(self) -> None:
        """What has been freed does not matter: what is under way will be said as a whole."""
        self.part()
        self._sums.freed, self._sums.slots = {}, {}

    def forget_spent(self) -> None:
        """What has been spent is known from the journal."""
        self.part()
        self._sums.spent = {}

    def take(self) -> Batch:
        """All of it, which is owed no more."""
        sums = self._sums if self._sums.takes else None
        batch = Batch(self._calls, sums)
        self._calls = {}
        if sums is not None:
            self._sums = Sums()
        return batch

    def restore(self, batch: Batch) -> None:
        """What has not arrived is owed again; what it freed is left to the rejoin."""
        for written, calls in batch.calls.items():
            self._sums.charge(written.takes, calls.actual)
        if (sums := batch.sums) is None:
            return
        for key, amount in sums.spent.items():
            self.spend(sums.takes[key], amount)
        for key, amount in sums.begun.items():
            if key not in self._sums.begun:
                self.begin(sums.takes[key], amount)


def taken(holds: Iterable[tuple[Iterable[Take], Amounts]]) -> list[bytes]:
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
