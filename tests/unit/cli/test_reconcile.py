"""`xroute reconcile`: the report, its exit code, and what is said of options that cannot be."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner, Result

from xroute.cli import app
from xroute.store.apply import call_row
from xroute.store.db import Database
from xroute.store.tables import alerts, calls, workspaces
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

NOON = int(datetime(2025, 11, 19, 12, tzinfo=UTC).timestamp() * 1000)
BILL = """\
start_time,end_time,amount_value,amount_currency,line_item
1763510400,1763596800,0.004,usd,"gpt-4o-2024-08-06, input"
1763510400,1763596800,0.001,usd,"gpt-4o-2024-08-06, output"
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Run:
    """The command in a folder with a bill, and a database with one call of $0.005."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("XROUTE_") or name.endswith(("_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XROUTE_DATABASE", database_url)
    Path("bill.csv").write_text(BILL, "utf-8")
    asyncio.run(fill(database_url))
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["reconcile", *(str(word) for word in words)])


async def fill(url: str) -> None:
    usage = Usage(input=1000, output=100)
    tried = Try("d", "openai", "openai/gpt-4o", "c", 0, usage=usage, cost_nano=5_000_000)
    record = Record(
        "req-1", NOON, workspace="ws_main", model="openai/gpt-4o", provider="openai", attempts=[tried]
    )
    db = Database(url)
    async with db.write() as connection:
        main = {"id": "ws_main", "name": "main", "slug": "main", "created": 0}
        await connection.execute(insert(workspaces).values(**main))
        names = [column.name for column in calls.columns]
        await connection.execute(insert(calls).values(**dict(zip(names, call_row(record), strict=True))))
    await db.close()


async def told(url: str) -> list[Any]:
    db = Database(url)
    async with db.read() as connection:
        rows = (await connection.execute(select(alerts.c.kind, alerts.c.text))).all()
    await db.close()
    return list(rows)


def test_a_bill_that_agrees_is_no_drift(run: Run, database_url: str):
    result = run("--provider", "openai", "bill.csv")
    assert result.exit_code == 0, result.output
    assert "2025-11-19  openai/gpt-4o  $0.005  $0.005" in result.stdout
    assert "drift $0 (0.00%)" in result.stderr
    assert asyncio.run(told(database_url)) == []


def test_a_drift_beyond_the_threshold_is_exit_code_1_and_an_alert_once(run: Run, database_url: str):
    Path("bill.csv").write_text(BILL.replace("0.004", "0.104"), "utf-8")
    results = [run("--provider", "openai", "bill.csv") for _ in range(2)]
    assert [result.exit_code for result in results] == [1, 1]
    assert "elsewhere $0.1" in results[0].stdout
    ((kind, text),) = asyncio.run(told(database_url))
    assert kind == "drift"
    assert "The bill of openai for 2025-11-19 to 2025-11-19 is $0.105, our records say $0.005" in text


def test_a_drift_within_the_threshold_is_shown_and_exit_code_0(run: Run):
    Path("bill.csv").write_text(BILL.replace("0.004", "0.00401"), "utf-8")
    result = run("--provider", "openai", "bill.csv", "--threshold", "5")
    assert result.exit_code == 0
    assert "drift $0.00001 (0.20%)" in result.stderr


def test_json_has_every_figure(run: Run):
    report = json.loads(run("--provider", "openai", "bill.csv", "--json").stdout)
    assert (report["theirs_usd"], report["ours_usd"], report["drift_percent"]) == (0.005, 0.005, "0.0000")
    assert report["lines"][0]["ours"] == {"requests": 1, "tokens_in": 1000, "tokens_out": 100, "cached": 0}


def test_days_can_be_picked_out(run: Run):
    result = run("--provider", "openai", "bill.csv", "--since", "2025-11-20", "--until", "2025-11-20")
    assert result.exit_code == 0
    assert "theirs $0, ours $0" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--provider", "acme", "bill.csv"], "--provider acme has no format: use one of openai, anthropic"),
        (["--provider", "openai", "none.csv"], "none.csv: cannot be read: No such file or directory"),
        (["--provider", "openai", "bill.csv", "--tz", "Mars/Base"], "--tz Mars/Base is no time zone"),
        (["--provider", "openai", "bill.csv", "--since", "soon"], "--since soon is no day"),
        (["--provider", "openai", "bill.csv", "--threshold", "some"], "--threshold some is no percentage"),
        (["--provider", "anthropic", "bill.csv"], "bill.csv: has no line with the columns"),
    ],
)
def test_what_cannot_be_is_exit_code_2_and_one_clear_line(run: Run, words: list[str], said: str):
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_database_without_records_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XROUTE_DATABASE", f"sqlite:///{tmp_path / 'other.sqlite3'}")
    result = run("--provider", "openai", "bill.csv")
    assert result.exit_code == 2
    assert "has no records: name the right one as `database`" in result.stderr
