"""Users of the installation, and members of its workspaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, NotFound, PermissionDenied
from xroute.store import audit, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, lock_workspace, note_change, now_ms
from xroute.store.page import Page, page
from xroute.store.roles import GRANTS
from xroute.store.sessions import Sessions
from xroute.store.tokens import revoke_of

_members, _users, _workspaces, _keys = tables.members, tables.users, tables.workspaces, tables.keys
Changes = Mapping[str, Any]  # new values by column


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody's place in a workspace."""

    member: str
    workspace: str
    slug: str
    name: str  # of the workspace
    role: str


class People:
    """Every change is audited, and known to the keys of whom it is about, in its own transaction."""

    def __init__(self, db: Database, sessions: Sessions, now: Callable[[], int] = now_ms) -> None:
        self._db = db
        self._sessions = sessions
        self._now = now

    # Where somebody may act.

    async def memberships(self, user: str, wanted: str | None = None, most: int = 500) -> list[Membership]:
        """Open workspaces of a user; with `wanted` only the one of that id or short name."""
        asked = (
            select(
                _members.c.id, _members.c.workspace, _workspaces.c.slug, _workspaces.c.name, _members.c.role
            )
            .join(_workspaces, _workspaces.c.id == _members.c.workspace)
            .where(_members.c.user == user, _workspaces.c.closed.is_(None))
            .order_by(_members.c.created, _members.c.id)
            .limit(most)
        )
        if wanted is not None:
            asked = asked.where(_named(wanted))
        async with self._db.read() as connection:
            return [Membership(*row) for row in await connection.execute(asked)]

    async def workspace(self, wanted: str) -> str | None:
        """The id of the workspace of that id or short name."""
        async with self._db.read() as connection:
            return (await connection.execute(select(_workspaces.c.id).where(_named(wanted)))).scalar()

    # Members of a workspace.

    async def members(self, workspace: str, limit: int, cursor: str | None) -> Page:
        """The members, the newest first."""
        async with self._db.read() as connection:
            asked = _of_members().where(_members.c.workspace == workspace)
            return await page(connection, asked, _members, limit, cursor, shown_member)

    async def member(self, workspace: str, id_: str) -> dict[str, Any]:
        """One member; NotFound where the workspace has none of that id."""
        async with self._db.read() as connection:
            return shown_member(await _member(connection, workspace, id_))

    async def own_member(self, actor: Actor, workspace: str, id_: str) -> dict[str, Any]:
        """A member of whom the actor may become one: else PermissionDenied, which does not say why."""
        async with self._db.read() as connection:
            row = await _member(connection, workspace, id_)
            asked = select(_members.c.id).where(_members.c.user == row.user).limit(2)
            places = (await connection.execute(asked)).all()
            user = await _user(connection, row.user)
        is_own = len(places) == 1 and not user.operator
        if not actor.operator and not (is_own and row.role in GRANTS.get(actor.role, frozenset())):
            raise PermissionDenied(
                "Only who runs this installation can do this for this member.", code="operator_needed"
            )
        return shown_member(row)

    async def change(self, actor: Actor, workspace: str, id_: str, changes: Changes) -> dict[str, Any]:
        """Sets `role` or `external_id`. Conflict where no owner would be left."""
        async with self._db.write() as connection:
            row = await _member_alone(connection, workspace, id_)
            before = shown_member(row)
            self._may(actor, row.role)
            if (role := changes.get("role", row.role)) != row.role:
                self._may(actor, role)
                if row.role == "owner":
                    await _keep_an_owner(connection, workspace)
            await connection.execute(update(_members).where(_members.c.id == id_).values(**changes))
            after = before | dict(changes)
            await audit.note(connection, actor, "member.change", id_, before, after, workspace=workspace)
            await revoke_of(connection, actor, workspace, row.user, beyond=GRANTS.get(role, frozenset()))
            await note_change(connection, "members", id_)
        return after

    async def remove(self, actor: Actor, workspace: str, id_: str) -> None:
        """They are out at once; keys and tokens of theirs there end. Conflict for the last owner."""
        async with self._db.write() as connection:
            row = await _member_alone(connection, workspace, id_)
            if row.user != actor.user:  # everybody may leave
                self._may(actor, row.role)
            if row.role == "owner":
                await _keep_an_owner(connection, workspace)
            await audit.note(
                connection, actor, "member.remove", id_, shown_member(row), None, workspace=workspace
            )
            await revoke_of(connection, actor, workspace, row.user)
            await self._disable_keys(connection, actor, workspace, id_)
            await connection.execute(delete(_members).where(_members.c.id == id_))
            await note_change(connection, "members", id_)

    async def _disable_keys(
        self, connection: AsyncConnection, actor: Actor, workspace: str, member: str
    ) -> None:
        of_member = (_keys.c.workspace == workspace, _keys.c.member == member, _keys.c.disabled.is_(False))
        keys = list((await connection.execute(select(_keys.c.id).where(*of_member))).scalars())
        await connection.execute(update(_keys).where(_keys.c.id.in_(keys)).values(disabled=True))
        for key in keys:
            before, after = {"disabled": False}, {"disabled": True}
            await audit.note(connection, actor, "key.disable", key, before, after, workspace=workspace)
            await note_change(connection, "keys", key)

    @staticmethod
    def _may(actor: Actor, role: str) -> None:
        """Raises PermissionDenied where the actor has no say about somebody of that role."""
        if not actor.operator and role not in GRANTS.get(actor.role, frozenset()):
            raise PermissionDenied(f"Your role ({actor.role}) has no say about somebody of role {role}.")

    # Users of the installation.

    async def user(self, id_: str) -> dict[str, Any]:
        """One user; NotFound."""
        async with self._db.read() as connection:
            return shown_user(await _user(connection, id_))

    async def rename(self, actor: Actor, name: str) -> None:
        """What the actor is called from now on."""
        async with self._db.write() as connection:
            before = (await _user(connection, actor.user)).name
            await connection.execute(update(_users).where(_users.c.id == actor.user).values(name=name))
            await audit.note(connection, actor, "user.change", actor.user, {"name": before}, {"name": name})

    async def users(self, limit: int, cursor: str | None) -> Page:
        """Everybody, the newest first."""
        async with self._db.read() as connection:
            return await page(connection, select(_users), _users, limit, cursor, shown_user)

    async def change_user(self, actor: Actor, id_: str, changes: Changes) -> dict[str, Any]:
        """Sets columns of a user. Who is disabled is out at once."""
        async with self._db.write() as connection:
            before = shown_user(await _user(connection, id_, for_update=True))
            if id_ == actor.user and (changes.get("disabled") or changes.get("operator") is False):
                raise Conflict("You cannot shut yourself out: another operator can.", code="yourself")
            await connection.execute(update(_users).where(_users.c.id == id_).values(**changes))
            after = before | dict(changes)
            await audit.note(connection, actor, "user.change", id_, before, after)
            if "disabled" in changes:
                if changes["disabled"]:
                    await self._sessions.end_others(connection, id_)
                    await revoke_of(connection, actor, None, id_)
                members = await connection.execute(select(_members.c.id).where(_members.c.user == id_))
                for member in members.scalars():
                    await note_change(connection, "members", member)
        return after


