"""Invitations into a workspace: a code that lets in whoever has the mail address it was made for."""

import secrets
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Authentication, Conflict, InvalidRequest, NotFound, PermissionDenied
from xroute.store import audit, ids, passwords, pepper, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, lock_workspace, now_ms
from xroute.store.page import Page, page
from xroute.store.passwords import Hasher
from xroute.store.people import by_email
from xroute.store.roles import GRANTS
from xroute.store.sessions import HOUR_MS
from xroute.store.sign_in import SignedIn, SignIn, Visitor
from xroute.store.sign_up import SignUp

LASTS_MS: Final = 168 * HOUR_MS
MOST: Final = 500  # open ones of a workspace
MAILED: Final = "m"  # what the code of a mailed one begins with: to have it proves the mail

_users, _members, _invitations = tables.users, tables.members, tables.invitations
_workspaces = tables.workspaces


class Invitations:
    """Each works once, for a week."""

    def __init__(
        self,
        db: Database,
        secret: bytes,
        sign_in: SignIn,
        sign_up: SignUp,
        hasher: Hasher,
        now: Callable[[], int] = now_ms,
    ) -> None:
        """`secret` is the pepper that the hashes of codes are keyed with."""
        self._db = db
        self._pepper = secret
        self._sign_in = sign_in
        self._sign_up = sign_up
        self._hasher = hasher
        self._now = now

    async def create(
        self, actor: Actor, workspace: str, email: str, role: str, *, is_mailed: bool
    ) -> tuple[dict[str, Any], str]:
        """(the invitation, its code). It takes the place of an older one for the same mail."""
        if not actor.operator and role not in GRANTS.get(actor.role, frozenset()):
            raise PermissionDenied(f"Your role ({actor.role}) may not invite somebody as {role}.")
        code, now = (MAILED if is_mailed else "h") + secrets.token_urlsafe(32), self._now()
        id_ = ids.new("inv")
        row = {"id": id_, "workspace": workspace, "email": email, "role": role}
        row |= {"by": actor.user, "created": now, "expires": now + LASTS_MS}
        async with self._db.write() as connection:
            await lock_workspace(connection, workspace)
            await self._check_room(connection, workspace, email)
            await connection.execute(insert(_invitations).values(**row, hash=self._hash(code)))
            await audit.note(connection, actor, "invitation.create", id_, None, row, workspace=workspace)
        return row, code

    async def _check_room(self, connection: AsyncConnection, workspace: str, email: str) -> None:
        here = select(_members.c.id).join(_users, _users.c.id == _members.c.user)
        here = here.where(_members.c.workspace == workspace, _users.c.email == email)
        if (await connection.execute(here)).scalar() is not None:
            raise Conflict("They are a member already.", param="email", code="member_exists")
        stale = (_invitations.c.email == email) | (_invitations.c.expires <= self._now())
        open_ = (_invitations.c.workspace == workspace) & _invitations.c.accepted.is_(None)
        await connection.execute(delete(_invitations).where(open_, stale))
        count = len((await connection.execute(select(_invitations.c.id).where(open_))).all())
        if count >= MOST:
            raise Conflict(f"There are {count} open invitations already: revoke some first.")

    async def list(self, workspace: str, limit: int, cursor: str | None) -> Page:
        """Those that can still be accepted, the newest first."""
        asked = select(_invitations).where(
            _invitations.c.workspace == workspace,
            _invitations.c.accepted.is_(None),
            _invitations.c.expires > self._now(),
        )
        async with self._db.read() as connection:
            return await page(connection, asked, _invitations, limit, cursor, shown)

    async def revoke(self, actor: Actor, workspace: str, id_: str) -> None:
        """Nobody gets in with it any more. NotFound where the workspace has none of that id open."""
        async with self._db.write() as connection:
            found = (_invitations.c.id == id_, _invitations.c.workspace == workspace)
            gone = delete(_invitations).where(*found, _invitations.c.accepted.is_(None))
            if (await connection.execute(gone)).rowcount != 1:
                raise NotFound(f"There is no invitation {id_[:100]!r}.", code="invitation_not_found")
            await audit.note(connection, actor, "invitation.revoke", id_, workspace=workspace)

    async def look(self, code: str) -> dict[str, Any]:
        """What an invitation is to, for whoever has its code."""
        async with self._db.read() as connection:
            row = await self._open(connection, code)
            known = await by_email(connection, row.email)
        return {"email": row.email, "workspace": row.name, "role": row.role, "has_account": known is not None}

    async def accept(self, code: str, password: str, name: str, visitor: Visitor) -> tuple[SignedIn, str]:
        """Lets somebody in: with the password of the account they have, or with that of a new one."""
        async with self._db.read() as connection:
            row = await self._open(connection, code)
            known = await by_email(connection, row.email)
        if known is not None:
            if not await self._hasher.verify(known.password, password) or known.disabled:
                raise Authentication(
                    "There is an account with this mail, and this is not its password.",
                    code="invalid_credentials",
                )
            hashed = None
        else:
            passwords.check(password, row.email)
            hashed = await self._hasher.hash(password)
        async with self._db.write() as connection:
            verified = self._now() if code.startswith(MAILED) else None
            user = (
                known.id
                if known is not None
                else await self._sign_up.make_user(connection, visitor, row.email, name, hashed, verified)
            )
            await self.admit(connection, visitor, code, user, row.email)
            begun = await self._sign_in.begin(connection, user, row.email, visitor, "sign_in.invitation")
            return begun, row.workspace

    async def accept_as(self, actor: Actor, code: str) -> str:
        """The workspace that somebody who has signed in was invited to, by the mail they have."""
        async with self._db.write() as connection:
            row = await self._open(connection, code)
            if row.email != actor.name:
                raise PermissionDenied("This invitation is for another mail address.", code="other_mail")
            visitor = Visitor(actor.address, "", actor.request_id)
            await self.admit(connection, visitor, code, actor.user, row.email)
            return row.workspace

    async def admit(
        self, connection: AsyncConnection, visitor: Visitor, code: str, user: str, email: str
    ) -> None:
        """Uses an invitation up, within the transaction."""
        await self._use(connection, await self._open(connection, code), visitor.actor(user, email))

    async def admit_all(self, connection: AsyncConnection, visitor: Visitor, user: str, email: str) -> None:
        """Uses up every open invitation for a mail that was shown to be theirs."""
        for row in (await connection.execute(self._for(email))).all():
            await self._use(connection, row, visitor.actor(user, email))

    async def has_open(self, connection: AsyncConnection, email: str) -> bool:
        """Whether somebody has invited that mail."""
        return (await connection.execute(self._for(email).limit(1))).first() is not None

    def _for(self, email: str) -> Select[Any]:
        return (
            select(_invitations)
            .join(_workspaces, _workspaces.c.id == _invitations.c.workspace)
            .where(
                _invitations.c.email == email,
                _invitations.c.accepted.is_(None),
                _invitations.c.expires > self._now(),
                _workspaces.c.closed.is_(None),
            )
        )

    async def _use(self, connection: AsyncConnection, row: Any, actor: Actor) -> None:
        used = update(_invitations).where(_invitations.c.id == row.id, _invitations.c.accepted.is_(None))
        if (await connection.execute(used.values(accepted=self._now()))).rowcount != 1:
            raise _no_invitation()
        if not await self._sign_up.is_member(connection, row.workspace, actor.user):
            await self._sign_up.join(connection, actor, row.workspace, actor.user, row.role)

    async def _open(self, connection: AsyncConnection, code: str) -> Any:
        asked = (
            select(_invitations, _workspaces.c.name)
            .join(_workspaces, _workspaces.c.id == _invitations.c.workspace)
            .where(
                _invitations.c.hash == self._hash(code),
                _invitations.c.accepted.is_(None),
                _invitations.c.expires > self._now(),
                _workspaces.c.closed.is_(None),
            )
        )
        if (row := (await connection.execute(asked)).one_or_none()) is None:
            raise _no_invitation()
        return row

    def _hash(self, code: str) -> str:
        return pepper.digest(self._pepper, code[:200]).hex()


def shown(row: Any) -> dict[str, Any]:
    """An invitation as the API shows one."""
    names = ("id", "workspace", "email", "role", "by", "created", "expires")
    return {name: getattr(row, name) for name in names}


def _no_invitation() -> InvalidRequest:
    return InvalidRequest(
        "This invitation is not known, was accepted or revoked, or is too old. Ask for another one.",
        code="invalid_invitation",
    )
