"""What keys and projects have in common: rows of a workspace, with limits and budgets of their own."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import NotFound
from xroute.store import audit, bounds, tables
from xroute.store.audit import Actor
from xroute.store.bounds import Row, Subject
from xroute.store.db import note_change

BOUNDS = {"limits": tables.limits, "budgets": tables.budgets}


class Bounded:
    """One table of such rows; `noun` is what one of them is called: "key"."""

    def __init__(self, table: Table, noun: str) -> None:
        self._table = table
        self._noun = noun

    async def find(self, connection: AsyncConnection, workspace: str, id_: str) -> Row:
        """NotFound, the same whether it is not there or another workspace's."""
        return await self._one(connection, workspace, id_, is_locked=False)

    async def locked(self, connection: AsyncConnection, workspace: str, id_: str) -> Row:
        """One that nobody else changes until this transaction is through; NotFound as in `find`."""
        return await self._one(connection, workspace, id_, is_locked=True)

    async def alter(
        self, connection: AsyncConnection, actor: Actor, action: str, row: Row, values: Mapping[str, Any]
    ) -> Row:
        """Changes a row where it differs; what is no column is left out."""
        changed = {name: value for name, value in values.items() if name in row and row[name] != value}
        if not changed:
            return row
        await connection.execute(update(self._table).where(self._table.c.id == row["id"]).values(changed))
        after = row | changed
        await self.noted(connection, actor, action, row, after)
        return after

    async def noted(
        self, connection: AsyncConnection, actor: Actor, action: str, before: Row | None, after: Row
    ) -> None:
        """A change in the audit log, and for the processes to read."""
        workspace = after["workspace"]
        await audit.note(connection, actor, action, after["id"], before, after, workspace=workspace)
        await note_change(connection, self._table.name, after["id"])

    async def bound(
        self, connection: AsyncConnection, actor: Actor, row: Row, values: Mapping[str, Any]
    ) -> None:
        """Makes the `limits` and `budgets` among the values those of the row."""
        subject = Subject(row["workspace"], self._noun, row["id"])
        for name, table in BOUNDS.items():
            if name in values:
                await bounds.replace(connection, actor, table, subject, values[name])

    async def with_bounds(self, connection: AsyncConnection, rows: list[Row]) -> list[Row]:
        """Rows with their `limits`, `budgets`, and what is spent of these."""
        subjects = [row["id"] for row in rows]
        found = {
            name: await bounds.of_subjects(connection, table, subjects) for name, table in BOUNDS.items()
        }
        return [row | {name: found[name][row["id"]] for name in found} for row in rows]

    async def _one(self, connection: AsyncConnection, workspace: str, id_: str, *, is_locked: bool) -> Row:
        columns = self._table.c
        query = select(self._table).where(columns.id == id_, columns.workspace == workspace)
        if is_locked:
            query = query.with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"There is no such {self._noun}.", code=f"{self._noun}_not_found")
        return dict(row)