async def by_email(connection: AsyncConnection, email: str) -> Row[Any] | None:
    """The user of a mail address in lower case."""
    return (await connection.execute(select(_users).where(_users.c.email == email))).one_or_none()


def _named(wanted: str) -> Any:
    return or_(_workspaces.c.id == wanted, _workspaces.c.slug == wanted)


def _of_members() -> Select[Any]:
    return select(_members, _users.c.email, _users.c.name, _users.c.disabled, _users.c.signed_in).join(
        _users, _users.c.id == _members.c.user
    )


async def _member(connection: AsyncConnection, workspace: str, id_: str) -> Row[Any]:
    asked = _of_members().where(_members.c.id == id_, _members.c.workspace == workspace)
    if (row := (await connection.execute(asked)).one_or_none()) is None:
        raise NotFound(f"There is no member {id_[:100]!r}.", code="member_not_found")
    return row


async def _member_alone(connection: AsyncConnection, workspace: str, id_: str) -> Row[Any]:
    """A member while nobody else changes one of that workspace: two owners may want to go at once."""
    await lock_workspace(connection, workspace)
    return await _member(connection, workspace, id_)


async def _keep_an_owner(connection: AsyncConnection, workspace: str) -> None:
    asked = select(_members.c.id).where(_members.c.workspace == workspace, _members.c.role == "owner")
    if len((await connection.execute(asked.limit(2))).all()) < 2:
        raise Conflict(
            "This is the last owner of the workspace: make somebody else one first.", code="last_owner"
        )


async def _user(connection: AsyncConnection, id_: str, *, for_update: bool = False) -> Row[Any]:
    asked = select(_users).where(_users.c.id == id_)
    row = (await connection.execute(asked.with_for_update() if for_update else asked)).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {id_[:100]!r}.", code="user_not_found")
    return row


def shown_member(row: Any) -> dict[str, Any]:
    """A member as the API shows one."""
    names = ("id", "user", "email", "name", "role", "external_id", "created", "disabled", "signed_in")
    return {name: getattr(row, name) for name in names}


def shown_user(row: Any) -> dict[str, Any]:
    """A user as the API shows one; of the password only whether there is one."""
    names = ("id", "email", "name", "operator", "disabled", "external_id", "verified", "created", "signed_in")
    return {name: getattr(row, name) for name in names} | {"has_password": row.password is not None}
