"""How people get in: sign-up, passwords, and links that work once."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Authentication, Conflict, InvalidRequest, PermissionDenied
from xroute.store import audit, ids, passwords, pepper, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, note_change, now_ms
from xroute.store.passwords import Hasher
from xroute.store.people import by_email
from xroute.store.sessions import HOUR_MS, Sessions
from xroute.store.tokens import revoke_of

Kind = Literal["signin", "reset", "handed", "verify"]  # a handed one resets too, and proves no mail
LASTS_MS: Final = {
    "signin": 168 * HOUR_MS,
    "reset": HOUR_MS,
    "handed": 24 * HOUR_MS,
    "verify": 72 * HOUR_MS,
}
FIRST: Final = "owner@localhost"  # the operator that the first start makes, until they say who they are

_users, _links = tables.users, tables.links


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where somebody signs in from."""

    address: str = ""
    agent: str = ""
    request_id: str = ""

    def actor(self, user: str, name: str) -> Actor:
        """That user, acting from there."""
        return Actor("user", user, name, user=user, address=self.address, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that has just begun. `token` is for the cookie."""

    user: str
    email: str
    token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.user!r}, {self.email!r}, token=***)"


class SignIn:
    """Every way to a session but that by another issuer."""

    def __init__(
        self,
        db: Database,
        secret: bytes,
        sessions: Sessions,
        hasher: Hasher,
        now: Callable[[], int] = now_ms,
    ) -> None:
        """`secret` is the pepper that the hashes of links are keyed with."""
        self._db = db
        self._pepper = secret
        self._sessions = sessions
        self._hasher = hasher
        self._now = now

    # With a password.

    async def password(self, email: str, password: str, visitor: Visitor) -> SignedIn:
        """Authentication where mail and password are not a user's; an unknown mail takes as long."""
        async with self._db.read() as connection:
            row = await by_email(connection, email)
        right = await self._hasher.verify(row.password if row else None, password)
        if row is None or not right or row.disabled:
            raise Authentication("Mail and password do not belong together here.", code="invalid_credentials")
        fresh = await self._hasher.hash(password) if self._hasher.is_dated(row.password) else None
        async with self._db.write() as connection:
            if fresh:
                changed = update(_users).where(_users.c.id == row.id, _users.c.password == row.password)
                await connection.execute(changed.values(password=fresh))
            return await self.begin(connection, row.id, row.email, visitor, "sign_in.password")

    async def begin(
        self, connection: AsyncConnection, user: str, email: str, visitor: Visitor, how: str
    ) -> SignedIn:
        """A session within the transaction."""
        token = await self._sessions.begin(connection, user, visitor.address, visitor.agent)
        await audit.note(connection, visitor.actor(user, email), how, user)
        return SignedIn(user, email, token)

    async def set_password(self, actor: Actor, current: str | None, password: str, session: str) -> None:
        """A new password; every other session ends. The current one is asked for where there is one."""
        async with self._db.read() as connection:
            row = (await connection.execute(select(_users).where(_users.c.id == actor.user))).one()
        if row.password is not None and not await self._hasher.verify(row.password, current or ""):
            raise PermissionDenied(
                "This is not the current password.", code="wrong_password", param="current"
            )
        passwords.check(password, row.email)
        hashed = await self._hasher.hash(password)
        async with self._db.write() as connection:
            await self._put_password(connection, actor, row.id, hashed, but=session)

    async def set_email(self, actor: Actor, current: str | None, email: str) -> None:
        """Another mail address, which is not shown to be theirs yet."""
        async with self._db.read() as connection:
            row = (await connection.execute(select(_users).where(_users.c.id == actor.user))).one()
        if row.password is not None and not await self._hasher.verify(row.password, current or ""):
            raise _wrong()
        async with self._db.write() as connection:
            if await by_email(connection, email) is not None:
                raise Conflict(
                    "Somebody has this mail address here already.", param="email", code="mail_taken"
                )
            changed = update(_users).where(_users.c.id == row.id)
            await connection.execute(changed.values(email=email, verified=None))
            await connection.execute(delete(_links).where(_links.c.user == row.id))
            before, after = {"email": row.email}, {"email": email}
            await audit.note(connection, actor, "user.change", row.id, before, after)
            of_user = select(tables.members.c.id).where(tables.members.c.user == row.id)
            for member in (await connection.execute(of_user)).scalars():
                await note_change(connection, "members", member)

    async def _put_password(
        self, connection: AsyncConnection, actor: Actor, user: str, hashed: str, but: str = ""
    ) -> None:
        await connection.execute(update(_users).where(_users.c.id == user).values(password=hashed))
        await connection.execute(delete(_links).where(_links.c.user == user))
        await self._sessions.end_others(connection, user, but)
        await audit.note(connection, actor, "password.change", user)

    # With a link.

    async def make_link(self, connection: AsyncConnection, kind: Kind, user: str) -> str:
        """A code that works once, within the transaction; an older one of its kind works no more."""
        code, now = secrets.token_urlsafe(32), self._now()
        stale = ((_links.c.user == user) & (_links.c.kind == kind)) | (_links.c.expires < now)
        await connection.execute(delete(_links).where(stale))
        await connection.execute(
            insert(_links).values(
                hash=self._hash(code), kind=kind, user=user, created=now, expires=now + LASTS_MS[kind]
            )
        )
        return code

    async def reset_link(self, actor: Actor, user: str, kind: Kind) -> str:
        """A code to set a new password with, that somebody made for a user: to mail or to hand over."""
        async with self._db.write() as connection:
            await audit.note(connection, actor, "password.reset_link", user)
            return await self.make_link(connection, kind, user)

    async def verify_link(self, user: str) -> str:
        """A code that shows, in the mail to a user's address, that it is theirs."""
        async with self._db.write() as connection:
            return await self.make_link(connection, "verify", user)

    async def forgot(self, email: str) -> str | None:
        """A code for the owner of a mail; None where there is none, or it may not sign in."""
        async with self._db.write() as connection:
            row = await by_email(connection, email)
            if row is None or row.disabled:
                return None
            return await self.make_link(connection, "reset", row.id)

    async def by_link(self, code: str, visitor: Visitor) -> SignedIn:
        """Uses a sign-in link up."""
        async with self._db.write() as connection:
            row = await self._use(connection, code, "signin")
            return await self.begin(connection, row.id, row.email, visitor, "sign_in.link")

    async def reset(self, code: str, password: str, visitor: Visitor) -> SignedIn:
        """Uses a reset link up: a new password, and the one session there is from then on."""
        async with self._db.read() as connection:
            row = await self._look(connection, code, "reset", "handed")
        passwords.check(password, row.email)
        hashed = await self._hasher.hash(password)
        async with self._db.write() as connection:
            row = await self._use(connection, code, "reset", "handed")
            actor = visitor.actor(row.id, row.email)
            if row.verified is None:  # nobody knows who had it until now
                await revoke_of(connection, actor, None, row.id)
            await self._put_password(connection, actor, row.id, hashed)
            if row.kind == "reset":
                await self._verified(connection, row.id)
            return await self.begin(connection, row.id, row.email, visitor, "sign_in.reset")

    async def verify(self, user: str, code: str) -> None:
        """Uses up the link that was mailed to a user, for the one who has signed in as them.

        Else somebody could have the owner of a mail confirm an account that is not theirs.
        """
        async with self._db.write() as connection:
            row = await self._use(connection, code, "verify")
            if row.id != user:
                raise _no_link()
            await self._verified(connection, user)

    async def _verified(self, connection: AsyncConnection, user: str) -> None:
        unknown = (_users.c.id == user, _users.c.verified.is_(None))
        await connection.execute(update(_users).where(*unknown).values(verified=self._now()))

    async def _use(self, connection: AsyncConnection, code: str, *kinds: Kind) -> Any:
        row = await self._look(connection, code, *kinds)
        used = delete(_links).where(_links.c.hash == self._hash(code))
        if (await connection.execute(used)).rowcount != 1:  # somebody else was quicker
            raise _no_link()
        return row

    async def _look(self, connection: AsyncConnection, code: str, *kinds: Kind) -> Any:
        asked = (
            select(_users, _links.c.kind)
            .join(_links, _links.c.user == _users.c.id)
            .where(
                _links.c.hash == self._hash(code),
                _links.c.kind.in_(kinds),
                _links.c.expires > self._now(),
                _users.c.disabled.is_(False),
            )
        )
        row = (await connection.execute(asked)).one_or_none()
        if row is None:
            raise _no_link()
        return row

    def _hash(self, code: str) -> str:
        return pepper.digest(self._pepper, code[:200]).hex()

    # For the first time.

    async def first_owner(self) -> str | None:
        """The code of a sign-in link where nobody has ever signed in: an operator is made for it.

        None where somebody has; and where another process is making that operator just now.
        """
        try:
            return await self._first_owner()
        except IntegrityError:
            return None

    async def _first_owner(self) -> str | None:
        async with self._db.write() as connection:
            known = (await connection.execute(select(_users).limit(2))).all()
            if len(known) > 1 or any(user.email != FIRST or user.signed_in for user in known):
                return None
            id_ = known[0].id if known else await self._make_operator(connection)
            return await self.make_link(connection, "signin", id_)

    async def _make_operator(self, connection: AsyncConnection) -> str:
        id_ = ids.new("usr")
        user = {"id": id_, "email": FIRST, "name": "Owner", "operator": True, "created": self._now()}
        await connection.execute(insert(_users).values(**user))
        await audit.note(connection, audit.SYSTEM, "user.create", id_, None, user)
        return id_


def _wrong() -> PermissionDenied:
    return PermissionDenied("This is not the current password.", code="wrong_password", param="current")


def _no_link() -> InvalidRequest:
    return InvalidRequest(
        "This link is not known, was used before, or is too old. Ask for another one.", code="invalid_link"
    )
