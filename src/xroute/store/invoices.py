"""Invoices: what a workspace put in and what it used in a month, exactly as the ledger has it.

The balance is what was put in and is not spent: accounts `credit` and `held` together. Usage comes by project
and model from the roll-ups, which know a call by its start; the ledger by its end. What that makes at the
turn of a month has a line of its own, so that the lines always add up to the ledger's figure.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest, NotFound
from xroute.money.nano import as_text
from xroute.store.db import Database, now_ms
from xroute.store.tables import daily, entries, projects, workspaces

DAY_MS: Final = 86_400_000
OWNED: Final = ("credit", "held")  # accounts whose sum is the balance
WORDS: Final = {
    "topup": "Top-up",
    "grant": "Credit granted",
    "adjust": "Adjustment",
    "refund": "Refund",
    "expiry": "Credit that expired",
}
COLUMNS: Final = (
    *("section", "date", "description", "project", "model"),
    *("calls", "tokens_in", "tokens_out", "amount_usd"),
)


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that came in or went out, other than for calls."""

    at: int
    kind: str
    note: str
    nano: int  # negative: out of the balance


@dataclass(frozen=True, slots=True)
class Use:
    """What the calls of one project to one model cost, mark-up included."""

    project: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    nano: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """One month of one workspace; money in nano-dollars."""

    workspace: str
    name: str
    slug: str
    month: str  # "2026-11"
    since: date
    until: date  # the day after the last one
    is_final: bool  # the month is over
    opening_nano: int
    movements: tuple[Movement, ...]
    uses: tuple[Use, ...]
    turn_nano: int  # of calls that ran over the turn of a month
    refunds_nano: int  # given back for single calls
    closing_nano: int

    @property
    def number(self) -> str:
        return f"{self.slug}-{self.month}"

    @property
    def usage_nano(self) -> int:
        """What calls cost, as the ledger has it."""
        return sum(use.nano for use in self.uses) + self.turn_nano


class Invoices:
    """Reads; an invoice is made anew each time, as entries do not change."""

    def __init__(self, db: Database, now: Callable[[], int] = now_ms) -> None:
        self._db = db
        self._now = now

    async def months(self, workspace: str) -> list[str]:
        """The months since the first entry, the newest first."""
        asked = select(func.min(entries.c.at)).where(entries.c.workspace == workspace)
        async with self._db.read() as connection:
            first = (await connection.execute(asked)).scalar_one()
        if first is None:
            return []
        month, found = _day(first).replace(day=1), list[str]()
        while month <= _day(self._now()):
            found.append(f"{month:%Y-%m}")
            month = _next(month)
        return found[::-1]

    async def of(self, workspace: str, month: str) -> Invoice:
        """The invoice of a month, of days in UTC. NotFound before the first entry and after today."""
        since = _parse(month)
        if since > _day(self._now()):
            raise NotFound(f"{month} has not begun.", code="invoice_not_found")
        until = _next(since)
        async with self._db.read() as connection:
            if not self._db.is_sqlite:  # all figures of one moment
                await connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return await self._read(connection, workspace, month, since, until)

    async def _read(
        self, connection: AsyncConnection, workspace: str, month: str, since: date, until: date
    ) -> Invoice:
        owner = select(workspaces.c.name, workspaces.c.slug).where(workspaces.c.id == workspace)
        name, slug = (await connection.execute(owner)).one()
        opening = _total(await _sums(connection, workspace, 0, _ms(since)))
        sums = await _sums(connection, workspace, _ms(since), _ms(until))
        uses = await _uses(connection, workspace, since, until)
        used = -sum(
            _delta(row) for row in sums if row.kind == "settle" or (row.kind == "adjust" and row.of_call)
        )
        return Invoice(
            workspace=workspace,
            name=name,
            slug=slug,
            month=month,
            since=since,
            until=until,
            is_final=self._now() >= _ms(until),
            opening_nano=opening,
            movements=await _movements(connection, workspace, since, until),
            uses=uses,
            turn_nano=used - sum(use.nano for use in uses),
            refunds_nano=sum(_delta(row) for row in sums if row.kind == "refund" and row.of_call),
            closing_nano=opening + _total(sums),
        )


