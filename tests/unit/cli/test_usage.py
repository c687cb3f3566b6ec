"""Usage, credits, invoices and alerts from the terminal, of calls that were made before."""

import asyncio
import csv
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Run, run  # noqa: F401  a fixture
from tests.unit.cli.test_terminal import ok, told

from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.notices import raise_alert
from xroute.store.writer import Writer
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

COSTS = {"req-1": ("openai/gpt-4o", 1_234_567), "req-2": ("anthropic/claude", 1), "req-3": ("x/y", None)}


@dataclass
class Called:
    """What the calls were made with."""

    key: str
    database: str


@pytest.fixture
def called(run: Run) -> Called:  # noqa: F811
    """Three calls of key `ci`, one of which failed, and has no known price."""
    key = told(run, "keys", "create", "ci")["id"]
    (file,) = Path("state").resolve().rglob("xroute.sqlite3")
    url = f"sqlite:///{file}"
    asyncio.run(write(url, file.parent / "journals", key))
    return Called(key, url)


async def write(url: str, folder: Path, key: str) -> None:
    db, journal = Database(url), Journal(folder, 1024 * 1024)
    writer = Writer(db, journal)
    for id_, (model, cost) in COSTS.items():
        tried = Try("d", "openai", model, "c", 0, 900, status=200, usage=Usage(1000, 50), cost_nano=cost)
        journal.settled(
            Record(
                **{"id": id_, "at": int(time.time() * 1000) - 60_000, "workspace": "ws_main", "key": key},
                **{"model": model, "provider": "openai", "user": "u1", "tags": {"team": "web"}},
                **{"outcome": "completed" if cost else "failed", "usage": Usage(1000, 50)},
                **{"error_type": "" if cost else "provider_unavailable"},
                **{"cost_nano": cost, "charged_nano": cost, "duration_ms": 1200, "attempts": [tried]},
            )
        )
    assert await writer.stop()
    async with db.write() as connection:
        await raise_alert(connection, "ws_main", "budget", "b1", "80% of a budget is spent")
    journal.close()
    await db.close()


def test_usage_is_a_line_for_each_day_and_a_sum(run: Run, called: Called):  # noqa: F811
    result = ok(run("usage"))
    header, *days, total = result.stdout.splitlines()
    assert header.split()[0] == "from"
    assert len(days) in (1, 2)  # midnight may be between the calls and now
    assert total.startswith("in all")
    assert "$0.001234568" in total
    assert "3,000" in total
    assert "1 calls have no known price: they are in no cost" in result.stderr


@pytest.mark.parametrize(
    ("by", "name"),
    [(["key"], "ci"), (["model"], "openai/gpt-4o"), (["user"], "u1"), (["tag", "--tag", "team"], "web")],
)
def test_usage_is_told_apart(run: Run, called: Called, by: list[str], name: str):  # noqa: F811
    shown = ok(run("usage", "--by", *by, "--since", "2d")).stdout
    assert any(line.startswith(f"{name} ") for line in shown.splitlines()), shown
    both = ok(run("usage", "--by", *by, "--step", "day", "--tz", "UTC")).stdout
    assert name in both


def test_usage_is_of_what_is_named(run: Run, called: Called):  # noqa: F811
    found = told(run, "usage", "--key", "ci", "--model", "openai/*")
    assert (found["totals"]["calls"], found["totals"]["cost_usd"]) == (1, 0.001234567)
    assert run("usage", "--key", "none").exit_code == 1


def test_usage_as_csv_goes_to_standard_output_with_exact_dollars(run: Run, called: Called):  # noqa: F811
    rows = list(csv.DictReader(io.StringIO(ok(run("usage", "--by", "model", "--csv")).stdout)))
    assert {row["model"]: row["cost_usd"] for row in rows}["anthropic/claude"] == "0.000000001"


def test_calls_are_listed_and_each_shown_with_its_attempts(run: Run, called: Called):  # noqa: F811
    shown = ok(run("usage", "calls", "--key", "ci")).stdout
    assert len(shown.splitlines()) == 4
    assert "$0.000000001" in shown
    assert [call["id"] for call in told(run, "usage", "calls", "--failed")["data"]] == ["req-3"]
    one = ok(run("usage", "call", "req-1")).stdout
    assert "cost_usd" in one
    assert "$0.001234567" in one
    assert "deployment" in one
    assert told(run, "usage", "call", "req-1")["attempts"][0]["duration_ms"] == 900
    result = run("usage", "body", "req-1")
    assert (result.exit_code, "Nothing is kept of such a call" in result.stderr) == (1, True)


