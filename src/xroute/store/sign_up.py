"""New users, and the workspaces that they make for themselves."""

import re
import secrets
from collections.abc import Callable

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict
from xroute.store import audit, ids, passwords, tables, workspaces
from xroute.store.audit import Actor
from xroute.store.db import Database, note_change, now_ms
from xroute.store.passwords import Hasher
from xroute.store.people import by_email
from xroute.store.sign_in import SignedIn, SignIn, Visitor

_users, _members = tables.users, tables.members


class SignUp:
    """Makes users, workspaces and members."""

    def __init__(
        self, db: Database, sign_in: SignIn, hasher: Hasher, now: Callable[[], int] = now_ms
    ) -> None:
        self._db = db
        self._sign_in = sign_in
        self._hasher = hasher
        self._now = now

    async def sign_up(
        self, email: str, password: str, name: str, workspace: str, visitor: Visitor
    ) -> tuple[SignedIn, str]:
        """A user with a prepaid workspace that has no credit yet; the answer has its id."""
        passwords.check(password, email)
        hashed = await self._hasher.hash(password)
        async with self._db.write() as connection:
            user = await self.make_user(connection, visitor, email, name, hashed)
            id_ = await self._make_workspace(connection, visitor.actor(user, email), workspace)
            await self.join(connection, visitor.actor(user, email), id_, user, "owner")
            return await self._sign_in.begin(connection, user, email, visitor, "sign_in.sign_up"), id_

    async def make_user(
        self,
        connection: AsyncConnection,
        visitor: Visitor,
        email: str,
        name: str,
        hashed: str | None,
        verified: int | None = None,
    ) -> str:
        """The id of a new user, within the transaction. Conflict where somebody has the mail."""
        if await by_email(connection, email) is not None:
            raise Conflict(
                "Somebody has signed up with this mail already: sign in.", param="email", code="mail_taken"
            )
        id_ = ids.new("usr")
        user = {"id": id_, "email": email, "name": name, "verified": verified, "created": self._now()}
        await connection.execute(insert(_users).values(**user, password=hashed))
        await audit.note(connection, visitor.actor(id_, email), "user.create", id_, None, user)
        return id_

    async def _make_workspace(self, connection: AsyncConnection, actor: Actor, name: str) -> str:
        # The end of the short name is random, so that nobody takes, or finds out, another one's.
        words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "workspace"
        values = {"name": name, "slug": f"{words}-{secrets.token_hex(3)}", "plan": "prepaid"}
        return (await workspaces.add(connection, actor, ids.new("ws"), values))["id"]

    async def join(
        self, connection: AsyncConnection, actor: Actor, workspace: str, user: str, role: str
    ) -> str:
        """The id of a new member, within the transaction."""
        id_ = ids.new("mem")
        row = {"id": id_, "workspace": workspace, "user": user, "role": role, "created": self._now()}
        await connection.execute(insert(_members).values(**row))
        await audit.note(connection, actor, "member.create", id_, None, row, workspace=workspace)
        await note_change(connection, "members", id_)
        return id_

    async def is_member(self, connection: AsyncConnection, workspace: str, user: str) -> bool:
        """Whether a user is in a workspace already."""
        asked = select(_members.c.id).where(_members.c.workspace == workspace, _members.c.user == user)
        return (await connection.execute(asked)).scalar() is not None
