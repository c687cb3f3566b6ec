"""Everything at once: processes die and stores go and come, side by side, while a budget is being used up."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.chaos import books
from tests.chaos.clusters import Cluster
from tests.chaos.crowd import Crowd
from tests.chaos.killing import settled
from tests.chaos.outage import agreed, lock
from tests.chaos.site import KEY, WORKSPACE, Site, site
from tests.redises import Server

SIM = {"output_tokens": 400, "ttft_ms": {"median": 50, "p95": 200}, "tokens_per_s": 120}
BUDGET_NANO = 300_000_000
CALLERS = 16
KNOWN = {"200", "402 budget_exceeded", "503 limits_unavailable", "0"}  # 0: nobody took the connection
QUIET_S = 60.0  # by then the last process that died is settled and all is counted

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls one part of an installation, again and again: one of several things each time."""

    pause_s: float  # between two of them, on average
    acts: dict[str, tuple[Act, Act]]  # by name, how it begins and ends


def config(**more: Any) -> dict[str, Any]:
    """What a process dies under is charged as it was held: so the budget holds for what was served too."""
    budget = {"usd": BUDGET_NANO / 1_000_000_000, "window": "total"}
    key = {"name": "chaos", "key": KEY, "workspace": WORKSPACE, "budget": budget}
    workspace = {"slug": WORKSPACE, "plan": "postpaid", "credit_line_usd": 1000}
    return {"workspaces": [workspace], "keys": [key], "accounting": {"lost": "held"}, **more}


def over_two(
    folder: Path, url: str, postgres: Cluster, redis: Server, seconds: float, seed: int
) -> dict[str, Any]:
    """Two processes with PostgreSQL and Redis: the figures. AssertionError as in `_blow`."""
    settings = config(database=url, redis={"url": redis.url})
    dice = random.Random(seed)

    def troubles(place: Site) -> list[Trouble]:
        killed = {"killed": (lambda: _kill_one(place, dice), _nothing)}
        frozen, crashed = (postgres.freeze, postgres.thaw), (postgres.crash, postgres.start)
        lost = {"redis frozen": (redis.freeze, redis.thaw), "redis emptied": (redis.kill, redis.start)}
        away = {"postgres frozen": frozen, "postgres crashed": crashed}
        return [Trouble(6.0, killed), Trouble(5.0, away), Trouble(4.0, lost)]

    with site(folder, settings, SIM, workers=2) as place:
        figures = _blow(place, url, troubles(place), seconds, dice, lambda: _shared(place, url, redis))
    purses = figures["purses"]
    assert purses and all(shared == table for shared, table in purses.values()), figures
    return figures


def over_one(folder: Path, url: str, seconds: float, seed: int) -> dict[str, Any]:
    """One process with SQLite: the same."""
    dice, held = random.Random(seed), list[sqlite3.Connection]()
    locked = (lambda: lock(folder / "xroute.sqlite3", held), lambda: held.pop().close())
    with site(folder, config(), SIM) as place:
        troubles = [Trouble(4.0, {"killed": (place.kill, place.start)}), Trouble(4.0, {"locked": locked})]
        return _blow(place, url, troubles, seconds, dice, dict)


def _blow(
    place: Site,
    url: str,
    troubles: list[Trouble],
    seconds: float,
    dice: random.Random,
    purses: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """The figures. AssertionError where the budget is passed, or anything does not agree in the end."""
    crowd = Crowd(place.port, KEY)
    happened = asyncio.run(_storm(crowd, troubles, seconds, dice))
    settled(url, QUIET_S)
    found_in_redis = purses()
    place.stop()
    found, sold = books.read(url), books.sales(place.served)
    figures = {
        "seconds": seconds,
        "events": dict(happened),
        "calls": len(crowd.seen),
        "answers": dict(Counter(f"{seen.status} {seen.error}".strip() for seen in crowd.seen)),
        "outcomes": dict(found.outcomes()),
        "served_nano": sum(each.nano for each in sold.values()),
        "charged_nano": sum(call.charged_nano for call in found.calls),
        "purses": found_in_redis,
        "differences": books.differences(found, sold, crowd.seen),
    }
    assert figures["differences"] == [], (figures, place.log())
    assert figures["served_nano"] <= figures["charged_nano"] <= BUDGET_NANO, figures
    assert set(figures["answers"]) <= KNOWN, figures
    return figures


def _shared(place: Site, url: str, redis: Server) -> dict[str, Any]:
    """The purses, once Redis knows what the database does."""
    place.await_processes()
    return agreed(redis, url)


async def _storm(crowd: Crowd, troubles: list[Trouble], seconds: float, dice: random.Random) -> Counter[str]:
    is_over, happened = asyncio.Event(), Counter[str]()
    callers = [asyncio.create_task(_caller(crowd, number, is_over)) for number in range(CALLERS)]
    until = asyncio.get_running_loop().time() + seconds

    async def befall(trouble: Trouble) -> None:
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(dice.uniform(0.2, 2.0) * trouble.pause_s)
            name = dice.choice(sorted(trouble.acts))
            begin, end = trouble.acts[name]
            happened[name] += 1
            await asyncio.to_thread(begin)
            await asyncio.sleep(dice.uniform(0.1, 3.0))
            await asyncio.to_thread(end)

    await asyncio.gather(*map(befall, troubles))
    is_over.set()
    await asyncio.gather(*callers)
    return happened


def _kill_one(place: Site, dice: random.Random) -> None:
    if running := place.processes():
        try:
            dice.choice(running).kill()
        except psutil.NoSuchProcess:
            return  # it has died already, and is not started again yet


def _nothing() -> None:
    """It is started again by the one that watches."""


async def _caller(crowd: Crowd, number: int, is_over: asyncio.Event) -> None:
    dice, count = random.Random(number), 0
    while not is_over.is_set():
        seen = await crowd.call(f"c{number}-{count}", tokens=dice.randint(5, 60), stream=dice.random() < 0.7)
        count += 1
        await asyncio.sleep(0.02 if seen.status == 200 else 0.2)
