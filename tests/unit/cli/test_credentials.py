"""`xroute credentials rotate-master`: every row or none, and both keys readable meanwhile."""

import asyncio
import secrets
import stat
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import run  # noqa: F401  a fixture

from xroute.config.load import load
from xroute.config.secret import Secret
from xroute.store.audit import Actor
from xroute.store.credentials import OURS, Credentials, Stored
from xroute.store.db import Database
from xroute.store.migrate import ready
from xroute.store.vault import Vault

ANNE = Actor("user", "user_1", "Anne", operator=True)
SECRET = Secret("sk-canary-0123456789abcdefghij-canary")
OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


def at(folder: Path, work, **environ: str):
    """What `work` makes of the credentials of a process that starts now."""

    async def whole():
        loaded = load(None, {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")} | environ)
        loaded.state_dir.mkdir(parents=True, exist_ok=True)
        db = Database(f"sqlite:///{loaded.state_dir / 'xroute.sqlite3'}")
        try:
            await ready(db)
            return await work(Credentials(db, Vault(loaded)))
        finally:
            await db.close()

    return asyncio.run(whole())


async def store(credentials: Credentials) -> None:
    for name in ("a", "b"):
        wanted = Stored("", OURS, "openai", name, "https://api.openai.com", "", 1, True, False, "", 0, None)
        await credentials.create(ANNE, wanted, SECRET)


async def opened(credentials: Credentials) -> set[Secret]:
    return {credentials.open(row) for row in await credentials.everything()}


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_the_key_file_of_ones_own_gets_a_new_key(run, folder):  # noqa: F811
    at(folder, store)
    file = folder / "state" / "xroute" / "master.key"
    before = file.read_text()
    result = run("credentials", "rotate-master")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 credentials are sealed under master key" in result.stderr
    assert (len(file.read_text().split()), stat.S_IMODE(file.stat().st_mode)) == (1, 0o600)
    assert file.read_text() != before
    assert before.strip() not in result.output
    assert file.read_text().strip() not in result.output
    assert at(folder, opened) == {SECRET}


def test_a_new_key_may_be_given_in_a_file(run, folder):  # noqa: F811
    at(folder, store)
    (folder / "new").write_text(NEW + "\n")
    assert run("credentials", "rotate-master", "--new-key-file", "new").exit_code == 0
    assert (folder / "state" / "xroute" / "master.key").read_text().strip() == NEW
    assert at(folder, opened) == {SECRET}


def test_a_key_of_the_settings_is_left_for_people_to_change(run, folder, monkeypatch):  # noqa: F811
    at(folder, store, XROUTE_MASTER_KEY=OLD)
    monkeypatch.setenv("XROUTE_MASTER_KEY", OLD)
    result = run("credentials", "rotate-master")
    assert (result.exit_code, "--new-key-file" in result.stderr) == (2, True)
    (folder / "new").write_text(NEW)
    result = run("credentials", "rotate-master", "--new-key-file", "new")
    assert result.exit_code == 0
    assert "set master_key (XROUTE_MASTER_KEY) to what new holds" in result.stderr
    assert not (folder / "state" / "xroute" / "master.key").exists()
    assert at(folder, opened, XROUTE_MASTER_KEY=NEW) == {SECRET}


def test_a_file_that_has_both_keys_already_is_not_written(run, folder, monkeypatch):  # noqa: F811
    file = folder / "keys"
    file.write_text(OLD)
    at(folder, store, XROUTE_MASTER_KEY_FILE=str(file))
    file.write_text(f"{OLD}\n{NEW}\n")
    (folder / "new").write_text(NEW)
    monkeypatch.setenv("XROUTE_MASTER_KEY_FILE", str(file))
    result = run("credentials", "rotate-master", "--new-key-file", "new")
    assert (result.exit_code, "take the old key out of" in result.stderr) == (0, True)
    file.write_text(NEW)
    assert at(folder, opened, XROUTE_MASTER_KEY_FILE=str(file)) == {SECRET}


def test_the_wrong_old_key_changes_nothing(run, folder, monkeypatch):  # noqa: F811
    at(folder, store, XROUTE_MASTER_KEY=OLD)
    monkeypatch.setenv("XROUTE_MASTER_KEY", secrets.token_hex(32))
    (folder / "new").write_text(NEW)
    result = run("credentials", "rotate-master", "--new-key-file", "new")
    assert (result.exit_code, "which is not here" in result.stderr) == (2, True)
    assert at(folder, opened, XROUTE_MASTER_KEY=OLD) == {SECRET}


@pytest.mark.parametrize(("text", "reason"), [(None, "cannot be read"), ("short", "is no master key")])
def test_a_file_without_a_key_is_refused(run, folder, text, reason):  # noqa: F811
    at(folder, store)
    if text:
        (folder / "new").write_text(text)
    result = run("credentials", "rotate-master", "--new-key-file", "new")
    assert (result.exit_code, reason in result.stderr) == (2, True)


def test_a_database_that_is_not_there_is_told(run, folder):  # noqa: F811
    result = run("credentials", "rotate-master")
    assert (result.exit_code, "start xroute once" in result.stderr) == (2, True)
