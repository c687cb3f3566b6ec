"""Calls of this process that wait for money which others hold: one line for each purse, first come, first in.

Only who is at the front asks Redis again: at once when a call of this process ends, and else after pauses
that grow, for calls of other processes end too. So a line costs the same however long it is.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

from xroute.limits.gate import Hold, Refused

FIRST_S = 0.01
LONGEST_S = 0.25
GROWTH = 1.6

Ask = Callable[[], Awaitable[Hold | Refused]]


class Lines:
    """All lines, by the keys of the purses."""

    def __init__(self) -> None:
        self.lines: dict[str, deque[asyncio.Event]] = {}

    def __len__(self) -> int:
        return sum(len(line) for line in self.lines.values())

    def free(self, key: str) -> None:
        """Something that was held of this purse is free again."""
        if line := self.lines.get(key):
            line[0].set()

    async def wait(self, refused: Refused, timeout_s: float, ask: Ask) -> Hold | Refused:
        """Asks, when it is this call's turn, until it is let in or nothing that is held can help it."""
        by = asyncio.get_running_loop().time() + timeout_s
        while refused.is_held:
            found = await self._stand(refused.gate.key, by, ask)
            if found is None:
                return refused
            if isinstance(found, Hold):
                return found
            refused = found
        return refused

    async def _stand(self, key: str, by: float, ask: Ask) -> Hold | Refused | None:
        """What becomes of a call in the line of one purse; None = the time is over."""
        line, turn = self.lines.setdefault(key, deque()), asyncio.Event()
        line.append(turn)
        pause_s = FIRST_S
        try:
            while await _rest(turn, pause_s if line[0] is turn else float("inf"), by):
                found = await ask()
                if isinstance(found, Hold) or not found.is_held or found.gate.key != key:
                    return found
                pause_s = min(pause_s * GROWTH, LONGEST_S)
            return None
        finally:
            self._leave(key, line, turn)

    def _leave(self, key: str, line: "deque[asyncio.Event]", turn: asyncio.Event) -> None:
        line.remove(turn)
        if line:
            line[0].set()
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
