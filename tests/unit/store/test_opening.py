"""The pepper is found and is the right one; keys of an old file are taken over once."""

import asyncio
import logging
import secrets
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from xroute.config.secret import Secret
from xroute.errors import ConfigError
from xroute.store import tables
from xroute.store.audit import SYSTEM
from xroute.store.db import Database, now_ms
from xroute.store.directory import Directory
from xroute.store.keyfile import KeyStore
from xroute.store.keys import Keys, Wish
from xroute.store.opening import open_keys
from xroute.store.pepper import digest
from xroute.store.workspaces import MAIN


async def keys_of(db: Database) -> list[str]:
    async with db.read() as connection:
        return list((await connection.execute(select(tables.keys.c.name))).scalars())


async def test_the_first_start_makes_a_pepper_and_the_main_workspace(database, tmp_path):
    pepper = await open_keys(database, tmp_path)
    assert len(pepper) == 32
    assert await open_keys(database, tmp_path) == pepper
    assert (tmp_path / "pepper").stat().st_mode & 0o777 == 0o600
    async with database.read() as connection:
        found = (await connection.execute(select(tables.workspaces.c.id, tables.workspaces.c.plan))).all()
        stored = str((await connection.execute(select(tables.facts))).all())
    assert found == [(MAIN, "unmetered")]
    assert pepper.hex() not in stored


async def test_processes_that_start_together_have_one_pepper(database, tmp_path):
    peppers = await asyncio.gather(*(open_keys(database, tmp_path) for _ in range(4)))
    assert len(set(peppers)) == 1
    assert [path.name for path in tmp_path.glob("pepper*")] == ["pepper"]


async def test_keys_of_an_old_file_work_on_and_the_file_is_put_away(database, tmp_path):
    store = KeyStore(tmp_path)
    secret = store.create("laptop")
    store.create("other")
    pepper = await open_keys(database, tmp_path)
    directory = Directory(database)
    await directory.load()
    who = directory.find(digest(pepper, secret))
    assert (who.name, who.workspace, who.member) == ("laptop", MAIN, "")
    assert not (tmp_path / "keys.json").exists()
    assert (tmp_path / "keys.json.imported").exists()
    await open_keys(database, tmp_path)
    assert sorted(await keys_of(database)) == ["laptop", "other"]


async def test_an_old_file_that_comes_again_adds_what_is_new_alone(database, tmp_path):
    store = KeyStore(tmp_path)
    store.create("laptop")
    await open_keys(database, tmp_path)
    (tmp_path / "keys.json.imported").rename(tmp_path / "keys.json")
    store.create("other")
    await open_keys(database, tmp_path)
    assert sorted(await keys_of(database)) == ["laptop", "other"]


async def test_a_pepper_that_is_lost_is_told_and_not_replaced(database, tmp_path):
    pepper = await open_keys(database, tmp_path)
    await Keys(database, pepper).create(SYSTEM, MAIN, Wish("k"))
    (tmp_path / "pepper").unlink()
    with pytest.raises(ConfigError, match="pepper is missing"):
        await open_keys(database, tmp_path)
    assert not (tmp_path / "pepper").exists()


async def test_another_hosts_database_is_not_opened_with_another_pepper(database, tmp_path):
    pepper = await open_keys(database, tmp_path / "one")
    await Keys(database, pepper).create(SYSTEM, MAIN, Wish("k"))
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "pepper").write_text(secrets.token_hex(32))
    with pytest.raises(ConfigError, match="another pepper"):
        await open_keys(database, tmp_path / "two")
    given = Secret(pepper.hex())
    assert await open_keys(database, tmp_path / "three", given) == pepper
    assert not (tmp_path / "three" / "pepper").exists()


async def test_with_keys_of_the_config_alone_a_new_pepper_is_taken(database, tmp_path, caplog):
    await open_keys(database, tmp_path / "one")
    with caplog.at_level(logging.WARNING):
        await open_keys(database, tmp_path / "two")
    assert "a new pepper" in caplog.text
    async with database.write() as connection:
        row = {"id": "jrn_1", "pid": 1, "started": 1, "seen": now_ms()}
        await connection.execute(insert(tables.journals).values(row))
    with pytest.raises(ConfigError, match="another pepper"):  # another process knows them by the last one
        await open_keys(database, tmp_path / "three")
    async with database.write() as connection:
        await connection.execute(update(tables.journals).values(ended=now_ms()))
    await open_keys(database, tmp_path / "three")


@pytest.mark.parametrize("text", ["no hex", "00ff", "00" * 31])
async def test_a_pepper_of_the_config_that_is_none_is_an_error_that_does_not_show_it(
    database, tmp_path, text
):
    with pytest.raises(ConfigError, match="32 bytes in hex") as caught:
        await open_keys(database, tmp_path, Secret(text))
    assert caught.value.where == "pepper"
    assert text not in str(caught.value)


async def test_a_damaged_pepper_is_an_error(database, tmp_path: Path):
    (tmp_path / "pepper").write_text("zz")
    with pytest.raises(ConfigError, match="it is damaged"):
        await open_keys(database, tmp_path)
