"""Whether the ledger adds up: every sum that is kept against what it is the sum of."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import and_, case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.money.nano import as_text
from xroute.store import tables

MOST = 100  # faults of one kind that are named

_e, _a, _h, _g = tables.entries.c, tables.accounts.c, tables.holds.c, tables.grants.c


async def faults(connection: AsyncConnection) -> list[str]:
    """What does not add up, in words. All of it is read in one transaction."""
    accounts = await _pairs(connection, select(_a.workspace, _a.account, _a.nano))
    return [
        *_differing("account", accounts, await _moved(connection)),
        *_differing("account", _of(accounts, "held"), await _held(connection)),
        *_differing("purse", *await _purses(connection)),
        *await _grants(connection),
        *await _negative(connection),
    ]


async def _pairs(connection: AsyncConnection, asked: Any) -> dict[tuple[str, str], int]:
    """Rows of (workspace, name, sum); PostgreSQL gives sums as decimals."""
    found = (await connection.execute(asked)).all()
    rows = [cast("tuple[str, str, int]", tuple(row)) for row in found]
    return {(workspace, name): int(nano) for workspace, name, nano in rows if nano}


async def _moved(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """What entries make of each account."""
    both = union_all(
        select(_e.workspace, _e.credit.label("account"), _e.nano.label("nano")),
        select(_e.workspace, _e.debit, -_e.nano),
    ).subquery()
    c = both.c
    return await _pairs(
        connection, select(c.workspace, c.account, func.sum(c.nano)).group_by(c.workspace, c.account)
    )


async def _held(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """What calls under way hold: what was held for them, of which nothing was settled or given back."""
    asked = (
        select(_e.workspace, literal("held"), func.sum(_e.nano))
        .join_from(tables.entries, tables.holds, and_(_h.id == _e.call, _h.ended.is_(None)))
        .where(_e.kind == "hold")
        .group_by(_e.workspace)
    )
    return await _pairs(connection, asked)


async def _purses(
    connection: AsyncConnection,
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """What is spent of each workspace's credit, and what its calls were charged.

    Of workspaces that have always been metered: what others used before is not in their purse.
    """
    prefix = "credit:"
    purses = tables.purses.c
    rows = await connection.execute(select(purses.key, purses.spent).where(purses.key.startswith(prefix)))
    spent = {(row.key.removeprefix(prefix), "credit"): int(row.spent) for row in rows}
    unmetered = (_e.kind == "settle") & (_e.debit == "credit")
    is_call = (_e.kind == "settle") | ((_e.kind == "adjust") & _e.call.is_not(None))
    signed = case((_e.debit == "adjusted", -_e.nano), else_=_e.nano)
    asked = (
        select(_e.workspace, func.sum(signed), func.sum(case((unmetered, 1), else_=0)))
        .where(is_call)
        .group_by(_e.workspace)
    )
    charged: dict[tuple[str, str], int] = {}
    for workspace, nano, others in (await connection.execute(asked)).all():
        if others:
            spent.pop((workspace, "credit"), None)
        elif nano:
            charged[workspace, "credit"] = int(nano)
    return {key: nano for key, nano in spent.items() if nano}, charged


async def _grants(connection: AsyncConnection) -> list[str]:
    wrong = select(_g.id, _g.workspace, _g.left_nano, _g.nano)
    wrong = wrong.where((_g.left_nano < 0) | (_g.left_nano > _g.nano)).limit(MOST)
    return [
        f"grant {id_} of workspace {workspace} has ${as_text(left)} left of ${as_text(nano)}"
        for id_, workspace, left, nano in (await connection.execute(wrong)).all()
    ]


async def _negative(connection: AsyncConnection) -> list[str]:
    wrong = select(_e.id, _e.workspace).where(_e.nano <= 0).order_by(_e.id).limit(MOST)
    return [
        f"entry {id_} of workspace {workspace} moves nothing, or less"
        for id_, workspace in (await connection.execute(wrong)).all()
    ]


def _of(sums: Mapping[tuple[str, str], int], name: str) -> dict[tuple[str, str], int]:
    return {key: nano for key, nano in sums.items() if key[1] == name}


def _differing(
    what: str, kept: Mapping[tuple[str, str], int], found: Mapping[tuple[str, str], int]
) -> list[str]:
    return [
        f"{what} {name} of workspace {workspace} is ${as_text(kept.get((workspace, name), 0))}, "
        f"and its entries make ${as_text(found.get((workspace, name), 0))}"
        for workspace, name in sorted(kept.keys() | found.keys())
        if kept.get((workspace, name), 0) != found.get((workspace, name), 0)
    ]
