"""The ledger's own entries: what people, payments and time do to a workspace's credit.

Entries are appended and never changed; each moves nano-dollars from one account of a workspace to another,
and `accounts` has their sums, kept in the same transaction. What calls do is `store.postings`.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, InvalidRequest, NotFound
from xroute.money.nano import as_text
from xroute.store import audit, ids, proof, tables
from xroute.store.audit import SYSTEM, Actor
from xroute.store.db import Database, lock_workspace, note_change, now_ms
from xroute.store.page import Page, read_cursor, write_cursor
from xroute.store.postings import Account, Kind

MOST_NANO: Final = 10**18  # of one entry: a thousand million dollars
MOST_TEXT: Final = 500  # characters of a note or a reference

_e, _a, _g = tables.entries.c, tables.accounts.c, tables.grants.c


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it stands."""

    id: int
    workspace: str
    at: int  # unix milliseconds
    kind: str
    debit: str  # from
    credit: str  # to
    nano: int
    call: str | None
    ref: str
    price: str | None
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What a workspace has, in nano-dollars."""

    credit: int  # free to be spent; negative where more was used than was there
    held: int  # by calls under way
    usage: int  # what calls have cost
    granted: int  # part of the credit that ends some day

    @property
    def nano(self) -> int:
        """What is not spent."""
        return self.credit + self.held


@dataclass(frozen=True, slots=True)
class _Move:
    workspace: str
    kind: Kind
    debit: Account
    credit: Account
    nano: int
    ref: str
    note: str = ""
    call: str | None = None


class Ledger:
    """Every method is safe to repeat with the same `ref`: the first one counts, and is given again.

    With `connection` the work is part of the caller's transaction. Conflict for a `ref` that something else
    was done under, NotFound for an unknown workspace, InvalidRequest for an amount that cannot be.
    """

    def __init__(self, db: Database, now: Callable[[], int] = now_ms) -> None:
        self._db = db
        self._now = now

    async def topup(
        self,
        actor: Actor,
        workspace: str,
        nano: int,
        *,
        ref: str,
        note: str = "",
        connection: AsyncConnection | None = None,
    ) -> Entry:
        """Adds money that was paid."""
        move = _Move(workspace, "topup", "funding", "credit", _positive(nano), ref, note)
        async with self._within(connection) as within:
            return (await self._post(within, actor, move))[0]

    async def grant(
        self,
        actor: Actor,
        workspace: str,
        nano: int,
        *,
        ref: str,
        note: str = "",
        expires: int | None = None,
        connection: AsyncConnection | None = None,
    ) -> Entry:
        """Adds credit that nobody paid for; what is left of it at `expires` (unix ms) is taken out again.

        Credit below zero is made good first.
        """
        if expires is not None and expires <= self._now():
            raise InvalidRequest(
                "The credit would have ended already.", param="expires", code="invalid_value"
            )
        move = _Move(workspace, "grant", "granted", "credit", _positive(nano), ref, note)
        async with self._within(connection) as within:
            await _lock(within, workspace)
            debt = -min((await _balance(within, workspace, is_locked=True)).nano, 0)
            entry, is_new = await self._post(within, actor, move)
            if is_new:
                row = {"id": ids.new("grt"), "workspace": workspace, "nano": nano, "created": entry.at}
                row |= {"left_nano": max(nano - debt, 0), "expires": expires, "note": note}
                await within.execute(insert(tables.grants).values(row))
            return entry

    async def refund(
        self,
        actor: Actor,
        workspace: str,
        call: str,
        nano: int | None = None,
        *,
        ref: str = "",
        note: str = "",
        connection: AsyncConnection | None = None,
    ) -> Entry:
        """Gives back what a call was charged, or part of it; never more than that in all.

        Without `ref` a call is refunded once. NotFound for a call of another workspace, or one that was not
        charged. Budgets stay as they are: they count what was asked for.
        """
        if nano is not None:
            _positive(nano)
        async with self._within(connection) as within:
            await _lock(within, workspace)
            done = await self._done(within, workspace, "refund", ref or call)
            if done is not None and (nano is None or done.nano == nano) and done.call == call:
                return done
            left = await _refundable(within, workspace, call)
            amount = left if nano is None else nano
            if done is None and not 0 < amount <= left:
                raise Conflict(
                    f"Of what the call was charged, ${as_text(left)} is left to be refunded.",
                    code="refund_too_large",
                    param="amount_usd",
                )
            move = _Move(workspace, "refund", "usage", "credit", amount, ref or call, note, call)
            return (await self._post(within, actor, move))[0]

    async def adjust(
        self,
        actor: Actor,
        workspace: str,
        nano: int,
        *,
        ref: str,
        note: str = "",
        connection: AsyncConnection | None = None,
    ) -> Entry:
        """Adds credit, or with a negative amount takes some out, even below zero."""
        debit, credit = ("adjusted", "credit") if nano > 0 else ("credit", "adjusted")
        move = _Move(workspace, "adjust", debit, credit, _positive(abs(nano)), ref, note)
        async with self._within(connection) as within:
            return (await self._post(within, actor, move))[0]

    async def expire_due(self) -> int:
        """Takes out what is left of grants that have ended. How many of them.

        What calls under way hold is left to them, and looked at again later.
        """
        due = select(_g.workspace).where(_g.left_nano > 0, _g.expires <= self._now()).distinct()
        async with self._db.read() as connection:
            workspaces = (await connection.execute(due.order_by(_g.workspace))).scalars().all()
        count = 0
        for workspace in workspaces:
            async with self._db.write() as connection:
                count += await self._expire(connection, workspace)
        return count

    async def balance(self, workspace: str) -> Balance:
        """What a workspace has; nothing of one that is not there."""
        async with self._db.read() as connection:
            return await _balance(connection, workspace)

    async def entries(
        self, workspace: str, limit: int, cursor: str | None = None, kind: str = "", call: str = ""
    ) -> Page:
        """Entries, the newest first."""
        asked = select(tables.entries).where(_e.workspace == workspace)
        if kind:
            asked = asked.where(_e.kind == kind)
        if call:
            asked = asked.where(_e.call == call)
        if cursor is not None:
            asked = asked.where(_e.id < read_cursor(cursor)[0])
        async with self._db.read() as connection:
            rows = (await connection.execute(asked.order_by(_e.id.desc()).limit(limit + 1))).all()
        following = write_cursor(rows[limit - 1].id, "") if len(rows) > limit else None
        return Page([_entry(row) for row in rows[:limit]], following)

    async def verify(self) -> list[str]:
        """What does not add up, in words; [] = all of it does. Reads every entry."""
        async with self._db.read() as connection:
            if not self._db.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            return await proof.faults(connection)

    @asynccontextmanager
    async def _within(self, connection: AsyncConnection | None) -> AsyncGenerator[AsyncConnection]:
        if connection is not None:
            yield connection
            return
        async with self._db.write() as own:
            yield own

    async def _post(self, connection: AsyncConnection, actor: Actor, move: _Move) -> tuple[Entry, bool]:
        """The entry, and whether it is new."""
        _check(move)
        await _lock(connection, move.workspace)
        ref = _ref(move.workspace, move.kind, move.ref)
        values: dict[str, Any] = {"workspace": move.workspace, "at": self._now(), "kind": move.kind}
        values |= {"debit": move.debit, "credit": move.credit, "nano": move.nano, "call": move.call}
        values |= {"ref": ref, "by": actor.user or actor.name or actor.kind, "note": move.note}
        into = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
        adding = into(tables.entries).values(values).on_conflict_do_nothing().returning(tables.entries)
        row = (await connection.execute(adding)).one_or_none()
        if row is None:
            return await self._same(connection, move), False
        for account, nano in sorted(((move.debit, -move.nano), (move.credit, move.nano))):
            add = into(tables.accounts).values(workspace=move.workspace, account=account, nano=nano)
            total = {"nano": tables.accounts.c.nano + add.excluded.nano}
            await connection.execute(
                add.on_conflict_do_update(index_elements=["workspace", "account"], set_=total)
            )
        entry = _entry(row)
        told = {"nano": entry.nano, "debit": entry.debit, "credit": entry.credit}
        told |= {"ref": entry.ref, "call": entry.call, "note": entry.note}
        action, target = f"ledger.{move.kind}", str(entry.id)
        await audit.note(connection, actor, action, target, None, told, workspace=move.workspace)
        await note_change(connection, "workspaces", move.workspace)
        return entry, True

    async def _done(self, connection: AsyncConnection, workspace: str, kind: str, ref: str) -> Entry | None:
        asked = select(tables.entries).where(_e.ref == _ref(workspace, kind, ref))
        row = (await connection.execute(asked)).one_or_none()
        return _entry(row) if row is not None else None

    async def _same(self, connection: AsyncConnection, move: _Move) -> Entry:
        """What was done under a reference already, if it was the same."""
        entry = await self._done(connection, move.workspace, move.kind, move.ref)
        assert entry is not None
        same = (move.debit, move.credit, move.nano, move.call)
        if (entry.debit, entry.credit, entry.nano, entry.call) != same:
            raise Conflict(
                f"Something else was done under the reference {move.ref[:100]!r} already: entry {entry.id}.",
                code="reference_used",
                param="ref",
            )
        return entry

    async def _expire(self, connection: AsyncConnection, workspace: str) -> int:
        """Ends a workspace's grants that are due. How many of them gave something."""
        due = select(_g.id, _g.left_nano, _g.note).where(_g.workspace == workspace, _g.left_nano > 0)
        due = due.where(_g.expires <= self._now()).order_by(_g.expires, _g.id).with_for_update()
        count = 0
        await _lock(connection, workspace)
        for id_, left, note in (await connection.execute(due)).all():
            has = await _balance(connection, workspace, is_locked=True)
            taken = min(left, max(has.credit, 0))
            rest = min(left - taken, max(has.nano - taken, 0))
            if taken:
                # what is left only goes down, so that no two of a grant's entries have one reference
                ref = f"{id_}:{left}"
                move = _Move(workspace, "expiry", "credit", "expired", taken, ref, note)
                await self._post(connection, SYSTEM, move)
                count += 1
            if rest != left:
                await connection.execute(update(tables.grants).where(_g.id == id_).values(left_nano=rest))
        return count


