"""Workspaces: tenants with people, projects, keys and money of their own."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, NotFound
from xroute.store import audit, ids, tables
from xroute.store.audit import Actor
from xroute.store.bounds import MANAGED, Row
from xroute.store.db import Database, note_change, now_ms
from xroute.store.page import Page, page

MAIN: Final = "ws_main"  # the one that is always there
MAIN_SLUG: Final = "main"

_T = tables.workspaces


class Workspaces:
    """Every change is one transaction with its line in the audit log."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def page(self, actor: Actor, limit: int, cursor: str | None) -> Page:
        """Those that the actor may see, the newest first: all of them an operator, others their own."""
        async with self.db.read() as connection:
            return await page(connection, _seen_by(actor), _T, limit, cursor, _whole)

    async def find(self, actor: Actor, wanted: str) -> Row:
        """One that the actor may see, by id or slug; NotFound, the same for one that is not there."""
        query = _seen_by(actor).where(or_(_T.c.id == wanted, _T.c.slug == wanted))
        async with self.db.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise not_found()
        return dict(row)

    async def create(self, actor: Actor, values: Mapping[str, Any]) -> Row:
        """A new workspace of `slug` and `name`; Conflict where the slug is taken."""
        async with self.db.write() as connection:
            taken = select(_T.c.id).where(_T.c.slug == values["slug"])
            if (await connection.execute(taken)).first():
                raise Conflict("There is a workspace of this slug already.", code="slug_taken", param="slug")
            return await add(connection, actor, ids.new("ws"), values)

    async def change(self, actor: Actor, id_: str, values: Mapping[str, Any]) -> Row:
        """Sets `name`, and for operators `plan`, `credit_line_nano`, `markup_ppm`."""
        async with self.db.write() as connection:
            row = await find(connection, id_)
            if row["managed"]:
                raise Conflict(MANAGED, code="managed")
            return await alter(connection, actor, row, values)

    async def close(self, actor: Actor, id_: str) -> Row:
        """Its keys stop at once and nobody gets in; nothing is deleted. Conflict for the main one."""
        async with self.db.write() as connection:
            row = await find(connection, id_)
            if id_ == MAIN:
                raise Conflict("The main workspace stays.", code="workspace_main")
            if row["managed"]:
                raise Conflict(MANAGED, code="managed")
            if row["closed"] is not None:
                return row
            return await alter(connection, actor, row, {"closed": now_ms()}, "workspace.close")

    async def open(self, actor: Actor, id_: str) -> Row:
        """Takes a closed one up again."""
        async with self.db.write() as connection:
            row = await find(connection, id_)
            return await alter(connection, actor, row, {"closed": None}, "workspace.open")


async def find(connection: AsyncConnection, id_: str) -> Row:
    """A row by its id, which nobody else changes until the transaction is through; raises NotFound."""
    query = select(_T).where(_T.c.id == id_).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found()
    return dict(row)


def not_found() -> NotFound:
    """The same for one that is not there, and one that is another's."""
    return NotFound("There is no such workspace.", code="workspace_not_found")


def _seen_by(actor: Actor) -> Select[Any]:
    if actor.operator:
        return select(_T)
    members = tables.members.c
    mine = or_(
        _T.c.id.in_(select(members.workspace).where(members.user == actor.user)),
        _T.c.id == (actor.workspace or ""),  # a token's
    )
    return select(_T).where(mine, _T.c.closed.is_(None))


async def add(
    connection: AsyncConnection, actor: Actor, id_: str, values: Mapping[str, Any], *, managed: bool = False
) -> Row:
    """A new row."""
    row = {
        "id": id_,
        "name": values.get("name") or values["slug"],
        "slug": values["slug"],
        "plan": values.get("plan", "unmetered"),
        "credit_line_nano": values.get("credit_line_nano", 0),
        "markup_ppm": values.get("markup_ppm", 1_000_000),
        "low_nano": None,
        "topup": None,
        "created": now_ms(),
        "closed": None,
        "managed": managed,
    }
    stored = {name: value for name, value in row.items() if value is not None}
    await connection.execute(insert(_T).values(stored))
    await _noted(connection, actor, "workspace.create", None, row)
    return row


async def alter(
    connection: AsyncConnection,
    actor: Actor,
    row: Row,
    values: Mapping[str, Any],
    action: str = "workspace.update",
) -> Row:
    """Changes a row where it differs."""
    changed = {name: value for name, value in values.items() if row[name] != value}
    if not changed:
        return row
    after = row | changed
    await connection.execute(update(_T).where(_T.c.id == row["id"]).values(changed))
    if row["plan"] == "unmetered" and after["plan"] != "unmetered":
        await _begin_credit(connection, actor, row["id"])
    await _noted(connection, actor, action, row, after)
    return after


async def _begin_credit(connection: AsyncConnection, actor: Actor, workspace: str) -> None:
    """What was used while nobody counted is no debt: the balance is at least zero when it begins to count."""
    accounts = tables.accounts.c
    query = select(accounts.account, accounts.nano).where(accounts.workspace == workspace)
    rows = (await connection.execute(query.with_for_update())).all()
    nano: dict[str, int] = {row.account: row.nano for row in rows}
    missing = -nano.get("credit", 0)
    if missing > 0:
        await _adjust(connection, actor, workspace, missing)
    purse = {"key": f"credit:{workspace}", "spent": nano.get("usage", 0)}
    await connection.execute(delete(tables.purses).where(tables.purses.c.key == purse["key"]))
    await connection.execute(insert(tables.purses).values(purse))


async def _adjust(connection: AsyncConnection, actor: Actor, workspace: str, nano: int) -> None:
    now = now_ms()
    entry = {"workspace": workspace, "at": now, "kind": "adjust", "debit": "adjusted", "credit": "credit"}
    told = {"nano": nano, "by": actor.id or actor.name, "note": "used before it was counted"}
    ref = f"plan:{workspace}:{now}"
    await connection.execute(insert(tables.entries).values(**entry, **told, ref=ref))
    for account, moved in (("credit", nano), ("adjusted", -nano)):
        mine = (tables.accounts.c.workspace == workspace, tables.accounts.c.account == account)
        changed = await connection.execute(
            update(tables.accounts).where(*mine).values(nano=tables.accounts.c.nano + moved)
        )
        if changed.rowcount == 0:
            values = {"workspace": workspace, "account": account, "nano": moved}
            await connection.execute(insert(tables.accounts).values(values))


async def _noted(
    connection: AsyncConnection, actor: Actor, action: str, before: Row | None, after: Row
) -> None:
    await audit.note(connection, actor, action, after["id"], before, after, workspace=after["id"])
    await note_change(connection, "workspaces", after["id"])


def _whole(found: Any) -> Row:
    return {column.name: getattr(found, column.name) for column in _T.columns}
