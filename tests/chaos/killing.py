"""`kill -9` of every process that serves, in the middle of streaming calls, again and again."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos import books
from tests.chaos.books import Books
from tests.chaos.crowd import Crowd
from tests.chaos.site import KEY, WORKSPACE, Site, site

SIM = {"output_tokens": 400, "ttft_ms": {"median": 100, "p95": 400}, "tokens_per_s": 60}
SHORT, LONG = (5, 100), (200, 400)  # tokens of an answer; one that is to be killed within takes seconds
UNDER_WAY_S = 60.0  # half of the calls get their answer at once, at the latest by then
ADOPTED_S = 60.0  # what dead processes left is settled after this, at the latest


def config(**more: Any) -> dict[str, Any]:
    """A workspace that pays later, so that every call is held, and a key with every kind of purse."""
    limits = {"rpm": 100_000, "tpm": 100_000_000, "rpd": 1_000_000, "tpd": 1_000_000_000, "concurrency": 1000}
    budgets = [{"usd": 1000, "window": "total"}, {"usd": 1000, "window": "day"}]
    key = {"name": "chaos", "key": KEY, "workspace": WORKSPACE, "budgets": budgets, "limits": limits}
    workspace = {"slug": WORKSPACE, "plan": "postpaid", "credit_line_usd": 10_000}
    return {"workspaces": [workspace], "keys": [key], **more}


def rounds(
    folder: Path, settings: dict[str, Any], url: str, workers: int, count: int, calls: int = 200
) -> dict[str, Any]:
    """The figures of so many deaths. AssertionError where anything does not agree to the nano-dollar."""
    dice = random.Random(count)
    with site(folder, settings, SIM, workers) as place:
        crowd = Crowd(place.port, KEY)
        for number in range(count):
            asyncio.run(_die(place, crowd, number, calls, dice))
        if workers > 1:
            place.kill_watcher()
            place.start()
        asyncio.run(_calls(crowd, count, 20, SHORT, dice))  # and it goes on
        found = settled(url)
        place.stop()
        found = books.read(url)
        sold = books.sales(place.served)
        log = place.log()
    lost = books.in_flight(found, sold)
    figures = {
        "rounds": count,
        "calls": len(crowd.seen),
        "answered": sum(seen.is_answered for seen in crowd.seen),
        "recorded": len(found.calls),
        "outcomes": dict(found.outcomes()),
        "charged_nano": sum(call.charged_nano for call in found.calls),
        "in_flight": lost,
        "differences": books.differences(found, sold, crowd.seen),
    }
    shown = {**figures, "in_flight": len(lost)}
    assert figures["differences"] == [], shown
    assert figures["answered"] >= 20, shown
    assert len(lost) >= calls // 4 * count, (shown, Counter(seen.status for seen in crowd.seen), log)
    assert "Traceback" not in log, log
    return figures


def settled(url: str, timeout_s: float = ADOPTED_S) -> Books:
    """The books, once nothing is held any more."""
    until = time.monotonic() + timeout_s
    while (found := books.read(url)).holds and time.monotonic() < until:
        time.sleep(0.2)
    return found


async def _die(place: Site, crowd: Crowd, number: int, calls: int, dice: random.Random) -> None:
    """Calls, and the end of whoever answers them while half are at it."""
    before = len(crowd.seen)
    running = asyncio.create_task(_calls(crowd, number, calls, LONG, dice))
    async with asyncio.timeout(UNDER_WAY_S):
        while sum(bool(each.body) and not each.is_whole for each in crowd.seen[before:]) < calls // 2:
            await asyncio.sleep(0.01)
    await asyncio.sleep(dice.uniform(0, 0.3))
    if place.workers > 1 and number % 2:
        await asyncio.to_thread(place.kill_workers)
    else:
        await asyncio.to_thread(place.kill)
        await asyncio.to_thread(place.start)
    await running


async def _calls(crowd: Crowd, number: int, calls: int, tokens: tuple[int, int], dice: random.Random) -> None:
    async def one(index: int) -> None:
        await asyncio.sleep(dice.uniform(0, 0.5))
        with contextlib.suppress(OSError):
            await crowd.call(f"r{number}-{index}", tokens=dice.randint(*tokens), stream=True)

    await asyncio.gather(*(one(index) for index in range(calls)))