def _positive(nano: int) -> int:
    if not 0 < nano <= MOST_NANO:
        raise InvalidRequest(
            f"An amount is more than nothing, and at most ${as_text(MOST_NANO)}.",
            param="amount_usd",
            code="invalid_value",
        )
    return nano


def _check(move: _Move) -> None:
    for name, text in (("ref", move.ref), ("note", move.note)):
        if len(text) > MOST_TEXT or "\0" in text:
            raise InvalidRequest(
                f"`{name}` is longer than {MOST_TEXT} characters, or has one that cannot be stored.",
                param=name,
                code="invalid_value",
            )
    if not move.ref:
        raise InvalidRequest("`ref` is missing: it makes a repeated request count once.", param="ref")


def _ref(workspace: str, kind: str, ref: str) -> str:
    """What nobody else's can be."""
    return f"{kind}:{workspace}:{ref}"


def _entry(row: Row[Any]) -> Entry:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Entry.__dataclass_fields__}
    fields["ref"] = (row.ref or "").removeprefix(_ref(row.workspace, row.kind, ""))
    return Entry(**fields)


async def _lock(connection: AsyncConnection, workspace: str) -> None:
    """One change of a workspace's credit at a time. NotFound where there is none such."""
    if not await lock_workspace(connection, workspace):
        raise NotFound("There is no such workspace.", code="workspace_not_found")


