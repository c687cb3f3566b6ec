"""A key that is made, changed and revoked: how soon each process of each host knows."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.crowd import Crowd, Seen, manage
from tests.chaos.killing import config
from tests.chaos.site import WORKSPACE, Site

SIM = {"output_tokens": 5}
SURE = 16  # so many calls of a host have met each of its processes
CALLERS = 4  # of each host, each on a new connection every time, so that every process is asked
EVERY_S = 0.1
KNOWN_S = 60.0  # however slow the machine; on one that is not it takes no second, which the figures show
WATCHED_S = 1.2  # in which nobody may answer as before

NAMES = (
    "made",
    "models changed",
    "changed back",
    "disabled by the terminal",
    "enabled by the terminal",
    "limited",
    "revoked",
)

Change = Callable[[], Awaitable[Any]]


def everywhere(
    folder: Path, settings: dict[str, Any], hosts: int, workers: int, names: Sequence[str] = NAMES
) -> dict[str, float]:
    """Seconds until the last process knew of each change. AssertionError where one never did."""
    places = [Site(folder / f"host-{number}", config(**settings), workers) for number in range(hosts)]
    try:
        for place in places:
            place.open(SIM)
        return asyncio.run(_changes(places, names))
    finally:
        for place in places:
            place.close()


async def _changes(places: list[Site], names: Sequence[str]) -> dict[str, float]:
    first, last = places[0], places[-1]
    made = await manage(first.port, "POST", "keys", {"name": "fleeting"})
    path, secret = f"keys/{made['id']}", made["key"]

    def change(place: Site, method: str, path: str, body: Any = None) -> Change:
        return lambda: manage(place.port, method, path, body)

    def terminal(place: Site, *words: str) -> Change:
        return lambda: asyncio.to_thread(place.command, "keys", *words, made["id"], "-w", WORKSPACE)

    steps: dict[str, tuple[Change, int]] = {
        "made": (lambda: asyncio.sleep(0), 200),
        "models changed": (change(first, "PATCH", path, {"models": ["other/*"]}), 403),
        "changed back": (change(last, "PATCH", path, {"models": []}), 200),
        "disabled by the terminal": (terminal(last, "disable"), 403),
        "enabled by the terminal": (terminal(first, "enable"), 200),
        "limited": (change(first, "PATCH", path, {"limits": [{"max_call_usd": 0.000001}]}), 400),
        "revoked": (change(last, "DELETE", path), 401),
    }
    return {name: await _known(places, secret, *steps[name], name) for name in names}


async def _known(places: list[Site], secret: str, change: Change, status: int, name: str) -> float:
    """Seconds from the answer to a change to the last call that was dealt with as before it."""
    is_over = asyncio.Event()
    crowds = [Crowd(place.port, secret) for place in places]
    callers = [asyncio.create_task(_ask(crowd, is_over)) for crowd in crowds for _ in range(CALLERS)]
    await asyncio.sleep(0.2)
    await change()
    done = time.time()
    while time.time() - done < KNOWN_S and not all(_is_known(crowd, done, status) for crowd in crowds):
        await asyncio.sleep(EVERY_S)
    is_over.set()
    await asyncio.gather(*callers)
    seen: list[Seen] = [each for crowd in crowds for each in crowd.seen]
    assert {each.status for each in seen} <= {200, 400, 401, 403}, seen
    late = max((each.began - done for each in seen if each.status != status), default=0.0)
    answers = Counter((each.status, each.error) for each in seen if each.began > done)
    assert all(_is_known(crowd, done, status) for crowd in crowds), (name, late, answers)
    return round(max(late, 0.0), 2)


def _is_known(crowd: Crowd, done: float, status: int) -> bool:
    """Whether for some time now no call has been dealt with as before the change."""
    ended = [each for each in crowd.seen if each.took_s]
    last = max([done, *(each.began for each in ended if each.status != status)])
    return sum(each.began > last for each in ended) >= SURE and time.time() - last >= WATCHED_S


async def _ask(crowd: Crowd, is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        await crowd.call("u", tokens=5)
        await asyncio.sleep(EVERY_S)