def test_calls_are_written_as_parquet(run: Run, called: Called):  # noqa: F811
    parquet = pytest.importorskip("pyarrow.parquet")
    assert ok(run("usage", "calls", "--parquet", "calls.parquet")).stderr == "calls.parquet is written\n"
    assert sorted(parquet.read_table("calls.parquet").column("id").to_pylist()) == list(COSTS)


def test_a_file_that_cannot_be_had_leaves_nothing_and_what_was_there_stays(run: Run, called: Called):  # noqa: F811
    Path("old.parquet").write_text("old")
    result = run("usage", "calls", "--parquet", "old.parquet", "--since", "2026-13-01")
    assert (result.exit_code, Path("old.parquet").read_text()) == (2, "old")
    result = run("usage", "calls", "--parquet", "old.parquet", "--since", "2030-01-01")
    assert result.exit_code == 1
    assert "`until` has to be after `since`" in result.stderr
    assert Path("old.parquet").read_text() == "old"
    result = run("usage", "--parquet", "none/x.parquet")
    assert result.exit_code == 1
    assert result.stderr == "xroute: none/x.parquet cannot be written: No such file or directory\n"
    assert not list(Path().glob(".*.part"))


def test_credit_comes_in_once_and_goes_out(run: Run, called: Called):  # noqa: F811
    words = ("credits", "topup", "100.000000001", "--note", "invoice 42", "--once", "invoice-42")
    for _ in range(2):
        assert "$99.998765433" in ok(run(*words)).stdout
    ok(run("credits", "grant", "5", "--expires", "90d"))
    ok(run("credits", "adjust", "--", "-1.5"))
    ok(run("credits", "refund", "req-1"))
    shown = ok(run("credits", "show")).stdout
    assert "$103.5" in shown
    assert "$5" in shown
    kinds = [entry["kind"] for entry in told(run, "credits", "entries")["data"]]
    assert sorted(kinds) == ["adjust", "grant", "refund", "settle", "settle", "topup"]
    result = run("credits", "refund", "req-1")
    assert result.exit_code == 1
    result = run("credits", "payments")
    assert (result.exit_code, "needs `stripe`" in result.stderr) == (1, True)
    assert run("credits", "low", "5").stderr == "told below $5\n"
    assert run("credits", "low", "never").stderr == "never told\n"


def test_a_voucher_is_printed_once_and_redeemed(run: Run, called: Called):  # noqa: F811
    made = ok(run("credits", "voucher", "create", "5", "--uses", 2, "--credit-days", 30))
    code = made.stdout.strip()
    assert code not in ok(run("credits", "voucher", "list")).stdout
    assert run("credits", "voucher", "redeem", code).stderr == "$5 of credit\n"
    assert run("credits", "voucher", "redeem", code).exit_code == 1
    id_ = told(run, "credits", "voucher", "list")["data"][0]["id"]
    assert "is no more" in ok(run("credits", "voucher", "revoke", id_)).stderr


def test_an_invoice_is_shown_and_written(run: Run, called: Called):  # noqa: F811
    month = time.strftime("%Y-%m", time.gmtime(time.time() - 60))
    assert month in ok(run("invoices")).stdout
    shown = ok(run("invoices", month)).stdout
    assert "$0.001234567" in shown
    assert told(run, "invoices", month)["month"] == month
    assert "gpt-4o" in ok(run("invoices", month, "--csv")).stdout
    assert run("invoices", "soon").exit_code == 1
    pytest.importorskip("fpdf")
    ok(run("invoices", month, "--pdf", "invoice.pdf"))
    assert Path("invoice.pdf").read_bytes().startswith(b"%PDF")


def test_alerts_are_listed_and_seen(run: Run, called: Called):  # noqa: F811
    assert "80% of a budget is spent" in ok(run("alerts", "--unseen")).stdout
    alert = told(run, "alerts")["data"][0]["id"]
    assert run("alerts", "seen", alert).stderr == f"alert {alert} is seen\n"
    assert json.loads(run("alerts", "--unseen", "--json").stdout)["data"] == []
