"""Calls that wait for what others hold: in one line for each purse, first come, first in.

Who is at the front is asked for again whenever a call of that purse ends, and gets its place right then:
nobody comes in between, and nobody is woken for nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from xroute.limits.counters import Purse
from xroute.limits.gate import Amounts, Gate, Hold, Refused


class Waiting:
    """One call in a line. `answer` is what becomes of it; `purse` is what it waits for now."""

    __slots__ = ("amounts", "answer", "clock", "gates", "id", "purse", "refused")

    def __init__(
        self,
        id_: str,
        gates: tuple[Gate, ...],
        amounts: Amounts,
        clock: Callable[[], float],
        answer: "asyncio.Future[Hold | Refused]",
    ) -> None:
        self.id = id_
        self.gates = gates
        self.amounts = amounts
        self.clock = clock
        self.answer = answer
        self.purse: Purse | None = None
        self.refused: Refused | None = None  # why it was not let in when it was last asked for


Find = Callable[[Gate], Purse]
Ask = Callable[[Waiting], Hold | Refused]


class Line:
    """All lines. `ask` admits a call, `find` knows the purse of a gate."""

    def __init__(self, ask: Ask, find: Find) -> None:
        self.length = 0
        self._ask = ask
        self._find = find

    def join(self, waiting: Waiting, refused: Refused) -> None:
        """At the end of the line for what refused it."""
        waiting.refused = refused
        waiting.purse = purse = self._find(refused.gate)
        if purse.line is None:
            purse.line = deque()
        purse.line.append(waiting)
        self.length += 1

    def leave(self, waiting: Waiting) -> None:
        """Out of the line; who is behind it may fit."""
        purse = waiting.purse
        if purse is None:
            return
        assert purse.line is not None
        is_first = purse.line[0] is waiting
        self._out(waiting, purse)
        if is_first:
            self.move(purse)

    def move(self, purse: Purse) -> None:
        """Lets in who fits, from the front; who can never fit hears so."""
        while purse.line:
            waiting = purse.line[0]
            if waiting.answer.done():  # cancelled, and about to leave
                self._out(waiting, purse)
                continue
            found = self._ask(waiting)
            if isinstance(found, Hold) or not found.is_held:
                self._out(waiting, purse)
                waiting.answer.set_result(found)
            elif self._find(found.gate) is purse:
                waiting.refused = found
                return
            else:
                self._out(waiting, purse)
                self.join(waiting, found)

    def _out(self, waiting: Waiting, purse: Purse) -> None:
        assert purse.line is not None
        if purse.line[0] is waiting:
            purse.line.popleft()
        else:
            purse.line.remove(waiting)
        if not purse.line:
            purse.line = None
        waiting.purse = None
        self.length -= 1
