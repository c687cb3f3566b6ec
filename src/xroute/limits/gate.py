"""What a call has to pass: gates, what it takes of each, and what the answer of an engine is.

An engine decides over all gates of a call in one atomic step: `limits.memory` in this process,
`store.shared` with Redis.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Measure = Literal["requests", "tokens", "tokens_in", "tokens_out", "money", "credit", "slots"]
Kind = Literal[
    "rate",  # slides: never more than `limit` in any `period_s` seconds
    "purse",  # adds up until `until`: what is spent and what is held together stay within `limit`
    "slots",  # how many calls are under way
]


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit of one subject. `key` names its counter: two gates with one key count together."""

    key: str
    kind: Kind
    measure: Measure
    limit: int  # requests, tokens, calls or nano-dollars
    subject: str  # for people: "key bench", "project demo", "workspace acme"
    period_s: int = 60  # of a rate
    until: float = float("inf")  # unix seconds at which a purse's counter is over and another one begins
    window: str = "minute"  # for people: minute, day, week, month, total
    hard: bool = True  # False: it counts and warns, and refuses nobody


class _ByMeasure(NamedTuple):
    requests: int
    tokens: int
    tokens_in: int
    tokens_out: int
    nano: int  # what it is worth: measure "money", of budgets
    credit: int  # what the workspace pays for it: nothing with a credential of its own
    calls: int  # measure "slots": one


# Where each measure stands in `Amounts`.
OF: dict[Measure, int] = {
    "requests": 0,
    "tokens": 1,
    "tokens_in": 2,
    "tokens_out": 3,
    "money": 4,
    "credit": 5,
    "slots": 6,
}


_made = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class Amounts(_ByMeasure):
    """What a call takes: its worst case when it is admitted, the truth when it is settled."""

    __slots__ = ()

    def __new__(
        cls, requests: int = 1, tokens_in: int = 0, tokens_out: int = 0, nano: int = 0, credit: int = 0
    ) -> "Amounts":
        tokens = tokens_in + tokens_out
        return _made(cls, (requests, tokens, tokens_in, tokens_out, nano, credit, 1))


Purses = tuple[tuple[str, int, float], ...]


def purses_of(gates: "tuple[Gate, ...]") -> Purses:
    """Of each purse among them: its key, where in `Amounts` stands what it takes, when it is over."""
    return tuple((gate.key, OF[gate.measure], gate.until) for gate in gates if gate.kind == "purse")


class Level(NamedTuple):
    """Where a gate stands, for the `x-ratelimit-*` headers."""

    gate: Gate
    left: int
    reset_s: float  # until it is as if nothing had been used


@dataclass(slots=True)
class Hold:
    """A call that was let in, until it is settled once."""

    id: str  # the call's
    gates: tuple[Gate, ...]
    amounts: Amounts
    purses: Purses  # among the gates
    levels: tuple[Level, ...] = ()  # of the rates: the strictest of requests, the strictest of tokens
    is_settled: bool = False
    taken_s: float = 0.0  # unix seconds of admission


@dataclass(slots=True)
class Refused:
    """Not let in, and nothing was taken anywhere."""

    gate: Gate  # the strictest: the one that opens last
    left: int  # of the gate's limit, what is held counted as gone
    retry_after_s: float | None  # None: waiting does not help
    is_held: bool = False  # it would fit if calls under way used nothing of what they hold
    levels: tuple[Level, ...] = ()


class Engine(Protocol):
    """Counts what is taken of gates. Times are unix seconds."""

    def admit(
        self, id_: str, gates: tuple[Gate, ...], amounts: Amounts, now: float
    ) -> Hold | Refused | Awaitable[Hold | Refused]:
        """All gates or none, in one step; a gate with `hard` False counts and refuses nobody."""
        ...

    def settle(self, hold: Hold, amounts: Amounts, now: float) -> None:
        """Puts the truth in the place of the worst case; a second time does nothing. Never waits."""
        ...

    def taken(self, key: str) -> int | Awaitable[int]:
        """What is spent and held of a purse."""
        ...

    async def admit_later(
        self,
        id_: str,
        gates: tuple[Gate, ...],
        amounts: Amounts,
        timeout_s: float,
        clock: Callable[[], float],
    ) -> Hold | Refused:
        """Waits in line for what calls under way hold, after a refusal with `is_held`: first come, first in.

        The refusal comes at once when nothing under way can help any more, and after so many seconds at the
        latest. Who stops waiting takes nothing. `clock` gives unix seconds.
        """
        ...
