"""Vouchers: codes that become credit, once for each workspace, as often as they were made for."""

import base64
import secrets
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, InvalidRequest, NotFound, RateLimited
from xroute.store import audit, ids, pepper, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.ledger import Ledger
from xroute.store.page import Page, page

PREFIX: Final = "xrv-"
SHOWN: Final = 8  # characters that are kept for people to know it by
MOST_USES: Final = 1_000_000
TRIES: Final = 10  # codes that are none, of a workspace
WITHIN_MS: Final = 600_000
DAY_MS: Final = 86_400_000
REFUSED: Final = "voucher.refuse"  # what is written to the audit log for a code that is none

_table = tables.vouchers


class Vouchers:
    """Made by who runs the installation, redeemed by owners and billing members."""

    def __init__(self, db: Database, ledger: Ledger, secret: bytes, now: Callable[[], int] = now_ms) -> None:
        """`secret` is the pepper that codes are hashed with."""
        self._db = db
        self._ledger = ledger
        self._pepper = secret
        self._now = now

    async def create(
        self,
        actor: Actor,
        nano: int,
        uses: int = 1,
        expires: int | None = None,
        credit_days: int | None = None,
    ) -> tuple[dict[str, Any], str]:
        """(the voucher as it is kept, its code). The credit of a redeemed one ends after `credit_days`."""
        self._check(nano, uses, expires, credit_days)
        code = PREFIX + base64.b32encode(secrets.token_bytes(20)).decode().lower()
        row: dict[str, Any] = {
            "id": ids.new("vch"),
            "shown": code[:SHOWN],
            "nano": nano,
            "uses": uses,
            "expires": expires,
            "credit_days": credit_days,
            "by": actor.user or actor.name,
            "created": self._now(),
        }
        async with self._db.write() as connection:
            await connection.execute(insert(_table).values(**row, hash=self._hash(code)))
            await audit.note(connection, actor, "voucher.create", row["id"], None, row)
        return row, code

    def _check(self, nano: int, uses: int, expires: int | None, credit_days: int | None) -> None:
        if nano <= 0:
            raise _wrong("amount_usd", "must be more than nothing")
        if not 1 <= uses <= MOST_USES:
            raise _wrong("uses", f"must be 1 to {MOST_USES}")
        if expires is not None and expires <= self._now():
            raise _wrong("expires", "has passed already")
        if credit_days is not None and not 1 <= credit_days <= 36_500:
            raise _wrong("credit_days", "must be 1 to 36500")

    async def list(self, limit: int, cursor: str | None) -> Page:
        """The newest first."""
        async with self._db.read() as connection:
            return await page(connection, select(_table), _table, limit, cursor, shown)

    async def revoke(self, actor: Actor, id_: str) -> dict[str, Any]:
        """Nobody can redeem it any more; what was redeemed stays. NotFound for an unknown one."""
        mine = _table.c.id == id_
        async with self._db.write() as connection:
            row = (await connection.execute(select(_table).where(mine).with_for_update())).one_or_none()
            if row is None:
                raise NotFound(f"There is no voucher {id_[:100]!r}.", code="voucher_not_found")
            before = shown(row)
            after = before | {"uses": 0}
            await connection.execute(update(_table).where(mine).values(uses=0))
            await audit.note(connection, actor, "voucher.revoke", id_, before, after)
        return after

    async def redeem(self, actor: Actor, workspace: str, code: str) -> dict[str, Any]:
        """The credit that a code has become: {voucher, nano, expires}.

        NotFound for a code that is none, is used up or has expired; Conflict where the workspace has redeemed
        it; RateLimited after too many codes that were none.
        """
        given = code.strip().lower()
        async with self._db.write() as connection:
            await self._may_try(connection, workspace)
            row = await self._claim(connection, workspace, given)
            if row is not None:
                return await self._credit(connection, actor, workspace, row)
            await audit.note(connection, actor, REFUSED, "", workspace=workspace)
        raise NotFound(
            "This code is none that can be redeemed: it is mistyped, used up or has expired.",
            code="voucher_unknown",
            param="code",
        )

    async def _may_try(self, connection: AsyncConnection, workspace: str) -> None:
        """Guesses are counted in the audit log, so that they count in every process and after a restart."""
        log, since = tables.audit.c, self._now() - WITHIN_MS
        asked = select(func.count(), func.min(log.at)).where(
            log.workspace == workspace, log.at > since, log.action == REFUSED
        )
        tries, first = (await connection.execute(asked)).one()
        if tries >= TRIES:
            wait_s = max(1, (first + WITHIN_MS - self._now()) // 1000)
            raise RateLimited(
                f"There were {TRIES} codes that are none. Try again in {wait_s} seconds.",
                code="voucher_attempts",
                retry_after_s=wait_s,
            )

    async def _claim(self, connection: AsyncConnection, workspace: str, code: str) -> Row[Any] | None:
        """One use of the voucher, taken by its row's own count: of two at once only one gets the last."""
        now = self._now()
        usable = (_table.c.hash == self._hash(code)) & (_table.c.expires.is_(None) | (_table.c.expires > now))
        row = (await connection.execute(select(_table).where(usable).with_for_update())).one_or_none()
        if row is None:
            return None
        into = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
        values = {"voucher": row.id, "workspace": workspace, "at": now}
        done = await connection.execute(into(tables.redemptions).values(**values).on_conflict_do_nothing())
        if not done.rowcount:
            raise Conflict("This workspace has redeemed this code already.", code="voucher_redeemed")
        left = update(_table).where(_table.c.id == row.id, _table.c.uses > 0).values(uses=_table.c.uses - 1)
        if (await connection.execute(left)).rowcount:
            return row
        mine = (tables.redemptions.c.voucher == row.id) & (tables.redemptions.c.workspace == workspace)
        await connection.execute(tables.redemptions.delete().where(mine))
        return None

    async def _credit(
        self, connection: AsyncConnection, actor: Actor, workspace: str, row: Row[Any]
    ) -> dict[str, Any]:
        expires = None if row.credit_days is None else self._now() + row.credit_days * DAY_MS
        await self._ledger.grant(
            actor,
            workspace,
            row.nano,
            ref=f"voucher:{row.id}:{workspace}",
            note=f"voucher {row.shown}",
            expires=expires,
            connection=connection,
        )
        after = {"voucher": row.id, "nano": row.nano, "expires": expires}
        await audit.note(connection, actor, "voucher.redeem", row.id, None, after, workspace=workspace)
        return after

    def _hash(self, code: str) -> str:
        return pepper.digest(self._pepper, code[:200]).hex()


def shown(row: Any) -> dict[str, Any]:
    """A row without its hash."""
    names = ("id", "shown", "nano", "uses", "expires", "credit_days", "by", "created")
    return {name: getattr(row, name) for name in names}


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"`{field}` {text}.", param=field, code="invalid_value")
