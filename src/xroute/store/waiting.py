"""Calls of this process that wait for money which others hold: one line for each purse, first come, first in.

Only who is at the front asks Redis again: at once when a call of this process ends, and else after pauses
that grow, for calls of other processes end too. So a line costs the same however long it is.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

from xroute.limits.counters import SOON_S
from xroute.limits.gate import Gate, Hold, Refused

FIRST_S = 0.01
LONGEST_S = 0.25
GROWTH = 1.6

Ask = Callable[[], Awaitable[Hold | Refused]]


class Line:
    """Who waits for a purse, and what was heard of it last."""

    __slots__ = ("refused", "turns")

    def __init__(self, refused: Refused) -> None:
        self.refused = refused
        self.turns: deque[asyncio.Event] = deque()

    def behind(self, gate: Gate) -> Refused:
        """The refusal of who comes now, by a gate of the same purse."""
        left = self.refused.left + gate.limit - self.refused.gate.limit
        return Refused(gate, max(left, 0), SOON_S, True)


class Lines:
    """All lines, by the keys of the purses."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return sum(len(line.turns) for line in self.lines.values())

    def free(self, key: str) -> None:
        """Something that was held of this purse is free again."""
        if line := self.lines.get(key):
            line.turns[0].set()

    async def wait(self, refused: Refused, timeout_s: float, ask: Ask) -> Hold | Refused:
        """Asks, when it is this call's turn, until it is let in or nothing that is held can help it."""
        by = asyncio.get_running_loop().time() + timeout_s
        while refused.is_held:
            found = await self._stand(refused, by, ask)
            if found is None:
                return refused
            if isinstance(found, Hold):
                return found
            refused = found
        return refused

    async def _stand(self, refused: Refused, by: float, ask: Ask) -> Hold | Refused | None:
        """What becomes of a call in the line of the purse that refused it; None = the time is over."""
        key, turn = refused.gate.key, asyncio.Event()
        line = self.lines.setdefault(key, Line(refused))
        line.turns.append(turn)
        pause_s = FIRST_S
        try:
            while await _rest(turn, pause_s if line.turns[0] is turn else float("inf"), by):
                found = await ask()
                if isinstance(found, Hold) or not found.is_held or found.gate.key != key:
                    return found
                line.refused = found
                pause_s = min(pause_s * GROWTH, LONGEST_S)
            return None
        finally:
            self._leave(key, line, turn)

    def _leave(self, key: str, line: Line, turn: asyncio.Event) -> None:
        line.turns.remove(turn)
        if line.turns:
            line.turns[0].set()
        else:
            del self.lines[key]


async def _rest(turn: asyncio.Event, pause_s: float, by: float) -> bool:
    """Waits until it is time to ask; False = all the time is over."""
    clock = asyncio.get_running_loop().time
    left_s = by - clock()
    if left_s <= 0:
        return False
    try:
        async with asyncio.timeout(min(pause_s * random.uniform(0.7, 1.3), left_s)):
            await turn.wait()
    except TimeoutError:
        return clock() < by
    turn.clear()
    return True
