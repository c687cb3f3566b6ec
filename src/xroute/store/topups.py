"""Automatic top-ups: a workspace whose balance falls below its mark is charged by its saved card.

One at a time and so many a day. The payment is written down before Stripe is asked, and asked for with its
id as idempotency key, so that whatever breaks in between, the card is charged once.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, cast

from sqlalchemy import Row, func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest, NotFound
from xroute.money.nano import as_text
from xroute.store import audit
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.notices import raise_alert
from xroute.store.payments import CENT, MOST_NANO, Payments, new_payment
from xroute.store.stripe_api import Declined, Intent, StripeApi, Unclear
from xroute.store.tables import accounts, payments, workspaces

log = logging.getLogger("xroute.store")

DAY_MS: Final = 86_400_000
AGAIN_MS: Final = 3_600_000  # after a charge that failed
STUCK_MS: Final = 60_000  # after which an open payment is asked for again
GIVE_UP_MS: Final = 23 * 3_600_000  # Stripe keeps idempotency keys for a day at least
PER_DAY: Final = 3

_WORKSPACE = workspaces.c


class TopUps:
    """The rules of workspaces, and the charges they lead to."""

    def __init__(
        self,
        db: Database,
        payments_: Payments,
        api: StripeApi,
        min_nano: int,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._db = db
        self._payments = payments_
        self._api = api
        self._min_nano = min_nano
        self._now = now

    async def rule(self, workspace: str) -> dict[str, Any]:
        """{below_nano, amount_nano, per_day, has_card}; below_nano None = off."""
        async with self._db.read() as connection:
            return shown(await _rule(connection, workspace))

    async def set_rule(
        self, actor: Actor, workspace: str, below_nano: int, amount_nano: int, per_day: int = PER_DAY
    ) -> dict[str, Any]:
        """Switches it on. InvalidRequest where no card was saved, or for an amount Stripe cannot take."""
        self._check(below_nano, amount_nano, per_day)
        new = {"below_nano": below_nano, "amount_nano": amount_nano, "per_day": per_day}
        async with self._db.write() as connection:
            old = await _rule(connection, workspace, locked=True)
            if not old.get("method"):
                raise InvalidRequest(
                    "No card is saved: pay once with `save_card`, and it can be charged later.",
                    code="card_missing",
                )
            await _write(connection, workspace, {**old, **new})
            await audit.note(
                connection, actor, "topup.set", workspace, shown(old), shown(new), workspace=workspace
            )
        return shown({**old, **new})

    async def clear_rule(self, actor: Actor, workspace: str) -> dict[str, Any]:
        """Switches it off, and forgets the card."""
        async with self._db.write() as connection:
            old = await _rule(connection, workspace, locked=True)
            if not old:
                raise NotFound("There is no automatic top-up.", code="topup_missing")
            await _write(connection, workspace, None)
            await audit.note(connection, actor, "topup.clear", workspace, shown(old), workspace=workspace)
        return shown({})

    def _check(self, below_nano: int, amount_nano: int, per_day: int) -> None:
        for name, is_wrong, text in (
            ("below_usd", below_nano < 0, "must not be negative"),
            ("amount_usd", bool(amount_nano % CENT), "must be whole cents"),
            (
                "amount_usd",
                not self._min_nano <= amount_nano <= MOST_NANO,
                f"must be {as_text(self._min_nano)} to {as_text(MOST_NANO)}",
            ),
            ("per_day", not 1 <= per_day <= 100, "must be 1 to 100"),
        ):
            if is_wrong:
                raise InvalidRequest(f"`{name}` {text}.", param=name, code="invalid_value")

    async def look(self) -> int:
        """Charges what is due, and goes on with what was left unclear; how many cards were asked for."""
        return await self._resume() + sum([await self._start(id_) for id_ in await self._due()])

    async def _due(self) -> list[str]:
        """Workspaces with a rule and a balance below its mark."""
        balance = func.coalesce(func.sum(accounts.c.nano), 0)
        asked = (
            select(_WORKSPACE.id, _WORKSPACE.topup, balance)
            .outerjoin(
                accounts,
                (accounts.c.workspace == _WORKSPACE.id) & accounts.c.account.in_(("credit", "held")),
            )
            .where(_WORKSPACE.topup.is_not(None), _WORKSPACE.closed.is_(None))
            .group_by(_WORKSPACE.id)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(asked)).all()
        return [id_ for id_, rule, left in rows if _is_due(rule, int(left))]

    async def _start(self, workspace: str) -> bool:
        async with self._db.write() as connection:
            rule = await _rule(connection, workspace, locked=True)
            if not _is_due(rule, await _balance(connection, workspace)):
                return False
            if not await self._may_charge(connection, workspace, rule):
                return False
            row = new_payment(workspace, rule["amount_nano"], "automatic top-up", self._now())
            await connection.execute(insert(payments).values(**row, automatic=True))
            made = (await connection.execute(select(payments).where(payments.c.id == row["id"]))).one()
        await self._charge(made, rule)
        return True

    async def _may_charge(self, connection: AsyncConnection, workspace: str, rule: dict[str, Any]) -> bool:
        """Not while one is open, not soon after one that failed, and not more often than the rule says."""
        now = self._now()
        mine = select(payments.c.state, payments.c.created).where(
            payments.c.workspace == workspace, payments.c.automatic, payments.c.created > now - DAY_MS
        )
        last = (await connection.execute(mine)).all()
        still_open = select(payments.c.id).where(
            payments.c.workspace == workspace, payments.c.automatic, payments.c.state == "open"
        )
        if (await connection.execute(still_open.limit(1))).first() is not None:
            return False
        if any(row.state == "failed" and row.created > now - AGAIN_MS for row in last):
            return False
        if len(last) < rule.get("per_day", PER_DAY):
            return True
        text = f"The balance is below its mark, and {len(last)} automatic top-ups were made within a day."
        await raise_alert(connection, workspace, "topup", f"topup_limit:{workspace}:{now // DAY_MS}", text)
        return False

    async def _charge(self, row: Row[Any], rule: dict[str, Any]) -> None:
        """Asks Stripe outside of any transaction; what stays unclear is asked again later."""
        try:
            intent = await self._api.charge(
                row.id, row.nano // CENT, rule.get("customer", ""), rule.get("method", "")
            )
        except Declined as error:
            await self._end(row, error.message)
        except Unclear as error:
            log.warning("payment %s: %s It is asked again.", row.id, error.message)
        else:
            await self._settle(row, intent)

    async def _resume(self) -> int:
        """Payments of a process that died, or that Stripe gave no answer for."""
        now = self._now()
        stuck = select(payments).where(
            payments.c.automatic, payments.c.state == "open", payments.c.changed < now - STUCK_MS
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(stuck)).all()
        return sum([await self._again(row, now) for row in rows])

    async def _again(self, row: Row[Any], now: int) -> bool:
        same = (payments.c.id == row.id) & (payments.c.state == "open") & (payments.c.changed == row.changed)
        async with self._db.write() as connection:
            claimed = await connection.execute(update(payments).where(same).values(changed=now))
            if not claimed.rowcount:
                return False  # another process is at it
            rule = await _rule(connection, row.workspace)
        if row.intent:
            await self._look_up(row)
        elif row.created < now - GIVE_UP_MS:
            await self._end(row, "Stripe gave no answer for a day. Look there whether the card was charged.")
        else:
            await self._charge(row, rule)
        return True

    async def _look_up(self, row: Row[Any]) -> None:
        """Its event may have been lost."""
        try:
            intent = await self._api.intent(row.intent)
        except Declined as error:
            await self._end(row, error.message)
        except Unclear as error:
            log.warning("payment %s: %s It is asked again.", row.id, error.message)
        else:
            await self._settle(row, intent)

    async def _settle(self, row: Row[Any], intent: Intent) -> None:
        async with self._db.write() as connection:
            await self._payments.settle(connection, await _locked(connection, row.id), intent)

    async def _end(self, row: Row[Any], why: str) -> None:
        async with self._db.write() as connection:
            await self._payments.fail(connection, await _locked(connection, row.id), why)


def shown(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule for people: without Stripe's ids."""
    return {
        "below_nano": rule.get("below_nano"),
        "amount_nano": rule.get("amount_nano"),
        "per_day": rule.get("per_day", PER_DAY),
        "has_card": bool(rule.get("method")),
    }


