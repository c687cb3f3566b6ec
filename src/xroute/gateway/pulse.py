"""Comments that keep a silent stream's connection open through proxies and load balancers."""

import asyncio
from collections.abc import Callable

from xroute.gateway.call import Gateway

COMMENT = b": xroute\n\n"
STALL_S = 60.0  # a client that takes nothing for so long is given up, and with it the upstream request


async def pulse(gateway: Gateway, silence_s: float, clock: Callable[[], float]) -> None:
    """Sends a comment to each stream that has been silent for `silence_s`; runs until cancelled.

    A stream that waits for its first token is opened by it: from then on a failure is told in the stream.
    """
    while True:
        await asyncio.sleep(min(silence_s / 3, 5.0))
        now = clock()
        for run in list(gateway.streams):
            reply = run.reply
            if reply.writing_since:
                if now - reply.writing_since > STALL_S:
                    reply.drop()
            elif now - reply.last_write >= silence_s:
                # Not waited for: one slow client must not hold up the others' comments.
                reply.nudge(COMMENT)
