"""Records of calls for tests."""

import random
from collections.abc import Sequence

from xroute.store import rollups
from xroute.store.db import Database
from xroute.store.statements import run
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

HOUR = 3_600_000


def record(number: int = 0, **fields: object) -> Record:
    base = {
        "id": f"req-{number:024x}",
        "at": 24 * HOUR * 20_000 + 5 * HOUR,
        "workspace": "ws_a",
        "project": "prj_a",
        "key": "key_a",
        "model": "openai/gpt-4o-mini",
        "provider": "openai",
        "outcome": "completed",
        "usage": Usage(input=10, output=5, cached=3, reasoning=2),
        "cost_nano": 700,
        "charged_nano": 770,
        "duration_ms": 900,
        "ttft_ms": 120,
        "overhead_us": 80,
        "attempts": [Try("d", "openai", "openai/gpt-4o-mini", "", 0)],
    }
    return Record(**(base | fields))  # type: ignore[arg-type]


def scattered(count: int, seed: int = 1) -> list[Record]:
    chance = random.Random(seed)
    return [
        record(
            number,
            at=24 * HOUR * 20_000 + chance.randrange(50 * HOUR),
            workspace=chance.choice(["ws_a", "ws_b"]),
            key=chance.choice(["key_a", "key_b", "key_c"]),
            user=chance.choice(["", "ann", "bob"]),
            tags={"team": chance.choice("xy")} if chance.random() < 0.5 else {},
            outcome=chance.choice(["completed", "failed", "client_gone"]),
            cost_nano=chance.choice([None, 100, 250]),
            ttft_ms=chance.choice([None, 50]),
            usage=chance.choice([None, Usage(input=7, output=1, estimated=True)]),
        )
        for number in range(count)
    ]


async def add(db: Database, records: Sequence[Record], minus: Sequence[Record] = ()) -> None:
    """Adds a batch to every roll-up."""
    await run(db, rollups.write(records, minus))
