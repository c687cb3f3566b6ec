"""`xroute db`: what it finds, what it does, and what it says."""

import sqlite3
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import run  # noqa: F401  a fixture

from xroute.store.migrate import HEAD

FILE = Path("state/xroute/xroute.sqlite3")


@pytest.fixture
def change(run):  # noqa: F811
    """Changes a database that has just been made."""
    assert run("db", "upgrade").exit_code == 0

    def execute(statement):
        with sqlite3.connect(FILE) as connection:
            connection.execute(statement)
        connection.close()

    return execute


def test_a_database_is_made_where_there_is_none_and_then_left_alone(run):  # noqa: F811
    empty = run("db", "check")
    assert (empty.exit_code, "is empty" in empty.stderr) == (1, True)
    made = run("db", "upgrade")
    assert made.stdout == f"the database is at revision {HEAD} now; it was empty\n"
    again = run("db", "upgrade")
    assert (again.exit_code, again.stdout) == (0, f"the database is at revision {HEAD} already\n")
    good = run("db", "check")
    assert (good.exit_code, good.stdout) == (0, "the schema is this release's; the ledger adds up\n")


def test_a_database_of_a_later_release_is_told_and_not_changed(run, change):  # noqa: F811
    change("UPDATE alembic_version SET version_num = '9999'")
    checked, upgraded = run("db", "check"), run("db", "upgrade")
    assert (checked.exit_code, "its revision is 9999" in checked.stderr) == (1, True)
    assert (upgraded.exit_code, "made by a later release" in upgraded.stderr) == (2, True)


def test_an_account_that_is_not_the_sum_of_its_entries_is_told(run, change):  # noqa: F811
    change("INSERT INTO accounts (workspace, account, nano) VALUES ('ws_main', 'credit', 5)")
    assert run("db", "check", "--schema").exit_code == 0
    found = run("db", "check")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "credit" in found.stderr and "ws_main" in found.stderr


def test_a_database_that_does_not_answer_is_one_message(run):  # noqa: F811
    Path("xroute.yaml").write_text("database: postgresql://u:hidden@127.0.0.1:1/x\n")
    for word in ("check", "upgrade"):
        told = run("db", word)
        assert told.exit_code == 2
        assert "cannot use the database postgresql://127.0.0.1:1/x: " in told.stderr
        assert "hidden" not in told.output
