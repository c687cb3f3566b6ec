"""Who may call is as the database has it, within a look at what has changed, and while it is away."""

import asyncio

import pytest
from sqlalchemy import delete, insert, update
from tests.unit.store.keying import (
    MAIN,
    OPERATOR,
    OWNER,
    directory_fixture,
    gates,
    keys_fixture,
    made,
    refused,
)

from xroute.errors import Authentication
from xroute.store import tables
from xroute.store.bounds import Bounds, Subject
from xroute.store.db import Database, note_change, now_ms
from xroute.store.directory import PERIOD_S, Directory
from xroute.store.workspaces import Workspaces

__all__ = ["directory_fixture", "keys_fixture"]


async def test_a_revoked_key_is_refused_by_another_process(keys, database_url):
    row, found = await made(keys)
    other_db = Database(database_url)
    other = Directory(other_db)
    await other.load()
    assert other.find(found) is not None
    following = asyncio.create_task(other.follow())
    try:
        await keys.revoke(OWNER, MAIN, row["id"])
        with pytest.raises(Authentication) as caught:
            async with asyncio.timeout(30):
                while other.find(found):
                    await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await other_db.close()
    assert caught.value.code == "key_revoked"
    assert PERIOD_S < 1  # between two looks


async def test_what_was_used_before_it_was_counted_is_no_debt(keys, directory):
    async with keys.db.write() as connection:
        for account, nano in (("credit", -30), ("usage", 30)):
            row = {"workspace": MAIN, "account": account, "nano": nano}
            await connection.execute(insert(tables.accounts).values(row))
    seeded: list[dict[str, int]] = []

    async def seed(spent: dict[str, int]) -> None:
        seeded.append(dict(spent))

    directory.seed = seed
    _, found = await made(keys)
    await Workspaces(keys.db).change(OPERATOR, MAIN, {"plan": "prepaid"})
    await directory.refresh()
    (gate,) = gates(directory, found)
    assert gate.limit == 30  # of which all is spent: the balance is nothing
    assert seeded == [{f"credit:{MAIN}": 30}]


async def test_a_new_budget_is_known_to_the_engine_before_calls_pass_it(keys, directory):
    _, found = await made(keys)
    await directory.refresh()
    seen: list[tuple[dict[str, int], int]] = []

    async def seed(spent: dict[str, int]) -> None:
        seen.append((dict(spent), len(gates(directory, found))))

    directory.seed = seed
    async with keys.db.write() as connection:
        day = now_ms() // 86_400_000
        row = {"workspace": MAIN, "day": day, "project": "", "key": "", "member": "", "model": "m"}
        await connection.execute(insert(tables.daily).values(**row, provider="p", charged_nano=77))
    budget = await Bounds(keys.db, tables.budgets).create(
        OWNER, Subject(MAIN, "workspace", MAIN), {"nano": 100, "window": "total"}
    )
    await directory.refresh()
    assert seen == [({f"{budget['id']}:money:total": 77}, 0)]
    assert len(gates(directory, found)) == 1
    await Bounds(keys.db, tables.budgets).change(OWNER, MAIN, budget["id"], {"nano": 200})
    await directory.refresh()
    assert len(seen) == 1  # it counts on where it was
    async with keys.db.write() as connection:
        row["model"] = "n"
        await connection.execute(insert(tables.daily).values(**row, provider="p", charged_nano=5))
    await Bounds(keys.db, tables.budgets).change(OWNER, MAIN, budget["id"], {"model": "n"})
    await directory.refresh()
    [(seeded, _)] = seen[1:]
    (gate,) = gates(directory, found, "n")
    assert seeded == {gate.key: 5}  # and not in the purse that has what other models have spent


async def test_a_new_budget_is_known_to_the_engine_when_everything_is_read_again_too(
    keys, directory, monkeypatch
):
    seeded: list[dict[str, int]] = []

    async def seed(spent: dict[str, int]) -> None:
        seeded.append(dict(spent))

    directory.seed = seed
    budgets = Bounds(keys.db, tables.budgets)
    whole = await budgets.create(OWNER, Subject(MAIN, "workspace", MAIN), {"nano": 1, "window": "total"})
    each = await budgets.create(OWNER, Subject(MAIN, "user", "*"), {"nano": 1, "window": "total"})
    async with keys.db.write() as connection:
        await connection.execute(delete(tables.purses))
        for key in (f"{whole['id']}:money:total", f"{each['id']}:money:eve:total"):
            await connection.execute(insert(tables.purses).values(key=key, spent=5))
    monkeypatch.setattr("xroute.store.directory.MOST", 0)
    await directory.refresh()
    assert seeded == [{f"{whole['id']}:money:total": 5, f"{each['id']}:money:eve:total": 5}]
    await directory.load()
    assert len(seeded) == 1


