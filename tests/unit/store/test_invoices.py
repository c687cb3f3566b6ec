"""Invoices: their figures are the ledger's, to the nano-dollar."""

import csv
import io
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from sqlalchemy import insert, select

from xroute.errors import InvalidRequest, NotFound
from xroute.money.nano import from_dollars
from xroute.store import rollups
from xroute.store.audit import SYSTEM
from xroute.store.db import Database
from xroute.store.invoice_pdf import as_pdf
from xroute.store.invoices import Invoice, Invoices, Movement, Use, as_csv
from xroute.store.ledger import Ledger
from xroute.store.postings import Postings
from xroute.store.statements import Work, run
from xroute.store.tables import accounts, entries, projects, workspaces
from xroute.wire.record import Record
from xroute.wire.usage import Usage

NOW = int(datetime(2026, 12, 3, tzinfo=UTC).timestamp() * 1000)


def at(day: int, hour: int = 12, month: int = 11) -> int:
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp() * 1000)


def call(number: int, when: int, nano: int, **more: Any) -> Record:
    usage = Usage(input=1000 + number, output=10 * number)
    given = {"project": "prj_1", "model": "openai/gpt-4o", "duration_ms": 1000}
    return Record(
        f"req-{number}", when, workspace="ws_1", usage=usage, charged_nano=nano, **{**given, **more}
    )


@pytest.fixture
async def books(database: Database) -> Invoices:
    """A workspace whose October and November are in the ledger and in the roll-ups."""
    async with database.write() as connection:
        for slug in ("1", "2"):
            row = {"id": f"ws_{slug}", "name": f"Workspace {slug}", "slug": slug, "created": 0}
            await connection.execute(insert(workspaces).values(**row))
        row = {"id": "prj_1", "workspace": "ws_1", "name": "=demo", "created": 0}
        await connection.execute(insert(projects).values(**row))
    await move_money(database)
    calls = [
        call(1, at(31, month=10), 3_000_000_001),
        call(2, at(3), 1_234_567_891),
        call(3, at(4), 2_000_000_000, model="openai/o3", project=""),
        call(4, at(30, 23), 7_000_000_000, duration_ms=2 * 3_600_000),  # ends in December
        call(5, at(5), 0, outcome="failed"),
    ]
    postings = Postings()
    for record in calls:
        postings.settle(record, 0, True)
    await run(database, _write(postings, calls))
    refund = Ledger(database, lambda: at(12)).refund
    await refund(SYSTEM, "ws_1", "req-2", 234_567_891, ref="r1")
    return Invoices(database, lambda: NOW)


async def move_money(database: Database) -> None:
    """What people, payments and time did, each at its time."""
    clock = [0]
    ledger = Ledger(database, lambda: clock[0])
    for when, done in (
        (at(2, month=10), lambda: ledger.topup(SYSTEM, "ws_1", 50_000_000_007, ref="t1", note="first")),
        (at(2), lambda: ledger.grant(SYSTEM, "ws_1", 5_000_000_000, ref="g1", note="welcome")),
        (at(3), lambda: ledger.grant(SYSTEM, "ws_1", 100, ref="g2", note="short", expires=at(20))),
        (at(9), lambda: ledger.topup(SYSTEM, "ws_1", 20_000_000_000, ref="t2", note="paid by card")),
        (at(9), lambda: ledger.topup(SYSTEM, "ws_2", 77, ref="t3")),
        (at(10), lambda: ledger.adjust(SYSTEM, "ws_1", -1_000_000_001, ref="a1", note="refunded")),
        (at(20), ledger.expire_due),
    ):
        clock[0] = when
        await done()


def _write(postings: Postings, calls: list[Record]) -> Work[None]:
    yield from postings.write()
    yield from rollups.write(calls)


