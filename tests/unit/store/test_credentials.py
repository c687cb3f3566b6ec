"""Stored credentials: sealed, masked, bound to a host, and re-sealed as a whole."""

import asyncio
import secrets
from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update

from xroute.config.load import load
from xroute.config.secret import Secret
from xroute.errors import ConfigError, InvalidRequest, NotFound
from xroute.store import tables
from xroute.store.audit import Actor
from xroute.store.credentials import MOST, OURS, Credentials, Stored
from xroute.store.db import now_ms
from xroute.store.vault import MasterKey, Vault

ANNE = Actor("user", "user_1", "Anne", workspace="ws_a")
CANARY = "sk-canary-0123456789abcdefghij-canary"
SECRET = Secret(CANARY)
HOST = "https://api.openai.com"


def wanted(workspace: str = "ws_a", **fields) -> Stored:
    plain = Stored("", workspace, "openai", "main", HOST, "", 1.0, True, False, "", 0, None)
    return replace(plain, **fields)


def vault(folder, *keys: MasterKey) -> Vault:
    setting = {"XROUTE_MASTER_KEY": ",".join(key.text() for key in keys)} if keys else {}
    return Vault(load(None, {"HOME": str(folder), "XROUTE_STATE_DIR": str(folder / "state")} | setting))


