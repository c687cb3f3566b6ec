"""Management tokens: what programs use the management API with, made here and shown once."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest, NotFound, PermissionDenied
from xroute.store import audit, ids, pepper, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.page import Page, page
from xroute.store.roles import GRANTS, OPERATOR

PREFIX = "xrt-"
SHOWN = 10  # characters that are kept for people to know it by
TOUCH_MS = 60_000  # when it was used is noted at most this often

_table = tables.tokens


@dataclass(frozen=True, slots=True)
class Token:
    """A token that may be used now."""

    id: str
    name: str
    role: str  # of a member, or "operator"
    workspace: str | None  # None = the whole installation


class Tokens:
    """Every token has a role: a member's within one workspace, or `operator` everywhere."""

    def __init__(self, db: Database, secret: bytes, now: Callable[[], int] = now_ms) -> None:
        """`secret` is the pepper that hashes are keyed with."""
        self._db = db
        self._pepper = secret
        self._now = now

    async def create(
        self, actor: Actor, name: str, role: str, workspace: str | None, expires: int | None = None
    ) -> tuple[dict[str, Any], str]:
        """(the token as it is kept, the token itself). PermissionDenied beyond the actor's own role."""
        if role == OPERATOR:
            workspace = None
        self._check(actor, role, workspace, expires)
        token, now = PREFIX + secrets.token_urlsafe(32), self._now()
        id_ = ids.new("tok")
        row = {
            "id": id_,
            "workspace": workspace,
            "name": name,
            "role": role,
            "shown": token[:SHOWN],
            "by": actor.user,
            "created": now,
            "expires": expires,
        }
        async with self._db.write() as connection:
            await connection.execute(insert(_table).values(**row, hash=self._hash(token)))
            await audit.note(connection, actor, "token.create", id_, None, row, workspace=workspace)
        return row | {"used": None, "revoked": None}, token

    def _check(self, actor: Actor, role: str, workspace: str | None, expires: int | None) -> None:
        if workspace is None and role != OPERATOR:
            raise InvalidRequest("A token of this role belongs to a workspace: name it.", param="workspace")
        if role not in GRANTS.get(actor.role, frozenset()) and not actor.operator:
            raise PermissionDenied(f"Your role ({actor.role}) may not make a token of role {role}.")
        if expires is not None and expires <= self._now():
            raise InvalidRequest("`expires` has passed already.", param="expires", code="invalid_value")

    async def find(self, token: str) -> Token | None:
        """The token, if it is one that may be used now."""
        hashed, now = self._hash(token), self._now()
        workspaces = tables.workspaces
        asked = (
            select(_table, workspaces.c.closed)
            .outerjoin(workspaces, workspaces.c.id == _table.c.workspace)
            .where(_table.c.hash == hashed, _table.c.revoked.is_(None), workspaces.c.closed.is_(None))
        )
        async with self._db.read() as connection:
            row = (await connection.execute(asked)).one_or_none()
        if row is None or (row.expires is not None and row.expires <= now):
            return None
        if row.used is None or now - row.used >= TOUCH_MS:
            async with self._db.write() as connection:
                await connection.execute(update(_table).where(_table.c.hash == hashed).values(used=now))
        return Token(row.id, row.name, row.role, row.workspace)

    async def list(self, workspace: str | None, limit: int, cursor: str | None) -> Page:
        """A workspace's tokens, or those of the installation; the newest first."""
        within = _table.c.workspace.is_(None) if workspace is None else _table.c.workspace == workspace
        async with self._db.read() as connection:
            return await page(connection, select(_table).where(within), _table, limit, cursor, shown)

    async def revoke(self, actor: Actor, workspace: str | None, id_: str) -> dict[str, Any]:
        """From now on nobody gets in with it. NotFound where the workspace has none of that id."""
        within = _table.c.workspace.is_(None) if workspace is None else _table.c.workspace == workspace
        async with self._db.write() as connection:
            asked = select(_table).where(_table.c.id == id_, within).with_for_update()
            row = (await connection.execute(asked)).one_or_none()
            if row is None:
                raise NotFound(f"There is no token {id_[:100]!r}.", code="token_not_found")
            before = shown(row)
            after = before | {"revoked": row.revoked or self._now()}
            await connection.execute(
                update(_table).where(_table.c.id == id_).values(revoked=after["revoked"])
            )
            await audit.note(connection, actor, "token.revoke", id_, before, after, workspace=workspace)
        return after

    def _hash(self, token: str) -> str:
        return pepper.digest(self._pepper, token[:200]).hex()


async def revoke_of(
    connection: AsyncConnection,
    actor: Actor,
    workspace: str | None,
    user: str,
    beyond: frozenset[str] = frozenset(),
) -> None:
    """Revokes what a user made in a workspace, or anywhere, but for tokens of the roles in `beyond`."""
    asked = select(_table.c.id, _table.c.role, _table.c.workspace).where(
        _table.c.by == user, _table.c.revoked.is_(None)
    )
    if workspace is not None:
        asked = asked.where(_table.c.workspace == workspace)
    gone = [row for row in await connection.execute(asked) if row.role not in beyond]
    revoked = update(_table).where(_table.c.id.in_([row.id for row in gone])).values(revoked=now_ms())
    await connection.execute(revoked)
    for row in gone:
        await audit.note(connection, actor, "token.revoke", row.id, workspace=row.workspace)


def shown(row: Any) -> dict[str, Any]:
    """A row without its hash."""
    names = ("id", "workspace", "name", "role", "shown", "by", "created", "expires", "revoked", "used")
    return {name: getattr(row, name) for name in names}
