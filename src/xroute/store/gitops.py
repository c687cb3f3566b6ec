"""Brings the database to what the config declares: in one transaction, and nothing the second time.

What the config does not name any more is not lost: a key is disabled, its limits and budgets are removed, and
projects and workspaces are left to the API.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.config.settings import Settings
from xroute.errors import ConfigError
from xroute.store import bounds, keys, projects, tables, workspaces
from xroute.store.audit import Actor
from xroute.store.bounds import Row, Subject
from xroute.store.db import Database, now_ms
from xroute.store.declared import Owner, bound_rows, owners, stable, unknown_workspace, workspace_id
from xroute.store.opening import alone, ensure_main

log = logging.getLogger("xroute.store")

CHUNK = 500  # rows that are asked for at once
_BOUNDS = (tables.limits, tables.budgets)


async def declare(db: Database, settings: Settings, pepper: bytes, source: str = "xroute.yaml") -> None:
    """Makes the rows that the settings declare. ConfigError names the key that cannot be used."""
    wanted = owners(settings, pepper)
    async with db.write() as connection:
        await alone(connection)
        await ensure_main(connection)
        await _Declaration(connection, Actor("config", name=source, operator=True)).make(wanted)


class _Declaration:
    """One start's work, within its transaction."""

    def __init__(self, connection: AsyncConnection, actor: Actor) -> None:
        self._connection = connection
        self._actor = actor
        self._spaces: dict[str, str] = {}  # slug -> id
        self._projects: dict[tuple[str, str], Row] = {}  # (workspace, name)

    async def make(self, wanted: Sequence[Owner]) -> None:
        """Everything, owners before what they own."""
        by_kind: dict[str, list[Owner]] = {"workspace": [], "project": [], "key": []}
        for owner in wanted:
            by_kind[owner.kind].append(owner)
        made = [
            *await self._make_workspaces(by_kind["workspace"]),
            *await self._make_projects(by_kind["project"]),
            *await self._make_keys(by_kind["key"]),
        ]
        await self._bound(made)

    async def _make_workspaces(self, wanted: list[Owner]) -> list[tuple[Owner, str]]:
        rows = {row["slug"]: row for row in await self._all(tables.workspaces)}
        for owner in wanted:
            row = rows.get(owner.name)
            if row is None:
                id_ = workspace_id(owner.name)
                rows[owner.name] = await workspaces.add(
                    self._connection, self._actor, id_, owner.values, managed=True
                )
            else:
                values = owner.values | {"managed": True, "closed": None}
                await workspaces.alter(self._connection, self._actor, row, values)
        named = {owner.name for owner in wanted}
        for slug, row in rows.items():
            if row["managed"] and slug not in named:
                await workspaces.alter(self._connection, self._actor, row, {"managed": False})
        self._spaces = {slug: row["id"] for slug, row in rows.items()}
        return [(owner, self._spaces[owner.name]) for owner in wanted]

    async def _make_projects(self, wanted: list[Owner]) -> list[tuple[Owner, str]]:
        spaces = {self._space(owner) for owner in wanted}
        await self._know_projects(spaces)
        made: dict[str, Owner] = {}
        for owner in wanted:
            row = await self._project(self._space(owner), owner.name)
            values = owner.values | {"managed": True, "archived": None}
            await projects.ROWS.alter(self._connection, self._actor, "project.update", row, values)
            made[row["id"]] = owner
        table = tables.projects
        for row in await self._all(table, table.c.managed.is_(True)):
            if row["id"] not in made:
                await projects.ROWS.alter(
                    self._connection, self._actor, "project.update", row, {"managed": False}
                )
        return [(owner, id_) for id_, owner in made.items()]

    async def _make_keys(self, wanted: list[Owner]) -> list[tuple[Owner, str]]:
        await self._know_projects({self._space(owner) for owner in wanted if owner.project})
        managed = await self._all(tables.keys, tables.keys.c.managed.is_(True))
        rows = [*managed, *await self._known_keys(wanted)]
        made: dict[str, Owner] = {}
        for owner, (id_, row) in zip(wanted, _matched(wanted, rows), strict=True):
            values: Row = owner.values | {"workspace": self._space(owner), "project": None, "member": None}
            if owner.project:
                values["project"] = (await self._project(values["workspace"], owner.project))["id"]
            values["managed"] = True
            if row is None:
                await self._add_key(id_, values)
            else:
                await keys.ROWS.alter(self._connection, self._actor, "key.update", row, values)
            made[id_] = owner
        for row in managed:
            if row["id"] not in made:
                values = {"managed": False, "disabled": True}
                await keys.ROWS.alter(self._connection, self._actor, "key.disable", row, values)
        return [(owner, id_) for id_, owner in made.items()]

    async def _bound(self, made: Iterable[tuple[Owner, str]]) -> None:
        """Limits and budgets of what was declared; those that are not declared any more go."""
        left = {
            table.name: {row["id"]: row for row in await self._all(table, table.c.managed.is_(True))}
            for table in _BOUNDS
        }
        for owner, owner_id in made:
            space = self._space(owner)
            for name, id_, scope, subject, values in bound_rows(owner, space, owner_id):
                table = tables.metadata.tables[name]
                row = left[name].pop(id_, None)
                if row is None:
                    whose = Subject(space, scope, subject)
                    await bounds.add(
                        self._connection, self._actor, table, whose, values, id_=id_, managed=True
                    )
                else:
                    await bounds.alter(self._connection, self._actor, table, row, values)
        for table in _BOUNDS:
            for row in left[table.name].values():
                await bounds.drop(self._connection, self._actor, table, row)

    def _space(self, owner: Owner) -> str:
        if owner.workspace not in self._spaces:
            raise unknown_workspace(owner)
        return self._spaces[owner.workspace]

    async def _project(self, space: str, name: str) -> Row:
        """A project by name, made where there is none."""
        if (space, name) not in self._projects:
            self._projects[space, name] = await projects.add(
                self._connection, self._actor, space, {"name": name}, id_=stable("prj", space, name)
            )
        return self._projects[space, name]

    async def _know_projects(self, spaces: set[str]) -> None:
        for row in await self._all(tables.projects, tables.projects.c.workspace.in_(sorted(spaces))):
            self._projects.setdefault((row["workspace"], row["name"]), row)

    async def _add_key(self, id_: str, values: Row) -> None:
        row = {
            "id": id_,
            "created": now_ms(),
            "by": self._actor.name,
            "revoked": None,
            "next": None,
            "used": None,
        } | values
        await self._connection.execute(insert(tables.keys).values(row))
        await keys.ROWS.noted(self._connection, self._actor, "key.create", None, row)

    async def _known_keys(self, wanted: list[Owner]) -> list[Row]:
        """The rows that declared keys may be: by hash or id."""
        found: dict[str, Row] = {}
        for start in range(0, len(wanted), CHUNK):
            some, columns = wanted[start : start + CHUNK], tables.keys.c
            ids = [id_ for owner in some for id_ in _ids(owner)]
            mine = columns.hash.in_([owner.values["hash"] for owner in some]) | columns.id.in_(ids)
            found |= {row["id"]: row for row in await self._all(tables.keys, mine)}
        return list(found.values())

    async def _all(self, table: Any, *where: Any) -> list[Row]:
        rows = (await self._connection.execute(select(table).where(*where))).mappings()
        return [dict(row) for row in rows]