def _is_due(rule: dict[str, Any] | None, balance: int) -> bool:
    if not rule or rule.get("below_nano") is None or not rule.get("method"):
        return False
    return balance < rule["below_nano"]


async def _rule(connection: AsyncConnection, workspace: str, *, locked: bool = False) -> dict[str, Any]:
    asked = select(_WORKSPACE.topup).where(_WORKSPACE.id == workspace)
    found = await connection.execute(asked.with_for_update() if locked else asked)
    return cast("dict[str, Any]", found.scalar_one() or {})


async def _write(connection: AsyncConnection, workspace: str, rule: dict[str, Any] | None) -> None:
    value = null() if rule is None else rule
    await connection.execute(update(workspaces).where(_WORKSPACE.id == workspace).values(topup=value))


async def _balance(connection: AsyncConnection, workspace: str) -> int:
    """What was put in and is not spent; what is held for calls under way still counts."""
    mine = (accounts.c.workspace == workspace) & accounts.c.account.in_(("credit", "held"))
    found = await connection.execute(select(func.coalesce(func.sum(accounts.c.nano), 0)).where(mine))
    return int(found.scalar_one())


async def _locked(connection: AsyncConnection, id_: str) -> Row[Any]:
    return (await connection.execute(select(payments).where(payments.c.id == id_).with_for_update())).one()