@pytest.fixture
async def store(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with database.write() as connection:
        for id_ in ("ws_a", "ws_b"):
            await connection.execute(insert(tables.workspaces).values(id=id_, name=id_, slug=id_, created=1))
    return Credentials(database, vault(tmp_path))


async def rows(store, table):
    async with store.db.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_a_credential_is_stored_sealed_and_opens_again(store):
    made = await store.create(ANNE, wanted(), SECRET)
    found = await store.find("ws_a", made.id)
    assert found.stored == made
    assert (made.id[:5], made.by, made.shown) == ("cred_", "Anne", "sk-c...nary")
    assert store.open(found) == SECRET
    assert (await store.page("ws_a", 10)).data == [made]


async def test_the_secret_is_in_no_row_of_any_table_and_in_no_repr(store):
    made = await store.create(ANNE, wanted(), SECRET)
    changed = await store.change(ANNE, "ws_a", made.id, {"name": "b"}, Secret(CANARY + "-2"))
    found = await store.find("ws_a", made.id)
    everything = [await rows(store, table) for table in tables.metadata.sorted_tables]
    for told in (repr(made), repr(changed), repr(found), repr(everything), repr(store.vault)):
        assert CANARY[6:-6] not in told


async def test_another_workspaces_and_ours_are_not_found_with_the_same_words(store):
    theirs = await store.create(ANNE, wanted("ws_b"), SECRET)
    ours = await store.create(ANNE, wanted(OURS), SECRET)
    told = set()
    for id_ in (theirs.id, ours.id, "cred_none"):
        for act in (
            store.find("ws_a", id_),
            store.change(ANNE, "ws_a", id_, {"name": "mine"}),
            store.confirm(ANNE, "ws_a", id_, "https://evil.test"),
            store.remove(ANNE, "ws_a", id_),
        ):
            with pytest.raises(NotFound) as caught:
                await act
            told.add((caught.value.message, caught.value.code))
    assert len(told) == 1
    assert (await store.page("ws_a", 10)).data == []
    assert [each.id for each in (await store.page(OURS, 10)).data] == [ours.id]


async def test_pages_follow_one_another(store):
    made = [await store.create(ANNE, wanted(name=str(n)), SECRET) for n in range(5)]
    first = await store.page("ws_a", 3)
    rest = await store.page("ws_a", 3, first.next)
    assert sorted(each.id for each in first.data + rest.data) == sorted(each.id for each in made)
    assert (len(first.data), len(rest.data), rest.next) == (3, 2, None)


async def test_what_was_shown_leaves_the_secret_as_it_is(store):
    made = await store.create(ANNE, wanted(), SECRET)
    changed = await store.change(ANNE, "ws_a", made.id, {"name": "new"}, Secret(made.shown))
    assert (changed.name, changed.shown) == ("new", made.shown)
    assert store.open(await store.find("ws_a", made.id)) == SECRET


@pytest.mark.parametrize("text", ["***", "sk-a...wxyz", "***wxyz", "sk-…", "••••••••", "xxxxxxxxxxxx1234"])
async def test_another_masked_value_is_refused(store, text):
    made = await store.create(ANNE, wanted(), SECRET)
    with pytest.raises(InvalidRequest, match="masked"):
        await store.change(ANNE, "ws_a", made.id, {}, Secret(text))
    with pytest.raises(InvalidRequest, match="masked"):
        await store.create(ANNE, wanted(), Secret(text))
    assert store.open(await store.find("ws_a", made.id)) == SECRET


async def test_a_new_secret_takes_the_old_ones_place(store):
    made = await store.create(ANNE, wanted(), SECRET)
    changed = await store.change(ANNE, "ws_a", made.id, {"disabled": True}, Secret("sk-new"))
    assert (changed.shown, changed.disabled) == ("***", True)
    assert store.open(await store.find("ws_a", made.id)) == Secret("sk-new")
    assert await store.everything() == []


async def test_a_host_written_into_the_row_by_hand_does_not_open(store):
    made = await store.create(ANNE, wanted(), SECRET)
    async with store.db.write() as connection:
        await connection.execute(update(tables.credentials).values(host="https://evil.test"))
    with pytest.raises(ConfigError, match="cannot be opened"):
        store.open(await store.find("ws_a", made.id))


async def test_a_confirmed_host_takes_the_old_ones_place(store):
    made = await store.create(ANNE, wanted(), SECRET)
    moved = await store.confirm(ANNE, "ws_a", made.id, "https://new.test")
    found = await store.find("ws_a", made.id)
    assert found.stored == moved
    assert (moved.host, store.open(found)) == ("https://new.test", SECRET)


async def test_every_change_is_audited_and_told_to_the_other_processes(store):
    made = await store.create(ANNE, wanted(), SECRET)
    await store.change(ANNE, "ws_a", made.id, {"weight": 2.0})
    await store.remove(ANNE, "ws_a", made.id)
    lines = await rows(store, tables.audit)
    assert [(line["action"], line["target"], line["workspace"]) for line in lines] == [
        ("credential.create", made.id, "ws_a"),
        ("credential.change", made.id, "ws_a"),
        ("credential.delete", made.id, "ws_a"),
    ]
    assert (lines[1]["before"]["weight"], lines[1]["after"]["weight"]) == (1.0, 2.0)
    told = await rows(store, tables.changes)
    assert [(each["table"], each["row"]) for each in told] == [("credentials", made.id)] * 3


async def test_what_is_done_to_ours_is_in_no_workspaces_log(store):
    await store.create(ANNE, wanted(OURS), SECRET)
    [line] = await rows(store, tables.audit)
    assert line["workspace"] is None


async def test_a_workspace_stores_only_so_many(store):
    one = await store.create(ANNE, wanted(), SECRET)
    async with store.db.write() as connection:
        [row] = (await connection.execute(select(tables.credentials))).mappings()
        more = [dict(row) | {"id": f"cred_{n}"} for n in range(MOST - 1)]
        await connection.execute(insert(tables.credentials), more)
    with pytest.raises(InvalidRequest, match="delete some"):
        await store.create(ANNE, wanted(), SECRET)
    await store.create(ANNE, wanted("ws_b"), SECRET)
    await store.remove(ANNE, "ws_a", one.id)
    await store.create(ANNE, wanted(), SECRET)


async def test_a_process_without_the_master_key_neither_opens_nor_stores(store, tmp_path):
    made = await store.create(ANNE, wanted(), SECRET)
    other = Credentials(store.db, vault(tmp_path, MasterKey(secrets.token_bytes(32))))
    with pytest.raises(ConfigError, match="set master_key"):
        other.open(await other.find("ws_a", made.id))
    with pytest.raises(ConfigError, match="set master_key"):
        await other.create(ANNE, wanted(), SECRET)
    assert len((await store.page("ws_a", 10)).data) == 1


async def test_a_rotation_reseals_every_row_and_the_old_key_opens_none(store, tmp_path):
    made = [await store.create(ANNE, wanted(workspace), SECRET) for workspace in ("ws_a", "ws_b", OURS)]
    new = MasterKey(secrets.token_bytes(32))
    assert await store.rotate(ANNE, new) == 3
    after = Credentials(store.db, vault(tmp_path, new))
    for row in made:
        found = await after.find(row.workspace, row.id)
        assert (found.stored, found.master) == (row, new.id)
        assert after.open(found) == SECRET
        with pytest.raises(ConfigError, match="set master_key"):
            store.open(found)


async def test_a_rotation_that_meets_a_row_it_cannot_open_changes_none(store):
    made = [await store.create(ANNE, wanted(), SECRET) for _ in range(3)]
    async with store.db.write() as connection:
        await connection.execute(
            update(tables.credentials).where(tables.credentials.c.id == made[2].id).values(sealed=b"\x01")
        )
    with pytest.raises(ConfigError, match=made[2].id):
        await store.rotate(ANNE, MasterKey(secrets.token_bytes(32)))
    assert store.open(await store.find("ws_a", made[0].id)) == SECRET


async def test_what_is_stored_while_a_rotation_runs_is_under_the_one_key_of_all(store, tmp_path):
    old, new = MasterKey(secrets.token_bytes(32)), MasterKey(secrets.token_bytes(32))
    both = Credentials(store.db, vault(tmp_path, old, new))
    await both.create(ANNE, wanted(), SECRET)
    await asyncio.gather(
        *(both.create(ANNE, wanted(), SECRET) for _ in range(5)),
        both.rotate(ANNE, new),
        *(both.create(ANNE, wanted(), SECRET) for _ in range(5)),
    )
    found = await both.everything()
    assert (len(found), {each.master for each in found}) == (11, {new.id})


async def test_times_are_of_now(store):
    before = now_ms()
    made = await store.create(ANNE, wanted(), SECRET)
    assert before <= made.created <= now_ms()
