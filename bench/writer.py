"""What the writer costs, and whether it keeps up. `python -m bench.writer`.

First calls are journaled and then written, with nothing else to do: CPU of the event loop's thread and of all
others. Then calls follow one another as fast as they can, each with so many microseconds of work for Python,
while the writer does its own: how far it falls behind, and what a call takes more than without it.
"""

import argparse
import asyncio
import gc
import itertools
import json
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import uvloop

from bench.usage import postgres
from xroute.store.address import file_url
from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.migrate import ready
from xroute.store.writer import MOST, Writer
from xroute.web.serve import GARBAGE, SWITCH_S
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

MIB = 1024 * 1024
SLICE_US = 50  # of a call's work between two turns of the event loop
DAY_S = 86_400


class Calls:
    """Records as the gateway makes them: of so many keys and models, with a limit and two budgets each."""

    def __init__(self, keys: int, models: int, *, metered: bool) -> None:
        self._numbers = itertools.count()
        self._keys, self._models, self._metered = keys, models, metered

    def held(self) -> Record:
        """A call as it is let in."""
        number = next(self._numbers)
        key, model = number * 7919 % self._keys, number * 104_729 % self._models
        at = time.time_ns() // 1_000_000
        over = float((at // 1000 // DAY_S + 1) * DAY_S)
        charges: list[tuple[str, int, float | None]] = [
            (f"lim_{key:024x}:requests:20261121", 1, over),
            (f"bud_{key:024x}:money:20261101", 9_841_350, over),
            (f"bud_{key % 12:024x}:money:20261121", 9_841_350, over),
        ]
        if self._metered:
            charges.append(("credit:ws_main", 9_841_350, None))
        return Record(
            f"req-{at:012x}{number:012x}", at, "ws_main", f"prj_{key % 12:024x}", f"key_{key:024x}",
            surface="openai", operation="chat", asked=f"vendor/model-{model}", model=f"vendor/model-{model}",
            usage=Usage(input=12, output=16_384, estimated=True), cost_nano=1_800, charged_nano=1_800,
            price=f"price_{model:024x}", held_nano=9_841_350, charges=charges,
        )  # fmt: skip

    def settled(self, held: Record) -> Record:
        """The same call when it is over."""
        usage = Usage(input=12, output=10)
        attempt = Try(
            f"{held.model}@vendor", "vendor", held.model, "vendor/1", 3, 900, 210, status=200,
            upstream_id="chatcmpl-0123456789abcdef", usage=usage, cost_nano=7_800,
        )  # fmt: skip
        charges = [(key, 1 if ":requests:" in key else 7_800, over) for key, _, over in held.charges]
        return replace(
            held, provider="vendor", outcome="completed", finish="stop", usage=usage, cost_nano=7_800,
            charged_nano=7_800, charges=charges, duration_ms=903, ttft_ms=213, overhead_us=180,
            attempts=[attempt],
        )  # fmt: skip


async def alone(db: Database, folder: Path, calls: Calls, wanted: argparse.Namespace) -> dict[str, float]:
    """Microseconds of CPU for a call: of this thread, of the others, and by the clock."""
    journal = Journal(folder, 64 * MIB)
    writer = Writer(db, journal)
    here = all_ = wall = 0.0
    begun: deque[Record] = deque()
    try:
        await writer.turn()
        for _ in range(wanted.batches):
            for _ in range(wanted.batch):
                begun.append(held := calls.held())
                journal.held(held)
                if len(begun) > wanted.open:
                    journal.settled(calls.settled(begun.popleft()))
            here, all_, wall = (
                here - time.thread_time(),
                all_ - time.process_time(),
                wall - time.perf_counter(),
            )
            await writer.turn()
            here, all_, wall = (
                here + time.thread_time(),
                all_ + time.process_time(),
                wall + time.perf_counter(),
            )
    finally:
        await writer.stop()
        journal.close()
    each = 1e6 / (wanted.batches * wanted.batch)
    return {"here_us": here * each, "others_us": (all_ - here) * each, "wall_us": wall * each}


async def saturated(
    db: Database, folder: Path, calls: Calls, wanted: argparse.Namespace, *, is_written: bool
) -> dict[str, float]:
    """Calls one after another for some seconds."""
    journal = Journal(folder, 2048 * MIB)
    writer = Writer(db, journal)
    lags: list[int] = []
    count = 0
    until = time.perf_counter() + wanted.seconds

    async def client() -> None:
        nonlocal count
        while time.perf_counter() < until:
            record = calls.held()
            journal.held(record)
            for _ in range(wanted.work_us // SLICE_US):
                spin(SLICE_US)
                await asyncio.sleep(0)
            journal.settled(calls.settled(record))
            count += 1

    try:
        if is_written:
            await writer.turn()
            writer.start()
        began, cpu, switches = time.perf_counter(), time.process_time(), _switches()
        clients = [asyncio.create_task(client()) for _ in range(64)]
        while time.perf_counter() < until:
            await asyncio.sleep(0.1)
            lags.append(writer.lag)
        await asyncio.gather(*clients)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        lag, switches = writer.lag, _switches() - switches
    finally:
        if is_written:
            await writer.stop(60)
        journal.close()
    rate = count / took
    found = {
        "calls_per_s": rate,
        "wall_us": 1e6 / rate,
        "cpu_us": cpu / count * 1e6,
        "switches": switches / count,
    }
    return found | ({"lag_most": max(lags), "lag_end": lag} if is_written else {})


def _switches() -> int:
    """How often a thread of this process has waited for something: mostly for Python's lock."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def spin(us: int) -> None:
    """Keeps Python busy: bytecodes, as a thread that waits for the lock sees them."""
    until = time.thread_time_ns() + us * 1000
    while time.thread_time_ns() < until:
        pass


@asynccontextmanager
async def opened(wanted: argparse.Namespace) -> AsyncGenerator[tuple[Database, Path]]:
    """A new database, and a folder."""
    with tempfile.TemporaryDirectory(prefix="xroute-writer-") as folder:
        if wanted.postgres:
            async with postgres(wanted.postgres, keep=False) as url:
                db = Database(url)
                await ready(db)
                yield db, Path(folder)
                await db.close()
        else:
            db = Database(file_url(Path(folder) / "x.sqlite3"))
            await ready(db)
            yield db, Path(folder)
            await db.close()


async def run(wanted: argparse.Namespace) -> dict[str, dict[str, float]]:
    calls = Calls(wanted.keys, wanted.models, metered=wanted.metered)
    found: dict[str, dict[str, float]] = {}
    async with opened(wanted) as (db, folder):
        found["alone"] = await alone(db, folder / "alone", calls, wanted)
        if wanted.seconds:
            found["without"] = await saturated(db, folder / "without", calls, wanted, is_written=False)
            found["saturated"] = await saturated(db, folder / "with", calls, wanted, is_written=True)
    return found


def shown(found: dict[str, dict[str, float]]) -> Iterator[str]:
    for name, figures in found.items():
        yield f"{name:10} " + "  ".join(f"{key} {figure:,.2f}" for key, figure in figures.items())


def main(argv: list[str]) -> int:
    """Measures."""
    parser = argparse.ArgumentParser(prog="python -m bench.writer", description=__doc__)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--batch", type=int, default=MOST // 2, help="calls of a batch")
    parser.add_argument("--open", type=int, default=0, help="calls that are under way when a batch ends")
    parser.add_argument("--keys", type=int, default=1)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--metered", action="store_true", help="in a workspace whose credit is counted")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load; 0 = none")
    parser.add_argument("--work-us", type=int, default=300, help="that Python works for a call besides")
    parser.add_argument("--postgres", help="a server, in the place of SQLite")
    parser.add_argument("--json", type=Path, help="write the figures here")
    wanted = parser.parse_args(argv)
    gc.set_threshold(GARBAGE, 10, 10)  # as the server does
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(run(wanted))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(shown(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
