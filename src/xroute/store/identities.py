"""Who somebody is at another issuer, and which user of ours that makes them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.config.accounts import OidcSettings
from xroute.errors import Conflict, InvalidRequest, PermissionDenied
from xroute.store import audit, tables
from xroute.store.db import Database, now_ms
from xroute.store.invitations import Invitations
from xroute.store.people import by_email
from xroute.store.sessions import HOUR_MS
from xroute.store.sign_in import SignedIn, SignIn, Visitor
from xroute.store.sign_up import SignUp

KEPT_MS: Final = HOUR_MS  # how long a used state is remembered; it is good for less

_users, _identities, _used = tables.users, tables.identities, tables.webhooks


@dataclass(frozen=True, slots=True)
class Identity:
    """What an issuer says of somebody."""

    issuer: str
    subject: str  # never given to anybody else there
    email: str  # lower case, "" = not told
    is_verified: bool  # the issuer says that the mail is theirs
    name: str


class Identities:
    """An identity belongs to a user for good; a mail links them only where both sides know it is theirs."""

    def __init__(
        self,
        db: Database,
        sign_in: SignIn,
        sign_up: SignUp,
        invitations: Invitations,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._db = db
        self._sign_in = sign_in
        self._sign_up = sign_up
        self._invitations = invitations
        self._now = now

    async def use_up(self, state: str) -> None:
        """InvalidRequest for a state that was used before, in whichever process."""
        row = {"id": f"oidc:{hashlib.sha256(state.encode()).hexdigest()}", "kind": "oidc", "at": self._now()}
        stale = (_used.c.kind == "oidc") & (_used.c.at < self._now() - KEPT_MS)
        try:
            async with self._db.write() as connection:
                await connection.execute(delete(_used).where(stale))
                await connection.execute(insert(_used).values(**row))
        except IntegrityError:
            raise InvalidRequest(
                "This sign-in was finished already. Begin again.", code="state_used"
            ) from None

    async def sign_in(self, identity: Identity, rule: OidcSettings, visitor: Visitor) -> SignedIn:
        """Whoever has been here before, or may come in. PermissionDenied for others."""
        async with self._db.write() as connection:
            row = await self._known(connection, identity)
            if row is None:
                row = await self._link(connection, identity, rule, visitor)
            if row.disabled:
                raise PermissionDenied("This user may not sign in.", code="user_disabled")
            if identity.is_verified and identity.email == row.email:
                await self._invitations.admit_all(connection, visitor, row.id, row.email)
            return await self._sign_in.begin(connection, row.id, row.email, visitor, f"sign_in.{rule.name}")

    async def _known(self, connection: AsyncConnection, identity: Identity) -> Any:
        asked = (
            select(_users)
            .join(_identities, _identities.c.user == _users.c.id)
            .where(_identities.c.issuer == identity.issuer, _identities.c.subject == identity.subject)
        )
        return (await connection.execute(asked)).one_or_none()

    async def _link(
        self, connection: AsyncConnection, identity: Identity, rule: OidcSettings, visitor: Visitor
    ) -> Any:
        """The user of a mail that both sides know to be theirs: one there is, or a new one."""
        if not (identity.email and identity.is_verified):
            raise PermissionDenied(
                "The issuer does not say that your mail address is yours. Verify it there.",
                code="mail_not_verified",
            )
        row = await by_email(connection, identity.email)
        if row is not None and row.verified is None:
            raise PermissionDenied(
                "There is an account with this mail that has not shown that the mail is its own. Sign in "
                "with its password and verify the mail, or ask who runs this installation.",
                code="account_not_verified",
            )
        is_ours = identity.email.rpartition("@")[2] in {domain.lower() for domain in rule.domains}
        if row is None:
            if not is_ours and not await self._invitations.has_open(connection, identity.email):
                raise PermissionDenied("Nobody has invited this mail address.", code="not_invited")
            await self._sign_up.make_user(
                connection, visitor, identity.email, identity.name, None, self._now()
            )
            row = await by_email(connection, identity.email)
            assert row is not None
        linked = {"issuer": identity.issuer, "subject": identity.subject, "user": row.id}
        await connection.execute(insert(_identities).values(**linked, created=self._now()))
        actor = visitor.actor(row.id, row.email)
        await audit.note(connection, actor, "identity.link", row.id, None, linked)
        if is_ours:
            await self._join(connection, rule, visitor, row)
        return row

    async def _join(
        self, connection: AsyncConnection, rule: OidcSettings, visitor: Visitor, row: Any
    ) -> None:
        asked = select(tables.workspaces.c.id).where(tables.workspaces.c.slug == rule.workspace)
        workspace = (await connection.execute(asked)).scalar()
        if workspace is None:
            raise Conflict(
                f"The workspace {rule.workspace!r} that sign_in.oidc names is not there.",
                code="workspace_not_found",
            )
        if not await self._sign_up.is_member(connection, workspace, row.id):
            actor = visitor.actor(row.id, row.email)
            await self._sign_up.join(connection, actor, workspace, row.id, rule.role)
