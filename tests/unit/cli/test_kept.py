"""What the doctor says of the database, Redis, journals and secrets; and that it changes none of them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.unit.cli.test_commands import Run, run  # noqa: F401  a fixture

from xroute.cli import kept
from xroute.cli.checks import Finding
from xroute.config.load import load
from xroute.store import migrate, tables
from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.replay import REFUSED
from xroute.store.writer import Writer
from xroute.wire.record import Record

Check = Callable[..., dict[str, Finding]]
MIB = 1024 * 1024


@pytest.fixture
def state(run: Run) -> Path:  # noqa: F811
    """The state folder of an installation that has been started, with a key and a credential."""
    assert run("keys", "create", "ci").exit_code == 0
    words = ("credentials", "add", "openai", "ours", "--installation")
    assert run(*words, input="sk-canary-0123456789").exit_code == 0
    return Path("state/xroute").resolve()


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def found(*, offline: bool = False, **environ: str) -> dict[str, Finding]:
        given = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")} | environ
        return {each.subject: each for each in kept.check(load(None, given), offline=offline)}

    return found


@pytest.fixture
def journal(state: Path) -> Iterator[Journal]:
    """A journal of a process that lives, with three calls that are over."""
    made = Journal(state / "journals", 64 * MIB)
    for number in range(3):
        made.settled(Record(f"req-{number}", int(time.time() * 1000), workspace="ws_main"))
    yield made
    made.close()


def change(state: Path, *queries: object) -> None:
    async def work() -> None:
        db = Database(f"sqlite:///{state / 'xroute.sqlite3'}")
        async with db.write() as connection:
            for query in queries:
                await connection.execute(query)
        await db.close()

    asyncio.run(work())


def apply(state: Path, journal: Journal) -> None:
    async def work() -> None:
        db = Database(f"sqlite:///{state / 'xroute.sqlite3'}")
        assert await Writer(db, journal).stop()
        await db.close()

    asyncio.run(work())


def test_an_installation_in_order_is_all_well(check: Check, state: Path):
    before = {path: path.stat().st_mtime_ns for path in state.iterdir()}
    found = check()
    assert {each.state for each in found.values()} == {"ok"}
    assert found["database"].text.endswith("xroute.sqlite3 answers")
    assert found["master key"].text == "opens 1 stored credentials"
    assert {path: path.stat().st_mtime_ns for path in state.iterdir() if path in before} == before


def test_before_the_first_start_nothing_is_made(check: Check, tmp_path: Path):
    found = check()
    assert {each.state for each in found.values()} == {"ok"}
    assert "made at the first start" in found["database"].text
    assert not (tmp_path / "state").exists()


def test_a_database_that_does_not_answer_is_told_without_its_password(check: Check):
    found = check(XROUTE_DATABASE="postgresql://me:hush@127.0.0.1:1/x")["database"]
    assert (found.state, "hush" in found.text) == ("fail", False)
    assert "postgresql://127.0.0.1:1/x cannot be used: Connection refused. See that it runs" in found.text
    assert check(XROUTE_DATABASE="postgresql://h/x", offline=True)["database"].text.endswith(", not asked")
    assert check(XROUTE_DATABASE="mysql://h/x")["database"].state == "fail"


def test_a_database_of_another_release_is_told(check: Check, state: Path):
    change(state, update(migrate.version).values(version_num="0000"))
    found = check()["database"]
    assert (found.state, "run `xroute db upgrade`" in found.text) == ("fail", True)


def test_a_redis_that_does_not_answer_is_told(check: Check):
    found = check(XROUTE_REDIS__URL="redis://:hush@127.0.0.1:1/0")["redis"]
    assert (found.state, "hush" in found.text) == ("fail", False)
    assert "127.0.0.1:1 cannot be used" in found.text
    assert check(XROUTE_REDIS__URL="nowhere")["redis"].state == "fail"
    assert check(XROUTE_REDIS__URL="redis://127.0.0.1:1", offline=True)["redis"].text == "not asked"


def test_a_redis_that_answers_is_well(check: Check, redis_url: str):
    assert check(XROUTE_REDIS__URL=redis_url)["redis"].state == "ok"


def test_lines_on_their_way_are_counted_and_the_journal_stays_whose_it_is(
    check: Check, state: Path, journal: Journal
):
    found = check()[f"journal {journal.id}"]
    assert (found.state, found.text) == ("ok", "in use, 3 lines on their way")
    apply(state, journal)
    assert check()[f"journal {journal.id}"].text == "in use, 0 lines on their way"


def test_a_process_that_does_not_reach_the_database_is_told(check: Check, state: Path, journal: Journal):
    apply(state, journal)
    change(state, update(tables.journals).values(seen=0))
    journal.settled(Record("req-9", int(time.time() * 1000), workspace="ws_main"))
    found = check()[f"journal {journal.id}"]
    assert found.state == "fail"
    assert "has not reached the database for a minute; 1 lines wait" in found.text


def test_what_a_dead_process_left_is_told_and_left_where_it_is(check: Check, journal: Journal):
    journal.close()
    for _ in range(2):
        found = check()[f"journal {journal.id}"]
        assert found.state == "warn"
        assert "left 3 lines: whoever starts next records them" in found.text


def test_lines_put_aside_are_told(check: Check, state: Path):
    (state / "journals").mkdir()
    (state / "journals" / REFUSED).write_text("{}\n")
    found = check()["journals"]
    assert (found.state, REFUSED in found.text) == ("warn", True)


def test_a_journal_that_cannot_be_read_is_told(check: Check, state: Path):
    (state / "journals" / "jrn_x" / "000000000000001.jsonl").mkdir(parents=True)
    assert check()["journal jrn_x"].state == "fail"


def test_a_disk_that_is_too_small_for_the_journals_is_told(check: Check):
    found = check(XROUTE_ACCOUNTING__SPOOL_MIB=str(10**9))["disk"]
    assert (found.state, "set it lower" in found.text) == ("warn", True)


def test_a_pepper_that_is_another_or_gone_is_told(check: Check, state: Path):
    other = check(XROUTE_PEPPER="ab" * 32)["pepper"]
    assert (other.state, "under another one. Give every host the same one" in other.text) == ("fail", True)
    assert check(XROUTE_PEPPER="short")["pepper"].state == "fail"
    (state / "pepper").unlink()
    gone = check()["pepper"]
    assert (gone.state, "pepper is missing. Give every host the same one" in gone.text) == ("fail", True)


def test_a_master_key_that_is_another_or_gone_is_told(check: Check, state: Path):
    other = check(XROUTE_MASTER_KEY="0123456789abcdef" * 4)["master key"]
    assert other.state == "fail"
    assert "1 stored credentials are sealed under another one: set master_key" in other.text
    (state / "master.key").unlink()
    assert check()["master key"].state == "fail"
    assert check(XROUTE_MASTER_KEY_FILE="/none")["master key"].state == "fail"


def test_secrets_that_others_can_read_are_told(state: Path, tmp_path: Path):
    (state / "pepper").chmod(0o644)
    loaded = load(None, {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")})
    told = [each.text for each in kept.check(loaded, offline=False) if each.state == "warn"]
    assert told == [f"others of this machine can read {state / 'pepper'}: chmod 600 {state / 'pepper'}"]


def test_the_doctor_says_it_all(run: Run, state: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: F811
    shown = run("doctor", "--offline").stdout
    for line in ("ok    database: sqlite:///", "ok    journals: ", "ok    pepper: ", "ok    master key: "):
        assert line in shown
    monkeypatch.setenv("XROUTE_WORKERS", "2")
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    assert "fail  config: XROUTE_WORKERS workers: 2 processes need a PostgreSQL and a Redis" in result.stdout
