"""Rows of the database as the image of who may call takes them."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.store import purse, tables
from xroute.store.image import Image
from xroute.store.rows import BudgetRow, LimitRow

PAGE: Final = 1000  # rows that are taken in between two other things
CHUNK: Final = 500  # rows that are asked for at once

_k, _m, _u = tables.keys.c, tables.members.c, tables.users.c
TABLES: Final[dict[str, Any]] = {  # the columns as the methods of Image take them; the first is the id
    "workspaces": select(
        *(tables.workspaces.c[name] for name in ("id", "slug", "plan", "credit_line_nano", "markup_ppm")),
        tables.workspaces.c.closed,
    ),
    "projects": select(
        *(tables.projects.c[name] for name in ("id", "workspace", "name", "route", "archived"))
    ),
    "members": select(_m.id, _m.workspace, _u.email, _u.disabled).join(tables.users, _u.id == _m.user),
    "limits": select(*(tables.limits.c[name] for name in LimitRow._fields)),
    "budgets": select(*(tables.budgets.c[name] for name in BudgetRow._fields)),
    "keys": select(
        *(_k.id, _k.workspace, _k.project, _k.member, _k.name, _k.hash),
        *(cast(_k.policy, Text), cast(_k.labels, Text)),
        *(_k.route, _k.expires, _k.disabled, _k.revoked, _k.next),
    ),
}


def put(image: Image, table: str, rows: Iterable[Any]) -> None:
    """Puts rows of a table in."""
    put: dict[str, Callable[..., None]] = {
        "workspaces": image.put_workspace,
        "projects": image.put_project,
        "members": image.put_member,
        "limits": lambda *row: image.put_limit(LimitRow(*row)),
        "budgets": lambda *row: image.put_budget(BudgetRow(*row)),
        "keys": image.put_key,
    }
    for row in rows:
        put[table](*row)


async def read_all(connection: AsyncConnection, image: Image, table: str, ended_ms: int) -> None:
    """Page by page, so that calls are answered in between; not the keys that ended before."""
    query, id_, last = TABLES[table], tables.metadata.tables[table].c.id, ""
    if table == "keys":
        ended = func.coalesce(_k.revoked, _k.expires)
        query = query.where(or_(ended.is_(None), ended > ended_ms))
    while True:
        rows = (await connection.execute(query.where(id_ > last).order_by(id_).limit(PAGE))).all()
        put(image, table, rows)
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


async def read_some(connection: AsyncConnection, table: str, ids: set[str]) -> list[Any]:
    """Those of these ids that are there."""
    query, id_, wanted = TABLES[table], tables.metadata.tables[table].c.id, sorted(ids)
    rows: list[Any] = []
    for start in range(0, len(wanted), CHUNK):
        rows += (await connection.execute(query.where(id_.in_(wanted[start : start + CHUNK])))).all()
    return rows


async def read_users(connection: AsyncConnection, users: set[str]) -> list[Any]:
    """The members that users are."""
    return list((await connection.execute(TABLES["members"].where(_u.id.in_(sorted(users))))).all())


async def read_funds(connection: AsyncConnection, image: Image, spaces: set[str] | None) -> None:
    """What is left, and what the purse has spent of it, add up to all that was put in.

    One statement, as the writer moves nano-dollars from the one to the other all the time. What a refund or a
    correction changes is in the accounts alone, so the purse stands for what engines have counted.
    """
    accounts, purses = tables.accounts.c, tables.purses.c
    spent = func.coalesce(func.max(purses.spent), 0)
    query = (
        select(accounts.workspace, func.sum(accounts.nano) + spent)
        .join_from(tables.accounts, tables.purses, purses.key == "credit:" + accounts.workspace, isouter=True)
        .where(accounts.account.in_(("credit", "held")))
        .group_by(accounts.workspace)
    )
    if spaces is not None:
        query = query.where(accounts.workspace.in_(sorted(spaces)))
    for workspace, nano in (await connection.execute(query)).all():
        image.put_funds(workspace, int(nano))


async def read_purses(
    connection: AsyncConnection, budgets: list[BudgetRow], spaces: list[str], now_ms: int
) -> dict[str, int]:
    """What is spent of budgets and of workspaces' credit, by purse."""
    purses, found = tables.purses.c, dict[str, int]()
    plain = [row._asdict() for row in budgets]
    keys = [f"credit:{space}" for space in spaces]
    keys += [purse.key(row, purse.span(row, now_ms).label) for row in plain if not purse.is_each(row)]
    wanted = [purses.key.in_(keys[start : start + CHUNK]) for start in range(0, len(keys), CHUNK)]
    wanted += [purses.key.startswith(f"{row['id']}:", autoescape=True) for row in plain if purse.is_each(row)]
    for some in wanted:
        rows = (await connection.execute(select(purses.key, purses.spent).where(some))).all()
        found |= {row.key: row.spent for row in rows}
    return found