async def test_who_listens_is_told_which_rows_have_changed(keys, directory):
    heard: list[set[str]] = []

    async def hear(rows: set[str]) -> None:
        heard.append(rows)

    directory.listen("credentials", hear)
    async with keys.db.write() as connection:
        await note_change(connection, "credentials", "cred_1")
        await note_change(connection, "credentials", "cred_2")
    await directory.refresh()
    await directory.refresh()
    assert heard == [{"cred_1", "cred_2"}]
    await directory.load()
    assert heard[-1] == set()  # all may have changed


async def test_many_changes_at_once_are_taken_in_by_reading_everything(keys, directory, monkeypatch):
    monkeypatch.setattr("xroute.store.directory.MOST", 3)
    found = [(await made(keys, f"key {n}"))[1] for n in range(10)]
    await directory.refresh()
    assert len(directory) == 10
    assert all(directory.find(each) for each in found)


async def test_a_change_whose_number_is_older_but_comes_later_is_not_missed(keys, directory):
    row, found = await made(keys)
    await directory.refresh()
    async with keys.db.write() as connection:
        await note_change(connection, "keys", "key_none")
        await connection.execute(
            update(tables.changes).where(tables.changes.c.row == "key_none").values(id=5000)
        )
    await directory.refresh()
    async with keys.db.write() as connection:
        await connection.execute(update(tables.keys).values(revoked=1))
        change = {"id": 4000, "at": now_ms(), "table": "keys", "row": row["id"]}
        await connection.execute(insert(tables.changes).values(change))
    await directory.refresh()
    assert refused(directory, found).code == "key_revoked"


async def test_a_number_that_never_comes_is_not_waited_for_for_ever(keys):
    now = [now_ms() / 1000]
    directory = Directory(keys.db, lambda: now[0])
    await directory.load()
    async with keys.db.write() as connection:
        change = {"id": 4000, "at": now_ms(), "table": "keys", "row": "key_none"}
        await connection.execute(insert(tables.changes).values(change))
    await directory.refresh()
    assert directory._floor < 4000
    now[0] += 100
    await directory.refresh()
    assert directory._floor == 4000
    assert directory._taken == set()


async def test_with_the_database_away_keys_stay_as_they_are_and_the_state_says_so(keys, caplog):
    _, found = await made(keys)
    directory = Directory(keys.db)
    await directory.load()
    nowhere = Database("postgresql://postgres@127.0.0.1:9/none")  # port 9: nobody answers there
    directory._db = nowhere
    await directory.refresh()
    await directory.refresh()
    assert directory.find(found) is not None
    assert directory.state.startswith("down since 20")
    assert "keys are as they were then" in directory.state
    assert len([line for line in caplog.messages if "does not answer" in line]) == 1
    directory._db = keys.db
    row, other = await made(keys, "made meanwhile")
    await directory.refresh()
    assert directory.state == "up"
    assert directory.find(other).id == row["id"]
    await nowhere.close()


async def test_after_a_long_silence_everything_is_read_again(keys):
    now = [now_ms() / 1000]
    directory = Directory(keys.db, lambda: now[0])
    await directory.load()
    _, found = await made(keys)
    async with keys.db.write() as connection:
        await connection.execute(delete(tables.changes))  # swept meanwhile
    await directory.refresh()
    assert directory.find(found) is None
    now[0] += 4000
    await directory.refresh()
    assert directory.find(found) is not None


async def test_a_key_that_ended_long_ago_is_not_kept_in_memory(keys, directory):
    _, found = await made(keys)
    async with keys.db.write() as connection:
        await connection.execute(update(tables.keys).values(revoked=now_ms() - 31 * 86_400_000))
    await directory.load()
    assert directory.find(found) is None
    assert len(directory) == 0


async def test_when_a_key_was_used_is_known_to_the_minute(keys):
    now = [float(now_ms() // 1000)]
    directory = Directory(keys.db, lambda: now[0])
    await directory.load()
    (one, found), (other, _) = await made(keys), await made(keys, "other")
    await directory.refresh()
    directory.find(found)
    await directory.refresh()
    assert (await keys.find(MAIN, one["id"]))["used"] == now[0] * 1000
    assert (await keys.find(MAIN, other["id"]))["used"] is None
    first = now[0]
    directory.find(found)
    now[0] += 30
    await directory.refresh()
    assert (await keys.find(MAIN, one["id"]))["used"] == first * 1000
    now[0] += 31
    await directory.refresh()
    assert (await keys.find(MAIN, one["id"]))["used"] == now[0] * 1000
    now[0] += 100
    await directory.refresh()
    assert (await keys.find(MAIN, one["id"]))["used"] == (now[0] - 100) * 1000
