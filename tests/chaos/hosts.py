"""A host that is lost with what only it knows, is settled without, and comes back with the truth."""

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.chaos import books
from tests.chaos.clusters import Cluster
from tests.chaos.crowd import Crowd
from tests.chaos.killing import SIM, config
from tests.chaos.outage import agreed
from tests.chaos.site import KEY, Site
from tests.redises import Server

CALLS = 40
GIVEN_UP_S = 100.0  # by then a host that shows no life is taken for dead: a minute, and a look
BACK_S = 30.0


def lost_and_found(folder: Path, url: str, postgres: Cluster, redis: Server) -> dict[str, Any]:
    """The figures. AssertionError where the guess or the truth does not agree with what was served."""
    settings = config(database=url, redis={"url": redis.url})
    stays, goes = (Site(folder / name, settings) for name in ("stays", "goes"))
    try:
        for place in (stays, goes):
            place.open(SIM)
        crowd = Crowd(goes.port, KEY)
        asyncio.run(_vanish(goes, crowd, postgres))
        began = time.monotonic()
        guessed = _until(url, GIVEN_UP_S, lambda found: not found.holds)
        given_up_s = time.monotonic() - began
        guesses = guessed.outcomes()
        assert guesses == {"lost": CALLS} and guessed.faults == [], (guesses, guessed.faults)
        goes.start()
        _until(url, BACK_S, lambda found: found.outcomes()["lost"] == 0)
        purses = agreed(redis, url)
        stays.stop()
        goes.stop()
        sold = books.sales(goes.served)
    finally:
        for place in (stays, goes):
            place.close()
    found = books.read(url)
    figures = {
        "calls": len(crowd.seen),
        "answered": sum(seen.is_answered for seen in crowd.seen),
        "given_up_s": round(given_up_s, 1),
        "guessed_nano": sum(call.charged_nano for call in guessed.calls),
        "charged_nano": sum(call.charged_nano for call in found.calls),
        "outcomes": dict(found.outcomes()),
        "purses": purses,
        "differences": books.differences(found, sold, crowd.seen),
    }
    assert figures["answered"] == CALLS and figures["outcomes"] == {"completed": CALLS}, figures
    assert figures["differences"] == [], figures
    assert all(shared == table for shared, table in purses.values()), figures
    return figures


async def _vanish(place: Site, crowd: Crowd, postgres: Cluster) -> None:
    """The database knows of calls that have begun; of their end the host's own disk alone."""
    calls = [asyncio.create_task(crowd.call(f"u-{n}", tokens=150, stream=True)) for n in range(CALLS)]
    await asyncio.sleep(1.2)
    await asyncio.to_thread(postgres.freeze)
    await asyncio.gather(*calls)
    await asyncio.to_thread(place.kill)
    await asyncio.to_thread(postgres.thaw)


def _until(url: str, timeout_s: float, is_so: Any) -> books.Books:
    until = time.monotonic() + timeout_s
    while not is_so(found := books.read(url)) and time.monotonic() < until:
        time.sleep(0.5)
    return found