def as_csv(invoice: Invoice) -> str:
    """The lines of an invoice; their amounts from `opening` on add up to `closing`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in line] for line in _lines(invoice))
    return out.getvalue()


def _lines(invoice: Invoice) -> Iterator[tuple[str, ...]]:
    def line(section: str, when: date | None, text: str, nano: int) -> tuple[str, ...]:
        return (section, when.isoformat() if when else "", text, "", "", "", "", "", as_text(nano))

    yield line("opening", invoice.since, "Opening balance", invoice.opening_nano)
    for each in invoice.movements:
        text = WORDS.get(each.kind, each.kind) + (f": {each.note}" if each.note else "")
        yield line(each.kind, _day(each.at), text, each.nano)
    for use in invoice.uses:
        figures = (str(use.calls), str(use.tokens_in), str(use.tokens_out), as_text(-use.nano))
        yield ("usage", "", "Usage", use.project, use.model, *figures)
    if invoice.turn_nano:
        yield line("usage", None, TURN, -invoice.turn_nano)
    if invoice.refunds_nano:
        yield line("refund", None, REFUNDS, invoice.refunds_nano)
    last = date.fromordinal(invoice.until.toordinal() - 1)
    yield line("closing", last, "Closing balance", invoice.closing_nano)


TURN: Final = "Calls over the turn of the month"
REFUNDS: Final = "Refunds for single calls"


def _cell(text: str) -> str:
    """A name that a spreadsheet would take for a formula is text there too; an amount is none of these."""
    is_amount = text[:1] == "-" and text[1:2].isdigit()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_amount else text


async def _sums(connection: AsyncConnection, workspace: str, since: int, until: int) -> list[Row[Any]]:
    of_call = entries.c.call.is_not(None).label("of_call")
    asked = (
        select(
            entries.c.kind, entries.c.debit, entries.c.credit, of_call, func.sum(entries.c.nano).label("nano")
        )
        .where(entries.c.workspace == workspace, entries.c.at >= since, entries.c.at < until)
        .group_by(entries.c.kind, entries.c.debit, entries.c.credit, of_call)
    )
    found: list[Any] = list(await connection.execute(asked))
    return found


async def _movements(
    connection: AsyncConnection, workspace: str, since: date, until: date
) -> tuple[Movement, ...]:
    asked = (
        select(entries)
        .where(entries.c.workspace == workspace, entries.c.call.is_(None))
        .where(entries.c.at >= _ms(since), entries.c.at < _ms(until))
        .order_by(entries.c.at, entries.c.id)
    )
    rows = (await connection.execute(asked)).all()
    return tuple(Movement(row.at, row.kind, row.note, _delta(row)) for row in rows if _delta(row))


async def _uses(connection: AsyncConnection, workspace: str, since: date, until: date) -> tuple[Use, ...]:
    columns = (daily.c.calls, daily.c.tokens_in, daily.c.tokens_out, daily.c.charged_nano)
    asked = (
        select(daily.c.project, daily.c.model, *(func.sum(column) for column in columns))
        .where(daily.c.workspace == workspace)
        .where(daily.c.day >= _ms(since) // DAY_MS, daily.c.day < _ms(until) // DAY_MS)
        .group_by(daily.c.project, daily.c.model)
    )
    named = select(projects.c.id, projects.c.name).where(projects.c.workspace == workspace)
    names = {row.id: row.name for row in await connection.execute(named)}
    rows: list[tuple[Any, ...]] = [tuple(row) for row in await connection.execute(asked)]
    uses = [Use(names.get(row[0], row[0]), row[1], *(int(value) for value in row[2:6])) for row in rows]
    return tuple(
        sorted((use for use in uses if use.calls or use.nano), key=lambda use: (use.project, use.model))
    )


def _total(sums: list[Row[Any]]) -> int:
    return sum(_delta(row) for row in sums)


def _delta(row: Row[Any]) -> int:
    """What an entry, or a sum of entries of one kind, does to the balance."""
    return int(row.nano) * ((row.credit in OWNED) - (row.debit in OWNED))


def _parse(month: str) -> date:
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError:
        raise InvalidRequest(
            "`month` must be written as 2026-11.", param="month", code="invalid_value"
        ) from None


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _day(at: int) -> date:
    return datetime.fromtimestamp(at / 1000, UTC).date()


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
