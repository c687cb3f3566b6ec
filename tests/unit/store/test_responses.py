"""Stored responses: found at once, by their own key alone, within bounds, after a restart too."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, insert, select, text

from xroute.errors import PayloadTooLarge, Unavailable
from xroute.store import responses, tables
from xroute.store.db import Database, now_ms
from xroute.store.responses import Missing, ResponseStore
from xroute.store.shelf import KEEP_S, Bounds, Stored

NOW = 1_000_000_000.0


def made(number, previous="", owner="me", **more):
    """The response with this number, one item in and one out."""
    suffix = f"{number:024x}"
    given = [{"type": "message", "id": f"msg_{suffix}i00", "role": "user", "content": []}]
    output = [{"type": "message", "id": f"msg_{suffix}00", "role": "assistant", "content": []}]
    body = {"id": f"resp_{suffix}", "output": output, "status": "completed"} | more
    return Stored(f"resp_{suffix}", owner, body, given, previous, NOW + number)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, clock):
    db = None
    if request.param != "memory":
        db = Database(request.getfixturevalue(f"{request.param}_ready"))
    store = ResponseStore(db, now=clock)
    yield store
    await store.close()
    if db:
        await db.close()


async def written(store):
    """Waits until nothing is on its way to the database."""
    await store.flush()
    assert "0 waiting" in repr(store)


async def count(database, table=tables.responses):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_a_response_is_found_at_once_and_after_it_was_written(store):
    first = made(1)
    store.save(first)
    assert await store.get("me", first.id) == first
    await written(store)
    assert await store.get("me", first.id) == first


async def test_another_key_sees_nothing(store):
    first = made(1)
    store.save(first)
    for _ in range(2):
        assert await store.get("you", first.id) is None
        assert not await store.delete("you", first.id)
        with pytest.raises(Missing):
            await store.chain("you", first.id)
        assert await store.items("you", [first.input[0]["id"]]) == {}
        await written(store)
    assert await store.get("me", first.id) == first


async def test_a_newer_state_takes_the_older_ones_place(store):
    store.save(made(1, status="queued"))
    await written(store)
    store.save(made(1, status="completed"))
    assert (await store.get("me", made(1).id)).response["status"] == "completed"
    await written(store)
    assert (await store.get("me", made(1).id)).response["status"] == "completed"


async def test_a_deleted_response_is_gone(store):
    for when in ("waiting", "written"):
        store.save(made(1))
        if when == "written":
            await written(store)
        assert await store.delete("me", made(1).id)
        assert not await store.delete("me", made(1).id)
        assert await store.get("me", made(1).id) is None
        await written(store)


async def test_a_conversation_is_read_from_its_beginning(store):
    one, two, three = made(1), made(2, made(1).id), made(3, made(2).id)
    for stored in (one, two, three):
        store.save(stored)
    assert await store.chain("me", three.id) == [one, two, three]
    await written(store)
    assert await store.chain("me", three.id) == [one, two, three]
    assert await store.chain("me", "") == []


async def test_a_conversation_with_a_hole_is_not_continued(store):
    store.save(made(1))
    store.save(made(2, made(1).id))
    await store.delete("me", made(1).id)
    with pytest.raises(Missing) as caught:
        await store.chain("me", made(2).id)
    assert caught.value.id == made(1).id


async def test_a_conversation_that_leads_to_itself_ends(store, monkeypatch):
    monkeypatch.setattr(responses, "MAX_CHAIN", 5)
    store.save(made(1, made(1).id))
    with pytest.raises(Missing):
        await store.chain("me", made(1).id)


async def test_items_are_found_by_their_ids_ours_and_a_providers(store):
    stored = made(1)
    own = {"type": "web_search_call", "id": "ws_1"}
    stored = replace(stored, response={**stored.response, "output": [*stored.response["output"], own]})
    store.save(stored)
    said = stored.response["output"][0]
    for _ in range(2):
        found = await store.items("me", [said["id"], stored.input[0]["id"], "ws_1", "ws_2"])
        assert found == {said["id"]: said, stored.input[0]["id"]: stored.input[0], "ws_1": own}
        await written(store)
    await store.delete("me", stored.id)
    assert await store.items("me", ["ws_1"]) == {}


async def kept(database, bounds, stored):
    """Numbers of those that are there after all were saved, one by one."""
    store = ResponseStore(database, now=Clock(), bounds=bounds)
    for each in stored:
        store.save(each)
        await written(store)
    found = [await store.get(each.owner, each.id) for each in stored]
    await store.close()
    return [number for number, each in enumerate(found, 1) if each]


async def test_the_oldest_go_where_there_are_too_many(database):
    some = [made(number, owner=f"key_{number}") for number in range(1, 6)]
    assert await kept(database, Bounds(3, 10**6), some) == [3, 4, 5]


async def test_the_oldest_go_where_they_are_too_large(database):
    some = [made(number, owner=f"key_{number}", padding="x" * 800) for number in range(1, 6)]
    assert await kept(database, Bounds(100, 4400), some) == [2, 3, 4, 5]


async def test_one_key_does_not_take_the_others_place(database):
    some = [made(1, owner="you"), *[made(number) for number in range(2, 9)]]
    assert await kept(database, Bounds(8, 10**6), some) == [1, 7, 8]


async def test_a_response_is_kept_for_thirty_days(store, clock):
    store.save(made(1))
    await written(store)
    clock.now = NOW + KEEP_S
    assert await store.get("me", made(1).id)
    clock.now += 2
    assert await store.get("me", made(1).id) is None
    with pytest.raises(Missing):
        await store.chain("me", made(1).id)


async def test_what_is_too_old_leaves_the_database_with_its_items(database, clock):
    store = ResponseStore(database, now=clock)
    own = {"type": "web_search_call", "id": "ws_1"}
    store.save(replace(made(1), input=[own]))
    await written(store)
    assert await count(database, tables.response_items) == 1
    clock.now += KEEP_S + 2
    store.save(replace(made(2), created=clock.now))
    await written(store)
    assert (await count(database), await count(database, tables.response_items)) == (1, 0)
    await store.close()


async def test_half_an_emoji_does_not_lose_a_response(store):
    stored = made(1, text="\ud83d")
    store.save(stored)
    await written(store)
    assert (await store.get("me", stored.id)).response["text"] == "\ud83d"


async def test_two_processes_see_the_same(database_url):
    one, two = (Database(database_url) for _ in range(2))
    first, second = ResponseStore(one, "jrn_1", now=Clock()), ResponseStore(two, "jrn_2", now=Clock())
    first.save(made(1))
    await written(first)
    assert await second.get("me", made(1).id) == replace(made(1), process="jrn_1")
    second.save(made(2, made(1).id))
    await written(second)
    assert [each.id for each in await first.chain("me", made(2).id)] == [made(1).id, made(2).id]
    assert await second.delete("me", made(1).id)
    assert await first.get("me", made(1).id) is None
    for each in (first, second, one, two):
        await each.close()


async def test_what_another_process_is_about_to_write_is_waited_for(postgres_ready, monkeypatch):
    monkeypatch.setattr(responses, "ON_ITS_WAY_S", (0.03,) * 1000)
    one, two = (Database(postgres_ready) for _ in range(2))
    first, second = ResponseStore(one, now=Clock()), ResponseStore(two, now=Clock())

    async def late():
        await asyncio.sleep(0.08)
        first.save(made(1))

    task = asyncio.create_task(late())
    assert len(await second.chain("me", made(1).id)) == 1
    await task
    for each in (first, second, one, two):
        await each.close()


async def test_who_makes_a_response_is_known_while_it_lives(database):
    async with database.write() as connection:
        for name, seen, ended in (("live", now_ms(), None), ("dead", 5, None), ("over", now_ms(), 5)):
            row = {"id": name, "pid": 1, "started": 1, "seen": seen, "ended": ended}
            await connection.execute(insert(tables.journals).values(row))
    store = ResponseStore(database, "mine", now=Clock())
    told = {
        name: await store.is_made_elsewhere(replace(made(1), process=name))
        for name in ("live", "dead", "over", "mine", "")
    }
    assert told == {"live": True, "dead": False, "over": False, "mine": False, "": False}
    await store.ask_end(made(1))
    async with database.read() as connection:
        row = (await connection.execute(select(tables.changes.c.table, tables.changes.c.row))).one()
    assert tuple(row) == ("responses", f"me {made(1).id}")
    await store.close()


async def test_ids_of_two_keys_never_meet(store):
    theirs = replace(made(1), owner="you", response={"theirs": True})
    store.save(made(1))
    store.save(theirs)
    await written(store)
    assert (await store.get("me", made(1).id)).response == made(1).response
    assert (await store.get("you", made(1).id)).response == theirs.response


@pytest.mark.parametrize("id_", ["resp_\0", "resp_\ud800", "x" * 5000, "' OR 1=1 --", "resp_%"])
async def test_an_id_that_no_database_takes_is_just_not_there(store, id_):
    store.save(replace(made(1), input=[{"type": "message", "id": id_}]))
    await written(store)
    assert store.lost == 0
    assert await store.get("me", id_) is None
    assert not await store.delete("me", id_)
    with pytest.raises(Missing):
        await store.chain("me", id_)
    await store.items("me", [id_])


async def test_while_the_database_is_away_responses_wait_and_are_found(database_url, monkeypatch, caplog):
    monkeypatch.setattr(responses, "AGAIN_S", 0.05)
    db, other = Database(database_url), Database(database_url)
    store = ResponseStore(db, now=Clock())
    async with other.write() as connection:
        await connection.execute(text("ALTER TABLE responses RENAME TO hidden"))
    store.save(made(1))
    async with asyncio.timeout(30):
        while "they wait" not in caplog.text:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # it is tried again, and no more said of it
    assert await store.get("me", made(1).id) == made(1)
    with pytest.raises(Unavailable):
        await store.get("me", made(2).id)
    async with other.write() as connection:
        await connection.execute(text("ALTER TABLE hidden RENAME TO responses"))
    await written(store)
    assert await store.get("me", made(1).id) == made(1)
    assert store.lost == 0
    assert caplog.text.count("they wait") == 1
    for each in (store, db, other):
        await each.close()


async def test_no_more_wait_than_fit(database, monkeypatch):
    monkeypatch.setattr(responses, "MAX_WAITING", 2)
    store = ResponseStore(database, now=Clock())
    for number in range(1, 5):
        store.save(made(number))
    assert store.lost == 2
    assert await store.get("me", made(2).id)
    await written(store)
    await store.close()


async def test_the_end_does_not_wait_for_a_database_that_is_away(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(responses, "CLOSE_S", 0.1)
    db = Database(f"sqlite:///{tmp_path / 'no-schema.sqlite3'}")
    store = ResponseStore(db, now=Clock())
    store.save(made(1))
    await store.close()
    assert store.lost == 1
    assert "before the end" in caplog.text
    await db.close()


async def test_a_conversation_that_no_memory_should_hold_is_refused(monkeypatch):
    monkeypatch.setattr("xroute.store.responses.MAX_CHAIN_BYTES", 3000)
    store = ResponseStore(now=lambda: 2.0)
    for number in range(3):
        before = f"resp_{number - 1}" if number else ""
        store.save(Stored(f"resp_{number}", "me", {"text": "x" * 1400}, [], before, 1.0))
    assert len(await store.chain("me", "resp_1")) == 2
    with pytest.raises(PayloadTooLarge, match="previous_response_id"):
        await store.chain("me", "resp_2")
    await store.close()