async def _balance(connection: AsyncConnection, workspace: str, *, is_locked: bool = False) -> Balance:
    asked = select(_a.account, _a.nano).where(_a.workspace == workspace).order_by(_a.account)
    rows = await connection.execute(asked.with_for_update() if is_locked else asked)
    nano: dict[str, int] = {row.account: row.nano for row in rows}
    left = select(func.sum(_g.left_nano)).where(_g.workspace == workspace, _g.expires.is_not(None))
    granted = int((await connection.execute(left)).scalar_one() or 0)
    return Balance(nano.get("credit", 0), nano.get("held", 0), nano.get("usage", 0), granted)


async def _refundable(connection: AsyncConnection, workspace: str, call: str) -> int:
    """What a call was charged and has not been given back; the truth may have come after a refund."""
    asked = (
        select(_e.kind, _e.debit, func.sum(_e.nano))
        .where(_e.workspace == workspace, _e.call == call)
        .group_by(_e.kind, _e.debit)
    )
    sums = {(kind, debit): int(nano) for kind, debit, nano in (await connection.execute(asked)).all()}
    charged = sum(nano for (kind, _), nano in sums.items() if kind == "settle")
    if not charged and ("adjust", "credit") not in sums:
        raise NotFound("There is no call of this id that was charged.", code="call_not_found", param="call")
    charged += sums.get(("adjust", "credit"), 0) - sums.get(("adjust", "adjusted"), 0)
    return max(charged - sums.get(("refund", "usage"), 0), 0)
