"""A store that goes away for some seconds under load: what clients see, and what the books say afterwards."""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import books
from tests.chaos.books import Books
from tests.chaos.clusters import Cluster
from tests.chaos.crowd import Crowd, Seen
from tests.chaos.killing import config
from tests.chaos.site import KEY, Site, site
from tests.redises import Server

SIM = {"output_tokens": 400, "ttft_ms": {"median": 20, "p95": 60}, "tokens_per_s": 500}
CALLERS = 12
PAUSE_S = 0.05  # of each caller between two calls
AROUND_S = 0.6  # of load before and after
CAUGHT_UP_S = 60.0  # by then the database has every record
RECOVERED_S = 30.0  # by then calls are taken again after Redis has come back, however slow the machine
SAID_S = 30.0  # by then /readyz says what is away
TOLD_S = 10.0  # a database that only says nothing is taken for dead after this, at the latest
NOTICED_S = 1.0  # by then it is known that Redis is gone: redis.timeout_s and what the machine takes

Act = Callable[[], None]


@dataclass(slots=True)
class Outage:
    """What is done, and when."""

    name: str
    begin: Act
    end: Act
    down: float = 0.0  # unix seconds: from then on it goes away,
    gone: float = 0.0  # is away,
    back: float = 0.0  # comes back,
    up: float = 0.0  # and is there again
    ready: tuple[int, dict[str, Any]] = field(default_factory=lambda: (0, {}))  # of /readyz in the middle

    async def happen(self, place: Site, seconds: float, word: tuple[str, str]) -> None:
        """`word`: what /readyz says of which part once it has noticed; empty where it need not."""
        self.down = time.time()
        await asyncio.to_thread(self.begin)
        self.gone = time.time()
        await asyncio.sleep(seconds * 0.8)
        while not await self._says(place, *word):
            assert time.time() < self.gone + seconds + SAID_S, self.ready
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds * 0.2)
        self.back = time.time()
        await asyncio.to_thread(self.end)
        self.up = time.time()

    async def _says(self, place: Site, part: str, beginning: str) -> bool:
        self.ready = await asyncio.to_thread(place.ready)
        return str(self.ready[1].get(part)).startswith(beginning)


def of_postgres(cluster: Cluster) -> list[Outage]:
    """It says nothing, and then it dies."""
    return [Outage("frozen", cluster.freeze, cluster.thaw), Outage("crashed", cluster.crash, cluster.start)]


def lock(path: Path, held: list[sqlite3.Connection]) -> None:
    """Nobody writes to a SQLite file, until the connection that is added is closed."""
    held.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    held[-1].execute("PRAGMA busy_timeout = 10000")
    held[-1].execute("BEGIN EXCLUSIVE")


def of_database(
    folder: Path, settings: dict[str, Any], url: str, workers: int, outages: list[Outage], seconds: float
) -> dict[str, Any]:
    """The figures. AssertionError where a call fails, or an event is lost or counted twice."""
    with site(folder, config(**settings), SIM, workers) as place:
        words = [_word(each, seconds) for each in outages]
        crowd = asyncio.run(_load(place, outages, seconds, words))
        behind_s = _caught_up(url, crowd.seen)
        place.stop()
        figures = _figures(place, url, crowd, outages, seconds) | {"behind_s": behind_s}
    assert figures["answers"] == {"200": len(crowd.seen)}, figures
    assert figures["differences"] == [], figures
    for outage, (part, _) in zip(outages, words, strict=True):
        assert outage.ready[0] == 200, outage.ready
        assert not part or outage.ready[1]["status"] == "degraded", outage.ready
        assert figures[outage.name] >= 5 * seconds, figures
    return figures


def _word(outage: Outage, seconds: float) -> tuple[str, str]:
    """What /readyz says of a database that is away: of one that only says nothing, after some time."""
    return ("database", "down for") if outage.name == "crashed" or seconds > TOLD_S else ("", "")


def of_server(server: Server) -> list[Outage]:
    """A Redis that says nothing, and one that comes back with nothing in it."""
    return [Outage("frozen", server.freeze, server.thaw), Outage("killed", server.kill, server.start)]


