"""Clients' keys in the database: made here, shown once, kept as keyed hashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from xroute.store import bounds, ids, tables
from xroute.store import pepper as peppers
from xroute.store.audit import Actor
from xroute.store.bounded import Bounded
from xroute.store.bounds import MANAGED, Row, Subject
from xroute.store.db import Database, note_change, now_ms
from xroute.store.page import Page, page
from xroute.store.pepper import digest

MOST = 100_000  # of one workspace that may still be used
ADMINS = frozenset({"owner", "admin"})
# What bounds a key: of one that an admin made for somebody, only admins change it.
BOUNDING = frozenset({"project", "policy", "expires", "limits", "budgets"})

_T = tables.keys
ROWS = Bounded(_T, "key")


@dataclass(frozen=True, slots=True)
class Wish:
    """A key that is to be made. Times are milliseconds."""

    name: str
    project: str = ""  # id or name
    member: str | None = None  # None = a service key
    policy: Mapping[str, Any] | None = None
    labels: Mapping[str, str] | None = None
    route: str = ""
    expires: int | None = None
    limits: Sequence[Mapping[str, Any]] = ()
    budgets: Sequence[Mapping[str, Any]] = ()


class Keys:
    """Every change is one transaction with its line in the audit log; rows come with limits and budgets."""

    def __init__(self, db: Database, pepper: bytes) -> None:
        self.db = db
        self._pepper = pepper

    async def create(self, actor: Actor, workspace: str, wish: Wish) -> tuple[Row, str]:
        """A new key, and its secret: this is the one time that it can be seen."""
        if not _is_admin(actor) and (not wish.member or wish.member != actor.member):
            raise PermissionDenied("You may make keys for yourself; others are made by an admin.")
        async with self.db.write() as connection:
            await _refuse_many(connection, workspace)
            if wish.member:
                await bounds.check(connection, Subject(workspace, "member", wish.member))
            secret = peppers.make_key()
            row = {
                **self._fresh(actor, workspace, secret),
                "project": await project_id(connection, workspace, wish.project),
                "member": wish.member,
                "name": wish.name,
                "policy": dict(wish.policy or {}),
                "labels": dict(wish.labels or {}),
                "route": wish.route,
                "expires": _future(wish.expires),
            }
            await connection.execute(insert(_T).values(row))
            await ROWS.noted(connection, actor, "key.create", None, row)
            await ROWS.bound(connection, actor, row, {"limits": wish.limits, "budgets": wish.budgets})
            return await _with_bounds(connection, row), secret

    async def page(
        self, workspace: str, limit: int, cursor: str | None, project: str = "", member: str = ""
    ) -> Page:
        """The keys of a workspace, the newest first."""
        query = select(_T).where(_T.c.workspace == workspace)
        async with self.db.read() as connection:
            if project:
                query = query.where(_T.c.project == await project_id(connection, workspace, project))
            if member:
                query = query.where(_T.c.member == member)
            found = await page(connection, query, _T, limit, cursor, _whole)
            return Page(await _all_with_bounds(connection, found.data), found.next)

    async def find(self, workspace: str, id_: str) -> Row:
        """One key; NotFound, the same whether it is not there or another workspace's."""
        async with self.db.read() as connection:
            return await _with_bounds(connection, await ROWS.find(connection, workspace, id_))

    async def change(self, actor: Actor, workspace: str, id_: str, values: Mapping[str, Any]) -> Row:
        """Sets `name`, `project`, `policy`, `labels`, `route`, `expires`, `disabled`, `limits`, `budgets`."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            changed = dict(values)
            if values.get("project", row["project"]) != row["project"]:
                changed["project"] = await project_id(connection, workspace, values["project"] or "")
            changed = {name: value for name, value in changed.items() if row.get(name, ()) != value}
            _refuse_stranger(actor, row, changed)
            _future(changed.get("expires"))
            row = await ROWS.alter(connection, actor, "key.update", row, changed)
            await ROWS.bound(connection, actor, row, values)
            return await _with_bounds(connection, row)

    async def enable(self, actor: Actor, workspace: str, id_: str) -> Row:
        """Takes up a disabled key again; Conflict for a revoked one."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            _refuse_stranger(actor, row)
            _refuse_revoked(row)
            row = await ROWS.alter(connection, actor, "key.enable", row, {"disabled": False})
            return await _with_bounds(connection, row)

    async def disable(self, actor: Actor, workspace: str, id_: str) -> Row:
        """Refuses a key until it is enabled again."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            _refuse_stranger(actor, row)
            row = await ROWS.alter(connection, actor, "key.disable", row, {"disabled": True})
            return await _with_bounds(connection, row)

    async def revoke(self, actor: Actor, workspace: str, id_: str) -> Row:
        """Ends a key for good; a second time changes nothing."""
        async with self.db.write() as connection:
            row = await ROWS.locked(connection, workspace, id_)
            _refuse_stranger(actor, row)
            if row["revoked"] is None:
                row = await ROWS.alter(connection, actor, "key.revoke", row, {"revoked": now_ms()})
            return await _with_bounds(connection, row)

    async def rotate(
        self, actor: Actor, workspace: str, id_: str, overlap_ms: int, expires: int | None = None
    ) -> tuple[Row, str]:
        """A new key in a key's place, and its secret. The old one ends after the overlap; until then both
        count in the same limits and budgets."""
        async with self.db.write() as connection:
            old = await ROWS.locked(connection, workspace, id_)
            _refuse_stranger(actor, old)
            _refuse_revoked(old)
            if old["next"]:
                raise Conflict(f"This key was rotated already: rotate {old['next']}.", code="key_rotated")
            secret = peppers.make_key()
            kept = ("project", "member", "name", "policy", "labels", "route", "expires", "disabled")
            fresh = self._fresh(actor, workspace, secret) | {name: old[name] for name in kept}
            fresh["by"] = old["by"]  # whose key it is does not change with its secret
            if expires is not None:
                fresh["expires"] = _future(expires)
            await connection.execute(insert(_T).values(fresh))
            end = now_ms() + overlap_ms
            ending = {"expires": min(end, old["expires"] or end), "next": fresh["id"]}
            await ROWS.alter(connection, actor, "key.rotate", old, ending)
            await ROWS.noted(connection, actor, "key.create", None, fresh)
            await _pass_on(connection, workspace, old["id"], fresh["id"])
            return await _with_bounds(connection, fresh), secret

    def _fresh(self, actor: Actor, workspace: str, secret: str) -> Row:
        """The columns of a new key that nobody chooses."""
        return {
            "id": ids.new("key"),
            "workspace": workspace,
            "shown": peppers.shown(secret),
            "hash": digest(self._pepper, secret).hex(),
            "created": now_ms(),
            "by": actor.id or actor.name,
            "disabled": False,
            "revoked": None,
            "next": None,
            "used": None,
            "managed": False,
        }


def _whole(found: Any) -> Row:
    return {column.name: getattr(found, column.name) for column in _T.columns}


async def project_id(connection: AsyncConnection, workspace: str, wanted: str) -> str | None:
    """Of a project by id or name; NotFound where there is none such, Conflict for an archived one."""
    if not wanted:
        return None
    projects = tables.projects.c
    query = select(projects.id, projects.archived).where(
        projects.workspace == workspace, or_(projects.id == wanted, projects.name == wanted)
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        raise NotFound("There is no such project.", code="project_not_found", param="project")
    row = next((row for row in rows if row.id == wanted), rows[0])
    if row.archived is not None:
        raise Conflict("This project is archived.", code="project_archived", param="project")
    return row.id


async def _pass_on(connection: AsyncConnection, workspace: str, old: str, new: str) -> None:
    """What bounded a key bounds the one that takes its place."""
    for table in (tables.limits, tables.budgets):
        for before, after in ((old, new), (bounds.EACH + old, bounds.EACH + new)):
            mine = (table.c.workspace == workspace, table.c.subject == before)
            moved = (await connection.execute(select(table.c.id).where(*mine))).scalars().all()
            await connection.execute(update(table).where(*mine).values(subject=after))
            for id_ in moved:
                await note_change(connection, table.name, id_)


async def _with_bounds(connection: AsyncConnection, row: Row) -> Row:
    return (await _all_with_bounds(connection, [row]))[0]


async def _all_with_bounds(connection: AsyncConnection, rows: list[Row]) -> list[Row]:
    """Rows with their limits, budgets, what is spent of these, and the name of the project."""
    names = await _names(connection, {row["project"] for row in rows if row["project"]})
    return [
        row | {"project_name": names.get(row["project"] or "", "")}
        for row in await ROWS.with_bounds(connection, rows)
    ]


async def _names(connection: AsyncConnection, projects: set[str]) -> dict[str, str]:
    if not projects:
        return {}
    columns = tables.projects.c
    query = select(columns.id, columns.name).where(columns.id.in_(sorted(projects)))
    return {row.id: row.name for row in (await connection.execute(query)).all()}


def _is_admin(actor: Actor) -> bool:
    return actor.operator or actor.role in ADMINS


def _refuse_stranger(actor: Actor, row: Row, values: Mapping[str, Any] | None = None) -> None:
    """Raises where the actor may not change this key, or not that of it."""
    if row["managed"]:
        raise Conflict(MANAGED, code="managed")
    if _is_admin(actor):
        return
    if not actor.member or row["member"] != actor.member:
        raise PermissionDenied("You may change keys of your own; this one is changed by an admin.")
    if row["by"] != actor.id and (bounding := BOUNDING & (values or {}).keys()):
        names = ", ".join(sorted(bounding))
        raise PermissionDenied(f"An admin made this key for you, and an admin changes its {names}.")


def _refuse_revoked(row: Row) -> None:
    if row["revoked"] is not None:
        raise Conflict("This key has been revoked: make another one.", code="key_revoked")


async def _refuse_many(connection: AsyncConnection, workspace: str) -> None:
    usable = (_T.c.revoked.is_(None), or_(_T.c.expires.is_(None), _T.c.expires > now_ms()))
    query = select(func.count()).where(_T.c.workspace == workspace, *usable)
    if (await connection.execute(query)).scalar_one() >= MOST:
        text = f"The workspace has {MOST} keys already: revoke some that are not used."
        raise InvalidRequest(text, code="too_many_keys")


def _future(expires: int | None) -> int | None:
    if expires is not None and expires <= now_ms():
        raise InvalidRequest("`expires` is over already.", param="expires", code="invalid_value")
    return expires