def _ids(owner: Owner) -> tuple[str, str]:
    """The id of a declared key, and the one it gets where another key has taken that with it."""
    return stable("key", owner.name), stable("key", owner.name, owner.values["hash"])


def _matched(wanted: list[Owner], rows: list[Row]) -> list[tuple[str, Row | None]]:
    """The id of each declared key, and its row. One that was renamed is known by its hash, one with a new
    secret by its name, one that was gone for a while by its id. ConfigError for one that was revoked."""
    by_hash = {row["hash"]: row for row in rows}
    by_id = {row["id"]: row for row in rows}
    by_name = {row["name"]: row for row in rows if row["managed"]}
    matched = {
        owner.name: by_hash[owner.values["hash"]] for owner in wanted if owner.values["hash"] in by_hash
    }
    used = {row["id"] for row in matched.values()}
    found: list[tuple[str, Row | None]] = []
    for owner in wanted:
        if (row := matched.get(owner.name)) is not None:
            if row["revoked"] is not None:
                raise ConfigError("was revoked: use another one", where=f"{owner.place}.key")
            found.append((row["id"], row))
            continue
        row = by_name.get(owner.name)
        if row is not None and row["id"] not in used:
            used.add(row["id"])
            found.append((row["id"], row))
            continue
        id_ = next(each for each in _ids(owner) if each not in used)
        used.add(id_)
        row = by_id.get(id_)
        if row is not None and row["revoked"] is not None:
            text = f"a key {owner.name!r} was declared before and then revoked: use another name"
            raise ConfigError(text, where=f"{owner.place}.name")
        found.append((id_, row))
    return found