def of_redis(
    folder: Path,
    settings: dict[str, Any],
    url: str,
    server: Server,
    outages: list[Outage],
    seconds: float,
) -> dict[str, Any]:
    """The figures. AssertionError where calls are not dealt with as `when_down` says, or purses differ."""
    when_down = settings["redis"]["when_down"]
    with site(folder, config(**settings), SIM, 2) as place:
        crowd = asyncio.run(_load(place, outages, seconds, [("redis", "down since")] * len(outages)))
        _caught_up(url, [seen for seen in crowd.seen if seen.is_answered])
        purses = agreed(server, url)
        place.stop()
        figures = _figures(place, url, crowd, outages, seconds) | {"purses": purses}
    assert figures["differences"] == [], figures
    assert all(redis == table for redis, table in purses.values()), purses
    assert len(purses) >= 3, purses
    if when_down == "open":
        assert figures["answers"] == {"200": len(crowd.seen)}, figures
    else:
        until = [*(outage.down for outage in outages[1:]), time.time()]
        pairs = zip(outages, until, strict=True)
        figures["recovered_s"] = [round(_closed(outage, crowd.seen, next_), 2) for outage, next_ in pairs]
        assert set(figures["answers"]) == {"200", "503 limits_unavailable"}, figures
    for outage in outages:
        assert outage.ready[0] == (200 if when_down == "open" else 503), outage.ready
    return figures


def _closed(outage: Outage, seen: list[Seen], until: float) -> float:
    """Seconds after which no call was refused any more; `until`: when the next outage begins."""
    here = [each for each in seen if outage.down <= each.began < until]
    refused = [each for each in here if each.status == 503]
    sure = [each for each in here if outage.gone + NOTICED_S < each.began < outage.back]
    assert sure and all(each.status == 503 for each in sure), Counter(each.status for each in sure)
    assert all(int(each.headers["retry-after"]) > 0 for each in refused)
    recovered_s = max(each.began for each in refused) - outage.up
    assert recovered_s < RECOVERED_S, recovered_s
    return max(recovered_s, 0.0)


async def _load(place: Site, outages: list[Outage], seconds: float, words: list[tuple[str, str]]) -> Crowd:
    """Calls all the time, while one thing happens after the other."""
    crowd, is_over = Crowd(place.port, KEY), asyncio.Event()
    callers = [asyncio.create_task(_caller(crowd, number, is_over)) for number in range(CALLERS)]
    await asyncio.sleep(AROUND_S)
    for outage, word in zip(outages, words, strict=True):
        await outage.happen(place, seconds, word)
        await _answers(crowd, outage)
        await asyncio.sleep(AROUND_S)
    is_over.set()
    await asyncio.gather(*callers)
    return crowd


async def _answers(crowd: Crowd, outage: Outage) -> None:
    """Returns when calls that began after an outage are answered."""
    until = time.monotonic() + RECOVERED_S
    while not any(seen.is_answered for seen in crowd.seen[-CALLERS * 4 :] if seen.began > outage.up):
        assert time.monotonic() < until, f"no call is answered {RECOVERED_S} s after {outage.name}"
        await asyncio.sleep(0.02)


async def _caller(crowd: Crowd, number: int, is_over: asyncio.Event) -> None:
    dice, count = random.Random(number), 0
    while not is_over.is_set():
        await crowd.call(f"c{number}-{count}", tokens=dice.randint(5, 60), stream=dice.random() < 0.5)
        count += 1
        await asyncio.sleep(dice.uniform(0, 2 * PAUSE_S))


def _caught_up(url: str, answered: list[Seen]) -> float:
    """Seconds until the database has every call and holds nothing any more."""
    began = time.monotonic()
    while time.monotonic() < began + CAUGHT_UP_S:
        found = books.read(url)
        if len(found.calls) >= len(answered) and not found.holds:
            break
        time.sleep(0.2)
    return time.monotonic() - began


def _figures(place: Site, url: str, crowd: Crowd, outages: list[Outage], seconds: float) -> dict[str, Any]:
    found = books.read(url)
    log = place.log()
    assert "Traceback" not in log, log
    return {
        "seconds": seconds,
        "calls": len(crowd.seen),
        **{o.name: sum(o.down <= each.began < o.up for each in crowd.seen) for o in outages},
        "answers": dict(Counter(f"{each.status} {each.error}".strip() for each in crowd.seen)),
        "recorded": len(found.calls),
        "charged_nano": sum(call.charged_nano for call in found.calls),
        "slowest_s": round(max(each.took_s for each in crowd.seen), 2),
        "differences": books.differences(found, books.sales(place.served), crowd.seen),
    }


def agreed(server: Server, url: str) -> dict[str, tuple[Any, Any]]:
    """What Redis has of each purse (spent, held), beside the table's: once they are the same, or too late."""
    until = time.monotonic() + CAUGHT_UP_S
    while True:
        found = _counted(server, books.read(url))
        if time.monotonic() > until or (found and all(redis == table for redis, table in found.values())):
            return found
        time.sleep(0.5)


def _counted(server: Server, found: Books) -> dict[str, tuple[Any, Any]]:
    import redis  # only where there is one

    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        epoch = client.get("{xroute}:epoch")
        counted: dict[str, tuple[Any, Any]] = {}
        for key, spent in found.purses.items():
            values = client.hmget(f"{{xroute}}:{epoch}:p:{key}", "s", "h")
            counted[key] = ([int(value or 0) for value in values], [spent, 0])
        return counted
