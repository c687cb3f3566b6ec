"""Telling people of alerts: the list until they are seen, and a mail for each new one."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import NotFound, XrouteError
from xroute.store import audit
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.tables import alerts, members, users, workspaces

log = logging.getLogger("xroute.store")

TOLD_ROLES: Final = ("owner", "billing")
BATCH: Final = 50
OLD_MS: Final = 24 * 3600 * 1000  # what could not be mailed in a day is not mailed any more


class MailFailed(XrouteError):
    """A mail could not be sent; it is tried again."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, as it is shown."""

    id: int
    workspace: str
    at: int
    kind: str
    text: str
    seen: int | None


Mail = Callable[[Sequence[str], str, str], Awaitable[None]]  # (to whom, subject, text); MailFailed


async def raise_alert(connection: AsyncConnection, workspace: str, kind: str, ref: str, text: str) -> bool:
    """Adds an alert unless there is one with this `ref` already; whether it is new."""
    into = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    values = {"workspace": workspace, "at": now_ms(), "kind": kind, "ref": ref, "text": text}
    done = await connection.execute(into(alerts).values(**values).on_conflict_do_nothing())
    return done.rowcount > 0


class Notices:
    """Lists alerts, marks them as seen, and tells owners and billing members of new ones by mail."""

    def __init__(self, db: Database, mail: Mail | None = None) -> None:
        """Without `mail` a new alert goes to the log alone."""
        self._db = db
        self._mail = mail

    async def page(
        self, workspace: str, limit: int, before: int | None = None, *, unseen: bool = False
    ) -> list[Alert]:
        """The newest first; those with a smaller id than `before`."""
        query = select(alerts).where(alerts.c.workspace == workspace).order_by(alerts.c.id.desc())
        if before is not None:
            query = query.where(alerts.c.id < before)
        if unseen:
            query = query.where(alerts.c.seen.is_(None))
        async with self._db.read() as connection:
            return [_alert(row) for row in await connection.execute(query.limit(limit))]

    async def see(self, actor: Actor, workspace: str, id_: int) -> Alert:
        """Marks one as seen; NotFound for another workspace's."""
        mine = (alerts.c.id == id_) & (alerts.c.workspace == workspace)
        async with self._db.write() as connection:
            row = (await connection.execute(select(alerts).where(mine))).one_or_none()
            if row is None:
                raise NotFound("There is no such alert.", code="alert_unknown")
            if row.seen is not None:
                return _alert(row)
            at = now_ms()
            await connection.execute(update(alerts).where(mine).values(seen=at))
            await audit.note(connection, actor, "alert.see", str(id_), workspace=workspace)
        return Alert(row.id, row.workspace, row.at, row.kind, row.text, at)

    async def set_low(self, actor: Actor, workspace: str, nano: int | None) -> None:
        """From now on a balance below it is told, once each time money has come in; None = never."""
        mine = workspaces.c.id == workspace
        asked = select(workspaces.c.low_nano).where(mine).with_for_update()
        async with self._db.write() as connection:
            before = {"low_nano": (await connection.execute(asked)).scalar_one()}
            after = {"low_nano": nano}
            await connection.execute(update(workspaces).where(mine).values(after))
            await audit.note(connection, actor, "alert.low", workspace, before, after, workspace=workspace)

    async def tell(self) -> int:
        """Mails what nobody was told of yet; how many. Each goes out once, whichever process comes first."""
        query = select(alerts).where(alerts.c.told.is_(None)).order_by(alerts.c.id).limit(BATCH)
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return sum([await self._tell(row) for row in rows])

    async def _tell(self, row: Row[Any]) -> bool:
        if not await self._claim(row.id):
            return False
        log.warning("alert (%s) of workspace %s: %s", row.kind, row.workspace, row.text)
        if self._mail is None or row.at < now_ms() - OLD_MS:
            return True
        to, name = await self._recipients(row.workspace)
        if not to:
            return True
        try:
            await self._mail(to, f"xroute: {SUBJECTS.get(row.kind, row.kind)} ({name})", row.text)
        except MailFailed as error:
            log.warning("alert %d could not be mailed, it is tried again: %s", row.id, error)
            async with self._db.write() as connection:
                await connection.execute(update(alerts).where(alerts.c.id == row.id).values(told=None))
            return False
        return True

    async def _claim(self, id_: int) -> bool:
        free = (alerts.c.id == id_) & alerts.c.told.is_(None)
        async with self._db.write() as connection:
            return (await connection.execute(update(alerts).where(free).values(told=now_ms()))).rowcount > 0

    async def _recipients(self, workspace: str) -> tuple[list[str], str]:
        people = (
            select(users.c.email)
            .join(members, members.c.user == users.c.id)
            .where(members.c.workspace == workspace, members.c.role.in_(TOLD_ROLES))
            .where(users.c.disabled.is_(False))
            .order_by(users.c.email)
        )
        async with self._db.read() as connection:
            to = list((await connection.execute(people)).scalars())
            name = select(workspaces.c.name).where(workspaces.c.id == workspace)
            return to, (await connection.execute(name)).scalar_one()


SUBJECTS: Final = {
    "budget": "a budget",
    "low_balance": "low balance",
    "topup": "automatic top-up",
    "payment": "a payment",
    "drift": "a provider's bill",
}


def _alert(row: Row[Any]) -> Alert:
    return Alert(row.id, row.workspace, row.at, row.kind, row.text, row.seen)