async def test_an_invoice_has_each_movement_and_the_use_of_each_model(books: Invoices):
    invoice = await books.of("ws_1", "2026-11")
    assert invoice.opening_nano == 50_000_000_007 - 3_000_000_001
    assert invoice.movements == (
        Movement(at(2), "grant", "welcome", 5_000_000_000),
        Movement(at(3), "grant", "short", 100),
        Movement(at(9), "topup", "paid by card", 20_000_000_000),
        Movement(at(10), "adjust", "refunded", -1_000_000_001),
        Movement(at(20), "expiry", "short", -100),
    )
    assert invoice.uses == (
        Use("", "openai/o3", 1, 1003, 30, 2_000_000_000),
        Use("=demo", "openai/gpt-4o", 3, 3011, 110, 8_234_567_891),
    )
    assert (invoice.turn_nano, invoice.refunds_nano) == (-7_000_000_000, 234_567_891)
    assert (invoice.number, invoice.is_final) == ("1-2026-11", True)


async def test_its_lines_add_up_to_what_the_ledger_says(books: Invoices, database: Database):
    for month, until in (("2026-10", at(1, 0)), ("2026-11", at(1, 0, 12)), ("2026-12", NOW)):
        invoice = await books.of("ws_1", month)
        lines = list(csv.DictReader(io.StringIO(as_csv(invoice))))
        amounts = [from_dollars(Decimal(line["amount_usd"])) for line in lines]
        assert sum(amounts[:-1]) == amounts[-1] == invoice.closing_nano
        assert invoice.closing_nano == await _balance(database, until)
    async with database.read() as connection:
        kept = select(accounts.c.nano).where(accounts.c.workspace == "ws_1", accounts.c.account == "credit")
        assert (await connection.execute(kept)).scalar_one() == invoice.closing_nano


async def _balance(database: Database, until: int) -> int:
    """Entry by entry, as the ledger is read by hand."""
    asked = select(entries).where(entries.c.workspace == "ws_1", entries.c.at < until)
    async with database.read() as connection:
        rows = (await connection.execute(asked)).all()
    owned = ("credit", "held")
    return sum(row.nano for row in rows if row.credit in owned) - sum(
        row.nano for row in rows if row.debit in owned
    )


async def test_each_month_opens_with_what_the_one_before_closed_with(books: Invoices):
    months = await books.months("ws_1")
    assert months == ["2026-12", "2026-11", "2026-10"]
    december, november, october = [await books.of("ws_1", month) for month in months]
    assert october.opening_nano == 0
    assert (november.opening_nano, december.opening_nano) == (october.closing_nano, november.closing_nano)
    assert not december.is_final


async def test_nothing_of_another_workspace_is_on_it(books: Invoices):
    invoice = await books.of("ws_2", "2026-11")
    assert (invoice.opening_nano, invoice.closing_nano, invoice.uses) == (0, 77, ())
    assert await books.months("ws_3") == []


async def test_a_month_that_has_not_begun_has_no_invoice(books: Invoices):
    with pytest.raises(NotFound, match="2027-01 has not begun"):
        await books.of("ws_1", "2027-01")
    with pytest.raises(InvalidRequest, match="written as 2026-11"):
        await books.of("ws_1", "november")


async def test_a_name_that_a_spreadsheet_would_compute_is_text(books: Invoices):
    text = as_csv(await books.of("ws_1", "2026-11"))
    assert "'=demo" in text
    assert ",-1.000000001" in text


async def test_the_pdf_shows_the_same_figures(books: Invoices, tmp_path: Path):
    invoice = await books.of("ws_1", "2026-11")
    file = tmp_path / "invoice.pdf"
    file.write_bytes(as_pdf(invoice))
    assert file.read_bytes().startswith(b"%PDF-")
    if which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    text = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    for figure in (
        "47.000000006",
        "20.00",
        "-1.000000001",
        "8.234567891",
        "-7.00",
        "0.234567891",
        "3.234567891",
    ):
        assert figure in text.split(), figure
    assert "Number: 1-2026-11" in text


def test_letters_that_the_pdf_has_no_font_for_do_not_stop_it():
    day = datetime(2026, 11, 1, tzinfo=UTC).date()
    use = Use("проект", "模型", 1, 1, 1, 1)
    invoice = Invoice("w", "株式会社 Ünal", "w", "2026-11", day, day, False, 0, (), (use,), 0, 0, -1)
    assert as_pdf(invoice).startswith(b"%PDF-")
