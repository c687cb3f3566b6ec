"""The audit log: who changed what, from what to what, and from where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest
from xroute.store import tables
from xroute.store.db import now_ms
from xroute.store.page import Page

Kind = Literal["user", "token", "admin_token", "cli", "config", "system"]
MASKED = "***"
SECRET = frozenset({"key", "hash", "password", "secret", "sealed", "token", "master"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in the management API. `workspace` is the one acted in; None = none was named."""

    kind: Kind
    id: str = ""
    name: str = ""
    workspace: str | None = None
    role: str = ""  # in that workspace: owner | admin | developer | viewer | billing
    operator: bool = False  # runs the installation: every workspace, credits
    member: str = ""  # members.id in that workspace
    user: str = ""  # users.id
    session: str = ""  # id of the sign-in, which is no credential
    address: str = ""
    request_id: str = ""


SYSTEM = Actor("system", name="xroute", operator=True)


async def note(
    connection: AsyncConnection,
    actor: Actor,
    action: str,
    target: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    workspace: str | None = None,
) -> None:
    """Adds a line within the transaction of the change itself; what is secret is masked."""
    await connection.execute(
        insert(tables.audit).values(
            at=now_ms(),
            workspace=workspace or actor.workspace,
            actor_kind=actor.kind,
            actor=actor.id,
            actor_name=actor.name,
            action=action,
            target=target,
            before=_masked(before),
            after=_masked(after),
            address=actor.address,
            request_id=actor.request_id,
        )
    )


def _masked(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: MASKED if name in SECRET and value else _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return MASKED if isinstance(value, bytes) else value


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines; None = all."""

    actor: str | None = None  # an id or a name
    action: str | None = None  # "key.create"; "key." for all of keys
    target: str | None = None
    since: int | None = None  # milliseconds since 1970
    until: int | None = None


async def lines(
    connection: AsyncConnection, wanted: Wanted, workspace: str | None, limit: int, cursor: str | None
) -> Page:
    """The log of a workspace, or of everything; the newest first."""
    table = tables.audit
    asked = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    for condition in _conditions(wanted):
        asked = asked.where(condition)
    if workspace is not None:
        asked = asked.where(table.c.workspace == workspace)
    if cursor is not None:
        asked = asked.where(table.c.id < _number(cursor))
    rows = (await connection.execute(asked)).all()
    data = [{column.name: getattr(row, column.name) for column in table.c} for row in rows[:limit]]
    return Page(data, str(data[-1]["id"]) if len(rows) > limit else None)


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    table = tables.audit.c
    if wanted.actor is not None:
        yield or_(table.actor == wanted.actor, table.actor_name == wanted.actor)
    if wanted.action is not None and wanted.action.endswith("."):
        yield table.action.startswith(wanted.action, autoescape=True)
    elif wanted.action is not None:
        yield table.action == wanted.action
    if wanted.target is not None:
        yield table.target == wanted.target
    if wanted.since is not None:
        yield table.at >= wanted.since
    if wanted.until is not None:
        yield table.at < wanted.until


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidRequest(
            "`cursor` is none that this list has given.", param="cursor", code="invalid_value"
        )
    return int(cursor)
