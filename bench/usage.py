"""`python -m bench.usage`: ten million calls, and how long each question of the dashboard takes."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from bench import rows
from xroute.store import calls, usage
from xroute.store.address import file_url
from xroute.store.db import Database
from xroute.store.migrate import ready
from xroute.store.spans import DAY_MS, HOUR_MS, spans

LAST = 20_778  # 2026-11-21
NOW = (LAST + 1) * DAY_MS
NAME = "xr_bench_usage"
TARGETS_MS = {"sqlite": 500.0, "postgres": 200.0}
BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
Question = Callable[[Database], Awaitable[Any]]


def sums(days: float, step: Any = "day", zone: ZoneInfo = UTC, **more: Any) -> Question:
    """Usage of the largest workspace in the last days."""
    asked = usage.Question("ws_0", spans(NOW - int(days * DAY_MS), NOW, step, zone), **more)
    return lambda db: usage.usage(db, asked)


def listed(days: float = 30, **more: Any) -> Question:
    """A page of its calls."""
    asked = calls.Question("ws_0", NOW - int(days * DAY_MS), NOW, **more)
    return lambda db: calls.calls(db, asked, 100, None)


QUESTIONS: dict[str, Question] = {
    "24 hours, hour by hour": sums(1, "hour"),
    "48 hours by model, Berlin": sums(2, "hour", BERLIN, by="model"),
    "7 days by key, hour by hour": sums(7, "hour", by="key"),
    "30 days": sums(30),
    "30 days by project": sums(30, by="project"),
    "30 days by key": sums(30, by="key"),
    "30 days by member": sums(30, by="member"),
    "30 days by model": sums(30, by="model"),
    "30 days by provider": sums(30, by="provider"),
    "30 days by model, one key": sums(30, by="model", where={"key": ["key_0_7"]}),
    "30 days by model, one vendor": sums(30, by="model", where={"model": ["vendor/model-1*"]}),
    "30 days by tag": sums(30, by="tag", tag="team"),
    "30 days by user": sums(30, by="user"),
    "30 days, Berlin": sums(30, zone=BERLIN),
    "30 days by model, Berlin": sums(30, zone=BERLIN, by="model"),
    "30 days by key, Berlin": sums(30, zone=BERLIN, by="key"),
    "90 days by key": sums(90, by="key"),
    "90 days by month and model": sums(90, "month", by="model"),
    "90 days in all, by key": sums(90, "total", by="key", top=100),
    "calls: the newest": listed(),
    "calls: of a key": listed(where={"key": ["key_0_7"]}),
    "calls: of a user": listed(where={"user": ["user-77"]}),
    "calls: of a user nobody knows": listed(90, where={"user": ["nobody"]}),
    "calls: failed": listed(is_failed=True),
    "calls: of a model": listed(where={"model": ["vendor/model-3"]}),
    "calls: with a tag": listed(tags={"team": "t3"}),
    "calls: dear ones": listed(min_nano=5_019_000),
    "calls: of a session": listed(where={"session": ["s-77"]}),
    "calls: one hour, long ago": lambda db: calls.calls(
        db, calls.Question("ws_0", NOW - 80 * DAY_MS, NOW - 80 * DAY_MS + HOUR_MS), 100, None
    ),
    "one call": lambda db: calls.call(db, "ws_0", f"req-{7_654_321 % 1_000_000:024x}"),
}


async def measure(db: Database, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each question: the first time, the median and the slowest of those after it."""
    found: dict[str, dict[str, float]] = {}
    for name, ask in QUESTIONS.items():
        taken: list[float] = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            await ask(db)
            taken.append((time.perf_counter() - began) * 1000)
        first, *others = taken
        found[name] = {"first": first, "median": statistics.median(others), "slowest": max(others)}
    return found


@asynccontextmanager
async def postgres(server: str, *, keep: bool) -> AsyncIterator[str]:
    """A database of its own on this server."""
    admin = await asyncpg.connect(server)
    there = await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", NAME)
    if not there:
        await admin.execute(f"CREATE DATABASE {NAME}")
    try:
        base, _, query = server.partition("?")
        yield f"{base.rstrip('/').removesuffix('/postgres')}/{NAME}{'?' if query else ''}{query}"
    finally:
        if not keep:
            await admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        await admin.close()


async def run(kind: str, url: str, count: int, rounds: int) -> dict[str, Any]:
    """Fills the database where it is empty, and measures."""
    db = Database(url, statement_s=None)
    try:
        await ready(db)
        began = time.perf_counter()
        if await calls.call(db, "ws_0", f"req-{0:024x}") is None and not await _has_rows(db):
            async for done in rows.fill(db, count, LAST):
                print(f"{kind}: {done}, {time.perf_counter() - began:.0f} s", file=sys.stderr)
        return {"filled_s": round(time.perf_counter() - began), "ms": await measure(db, rounds)}
    finally:
        await db.close()


async def _has_rows(db: Database) -> bool:
    async with db.read() as connection:
        return (await connection.exec_driver_sql("SELECT 1 FROM calls LIMIT 1")).first() is not None


async def both(wanted: argparse.Namespace) -> dict[str, Any]:
    """Each database in turn."""
    found: dict[str, Any] = {}
    if "sqlite" not in wanted.without:
        with tempfile.TemporaryDirectory(prefix="xroute-bench-") as folder:
            path = wanted.file or Path(folder) / "usage.sqlite3"
            found["sqlite"] = await run("sqlite", file_url(path), wanted.rows, wanted.rounds)
    if "postgres" not in wanted.without:
        async with postgres(wanted.postgres, keep=wanted.keep) as url:
            found["postgres"] = await run("postgres", url, wanted.rows, wanted.rounds)
    return found


def table(found: dict[str, Any]) -> str:
    """The medians as Markdown; what misses its target is marked."""
    lines = [f"| milliseconds, median | {' | '.join(found)} |", f"|---|{'--:|' * len(found)}"]
    for name in QUESTIONS:
        cells = [_cell(found[kind]["ms"][name]["median"], TARGETS_MS[kind]) for kind in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(median: float, target: float) -> str:
    return f"{median:.1f}" if median < target else f"**{median:.1f}**, too long"


def main(argv: list[str]) -> int:
    """Measures; the exit code is 1 where a question takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.usage", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="calls")
    parser.add_argument("--rounds", type=int, default=7, help="times that each question is asked")
    parser.add_argument(
        "--postgres", default="postgresql://postgres@127.0.0.1:5432/postgres", help="a server"
    )
    parser.add_argument("--file", type=Path, help="keep SQLite's file here, and use it where it is there")
    parser.add_argument("--keep", action="store_true", help=f"keep PostgreSQL's database {NAME}")
    parser.add_argument("--without", action="append", default=[], choices=list(TARGETS_MS))
    parser.add_argument("--json", type=Path, help="write all figures here")
    wanted = parser.parse_args(argv)
    found = asyncio.run(both(wanted))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    slow = [
        name
        for kind in found
        for name, taken in found[kind]["ms"].items()
        if taken["median"] >= TARGETS_MS[kind]
    ]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
