"""Projects: what keys are grouped by, with limits and budgets of their own."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, InvalidRequest
from xroute.store import ids, tables
from xroute.store.audit import Actor
from xroute.store.bounded import Bounded
from xroute.store.bounds import MANAGED, Row
from xroute.store.db import Database, now_ms
from xroute.store.page import Page, page

MOST = 10_000  # of one workspace
_T = tables.projects
ROWS = Bounded(_T, "project")


class Projects:
    """Every change is one transaction with its line in the audit log; rows come with limits and budgets."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def create(self, actor: Actor, workspace: str, values: Mapping[str, Any]) -> Row:
        """A new project of `name`, `route`, `limits`, `budgets`; Conflict where there is one of that name."""
        async with self.db.write() as connection:
            await _refuse_many(connection, workspace)
            await _refuse_same(connection, workspace, values["name"])
            row = await add(connection, actor, workspace, values)
            await ROWS.bound(connection, actor, row, values)
            return await _with_bounds(connection, row)

    async def page(self, workspace: str, limit: int, cursor: str | None) -> Page:
        """The projects of a workspace, the newest first."""
        query = select(_T).where(_T.c.workspace == workspace)
        async with self.db.read() as connection:
            found = await page(connection, query, _T, limit, cursor, _whole)
            return Page(await ROWS.with_bounds(connection, found.data), found.next)

    async def find(self, workspace: str, id_: str) -> Row:
        """One project; NotFound, the same whether it is not there or another workspace's."""
        async with self.db.read() as connection:
            return await _with_bounds(connection, await ROWS.find(connection, workspace, id_))

    async def change(self, actor: Actor, workspace: str, id_: str, values: Mapping[str, Any]) -> Row:
        """Sets `name`, `route`, `limits`, `budgets`."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            _refuse_managed(row)
            if (name := values.get("name", row["name"])) != row["name"]:
                await _refuse_same(connection, workspace, name)
            row = await ROWS.alter(connection, actor, "project.update", row, values)
            await ROWS.bound(connection, actor, row, values)
            return await _with_bounds(connection, row)

    async def archive(self, actor: Actor, workspace: str, id_: str, archived: int | None) -> Row:
        """Keys of an archived project are refused; None takes it up again. Nothing is deleted."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            _refuse_managed(row)
            if (archived is None) != (row["archived"] is None):
                action = "project.restore" if archived is None else "project.archive"
                row = await ROWS.alter(connection, actor, action, row, {"archived": archived})
            return await _with_bounds(connection, row)


async def add(
    connection: AsyncConnection,
    actor: Actor,
    workspace: str,
    values: Mapping[str, Any],
    *,
    id_: str = "",
    managed: bool = False,
) -> Row:
    """A new row."""
    row = {
        "id": id_ or ids.new("prj"),
        "workspace": workspace,
        "name": values["name"],
        "route": values.get("route", ""),
        "created": now_ms(),
        "archived": None,
        "managed": managed,
    }
    await connection.execute(insert(_T).values(row))
    await ROWS.noted(connection, actor, "project.create", None, row)
    return row


async def _with_bounds(connection: AsyncConnection, row: Row) -> Row:
    return (await ROWS.with_bounds(connection, [row]))[0]


async def _refuse_many(connection: AsyncConnection, workspace: str) -> None:
    query = select(func.count()).where(_T.c.workspace == workspace)
    if (await connection.execute(query)).scalar_one() >= MOST:
        raise InvalidRequest(f"The workspace has {MOST} projects already.", code="too_many_projects")


async def _refuse_same(connection: AsyncConnection, workspace: str, name: str) -> None:
    query = select(_T.c.id).where(_T.c.workspace == workspace, _T.c.name == name)
    if (await connection.execute(query)).first():
        raise Conflict("There is a project of this name already.", code="project_exists", param="name")


def _refuse_managed(row: Row) -> None:
    if row["managed"]:
        raise Conflict(MANAGED, code="managed")


def _whole(found: Any) -> Row:
    return {column.name: getattr(found, column.name) for column in _T.columns}
