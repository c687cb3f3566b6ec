"""Calls that are held and settled, for tests of what they do to the ledger."""

from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select, text
from tests.unit.store.records import record

from xroute.store import tables
from xroute.store.db import Database, now_ms
from xroute.wire.record import Record
from xroute.wire.usage import Usage

FOREVER = float("inf")


def began(number: int, held: int = 1000, **fields: Any) -> Record:
    """A call as it is let in: its input alone is a tenth of the worst case."""
    workspace = fields.get("workspace", "ws_a")
    base: dict[str, Any] = {
        "outcome": "failed",
        "usage": Usage(input=100, output=900, estimated=True),
        "cost_nano": held // 10,
        "charged_nano": held // 10,
        "held_nano": held,
        "charges": [
            (f"credit:{workspace}", held, FOREVER),
            ("bud_1:money:20241004", held, 1_800_000_000.0),
            ("lim_1:requests:20241004", 1, 1_800_000_000.0),
            ("lim_1:tokens:20241004", 1000, 1_800_000_000.0),
        ],
        "attempts": [],
    }
    return record(number, **(base | fields))


def ended(held: Record, charged: int = 770, **fields: Any) -> Record:
    """The same call when it is over."""
    taken = {"credit": charged, "money": charged, "requests": 1, "tokens": 15}
    charges = []
    for key, _, until in held.charges:
        rule, _, rest = key.partition(":")
        measure = rule if rule == "credit" else rest.partition(":")[0]
        charges.append((key, taken[measure], until))
    base: dict[str, Any] = {
        "outcome": "completed",
        "usage": Usage(input=10, output=5),
        "cost_nano": charged,
        "charged_nano": charged,
        "charges": charges,
        "duration_ms": 900,
    }
    return replace(held, **(base | fields))


def unmetered(call: Record) -> Record:
    """The same call in a workspace whose credit is not counted."""
    return replace(call, charges=[charge for charge in call.charges if not charge[0].startswith("credit:")])


async def open_workspace(db: Database, id_: str = "ws_a", **fields: Any) -> None:
    """A workspace, for what names one."""
    row = {"id": id_, "slug": id_.replace("_", "-"), "name": id_, "created": now_ms()}
    async with db.write() as connection:
        await connection.execute(insert(tables.workspaces).values(**row, **fields))


async def accounts(db: Database, workspace: str = "ws_a") -> dict[str, int]:
    """What is not nothing."""
    c = tables.accounts.c
    async with db.read() as connection:
        rows = await connection.execute(select(c.account, c.nano).where(c.workspace == workspace))
        return {name: nano for name, nano in rows if nano}


async def purses(db: Database) -> dict[str, int]:
    c = tables.purses.c
    async with db.read() as connection:
        return {row.key: row.spent for row in await connection.execute(select(c.key, c.spent))}


async def entries(db: Database) -> list[tuple[str, str, str, int]]:
    """(kind, from, to, amount), oldest first."""
    c = tables.entries.c
    async with db.read() as connection:
        rows = await connection.execute(select(c.kind, c.debit, c.credit, c.nano).order_by(c.id))
        return [tuple(row) for row in rows]


async def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    """What a statement gives."""
    async with db.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]
