"""The long versions: `python -m tests.chaos --rounds 10 --seconds 30`, and what they have shown."""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.chaos import budget, endings, hosts, killing, outage, revoking, storm
from tests.chaos.clusters import Cluster, cluster
from tests.chaos.outage import Outage
from tests.redises import SERVERS, Server

Show = Callable[["Place"], Any]


class Place:
    """Where one scenario runs: a folder, a database, a Redis."""

    def __init__(self, folder: Path, postgres: Cluster | None, redis: Server | None) -> None:
        self.folder = folder / "site"
        self.postgres = postgres
        self.redis = redis
        self.url = postgres.database() if postgres else f"sqlite:///{self.folder / 'xroute.sqlite3'}"

    @property
    def shared(self) -> dict[str, Any]:
        return {"database": self.url, "redis": {"url": self.redis.url}} if self.redis else {}


def scenarios(rounds: int, seconds: float) -> dict[str, tuple[bool, Show]]:
    """By name: whether it needs PostgreSQL and Redis, and what it shows."""
    return {
        "budget, SQLite": (False, lambda p: budget.rush(p.folder, budget.config(), p.url, 1)),
        "budget, 2 processes": (True, lambda p: budget.rush(p.folder, budget.config(**p.shared), p.url, 2)),
        "kill -9, SQLite": (False, lambda p: killing.rounds(p.folder, killing.config(), p.url, 1, rounds)),
        "kill -9, 2 processes": (
            True,
            lambda p: killing.rounds(p.folder, killing.config(**p.shared), p.url, 2, rounds),
        ),
        "SQLite locked": (False, lambda p: _locked(p, seconds)),
        "PostgreSQL away": (True, lambda p: _away(p, seconds)),
        "Redis away, closed": (True, lambda p: _redis(p, "closed", seconds)),
        "Redis away, open": (True, lambda p: _redis(p, "open", seconds)),
        "a host lost and found": (True, _hosts),
        "storm, SQLite": (False, lambda p: storm.over_one(p.folder, p.url, 2 * seconds, rounds)),
        "storm, 2 processes": (True, lambda p: _storm(p, 4 * seconds, rounds)),
        "endings, SQLite": (False, lambda p: endings.all_of_them(p.folder, {}, p.url, 1)),
        "endings, shared": (True, lambda p: endings.all_of_them(p.folder, p.shared, p.url, 1)),
        "keys, 2 hosts": (True, lambda p: revoking.everywhere(p.folder, p.shared, hosts=2, workers=2)),
        "keys, SQLite": (False, lambda p: revoking.everywhere(p.folder, {}, hosts=1, workers=1)),
    }


def _locked(place: Place, seconds: float) -> Any:
    held: list[sqlite3.Connection] = []
    path = place.folder / "xroute.sqlite3"
    happens = [Outage("locked", lambda: outage.lock(path, held), lambda: held.pop().close())]
    return outage.of_database(place.folder, {}, place.url, 1, happens, seconds)


def _away(place: Place, seconds: float) -> Any:
    assert place.postgres is not None
    happens = outage.of_postgres(place.postgres)
    return outage.of_database(place.folder, place.shared, place.url, 2, happens, seconds)


def _redis(place: Place, when_down: str, seconds: float) -> Any:
    assert place.redis is not None
    happens = outage.of_server(place.redis)
    settings = {**place.shared, "redis": {"url": place.redis.url, "when_down": when_down}}
    return outage.of_redis(place.folder, settings, place.url, place.redis, happens, seconds)


def _hosts(place: Place) -> Any:
    assert place.postgres is not None and place.redis is not None
    return hosts.lost_and_found(place.folder, place.url, place.postgres, place.redis)


def _storm(place: Place, seconds: float, seed: int) -> Any:
    assert place.postgres is not None and place.redis is not None
    return storm.over_two(place.folder, place.url, place.postgres, place.redis, seconds, seed)


def main() -> int:
    """0 where all of them hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="deaths by kill -9")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a store is away")
    parser.add_argument("--only", default="", help="the scenarios whose name has this in it")
    given, failed = parser.parse_args(), 0
    for name, (is_shared, show) in scenarios(given.rounds, given.seconds).items():
        if given.only in name:
            failed += not _shown(name, is_shared, show)
    return min(failed, 1)


def _shown(name: str, is_shared: bool, show: Show) -> bool:
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xr_chaos_")))
            postgres = stack.enter_context(cluster()) if is_shared else None
            redis = _redis_server(stack, folder) if is_shared else None
            figures = show(Place(folder, postgres, redis))
    except pytest.skip.Exception as reason:
        print(f"{name}: skipped: {reason}", flush=True)
        return True
    except AssertionError as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return False
    print(f"{name}: holds, {time.monotonic() - began:.0f} s", flush=True)
    for key, value in figures.items():
        _print(key, value)
    return True


def _print(key: str, value: Any) -> None:
    if isinstance(value, list) and value and isinstance(value[0], str):
        print(f"  {key}: {len(value)}", *value, sep="\n    ", flush=True)
    else:
        print(f"  {key}: {value}", flush=True)


def _redis_server(stack: ExitStack, folder: Path) -> Server:
    program = next((found for name in SERVERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no redis-server and no valkey-server is installed")
    server = Server(program, folder)
    server.start()
    stack.callback(server.kill)
    return server


if __name__ == "__main__":
    raise SystemExit(main())
