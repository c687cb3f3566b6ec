"""Stored responses: found at once, by their own key alone, within bounds, after a restart too."""

import sqlite3
import stat
from dataclasses import replace

import pytest

from xroute.errors import PayloadTooLarge
from xroute.store import responses
from xroute.store.responses import KEEP_S, Missing, ResponseStore, Stored

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


@pytest.fixture(params=["file", "memory"])
async def store(request, tmp_path, clock):
    path = tmp_path / "state" / "responses.sqlite3" if request.param == "file" else None
    store = ResponseStore(path, now=clock)
    yield store
    await store.close()


async def written(store):
    """Waits until nothing is on its way to the file."""
    await store._do(lambda: None)
    assert "0 waiting" in repr(store)


async def test_a_response_is_found_at_once_and_after_it_was_written(store):
    first = made(1)
    store.save(first)
    assert await store.get("me", first.id) is first
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
    assert store._count == 1


async def test_a_deleted_response_is_gone(store):
    for when in ("waiting", "written"):
        store.save(made(1))
        if when == "written":
            await written(store)
        assert await store.delete("me", made(1).id)
        assert not await store.delete("me", made(1).id)
        assert await store.get("me", made(1).id) is None
        await written(store)
    assert (store._count, store._bytes) == (0, 0)


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


async def test_the_oldest_go_where_there_are_too_many(tmp_path, clock):
    store = ResponseStore(tmp_path / "r.sqlite3", now=clock, max_count=3)
    for number in range(1, 6):
        store.save(made(number))
        await written(store)
    assert [bool(await store.get("me", made(n).id)) for n in range(1, 6)] == [False, False, True, True, True]
    await store.close()


async def test_the_oldest_go_where_they_are_too_large(tmp_path, clock):
    store = ResponseStore(tmp_path / "r.sqlite3", now=clock, max_bytes=2500)
    for number in range(1, 6):
        store.save(made(number, padding="x" * 800))
        await written(store)
    assert [bool(await store.get("me", made(n).id)) for n in range(1, 6)] == [False, False, False, True, True]
    assert store._bytes <= 2500
    await store.close()


async def test_a_response_is_kept_for_thirty_days(store, clock):
    store.save(made(1))
    await written(store)
    clock.now = NOW + KEEP_S
    assert await store.get("me", made(1).id)
    clock.now += 2
    assert await store.get("me", made(1).id) is None
    store.save(replace(made(2), created=clock.now))
    await written(store)
    assert store._count == 1


async def test_half_an_emoji_does_not_lose_a_response(store):
    stored = made(1, text="\ud83d")
    store.save(stored)
    await written(store)
    assert (await store.get("me", stored.id)).response["text"] == "\ud83d"


async def test_what_is_written_outlives_the_process_and_is_for_its_owner_alone(tmp_path, clock):
    path = tmp_path / "state" / "responses.sqlite3"
    store = ResponseStore(path, now=clock)
    store.save(made(1))
    await store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = ResponseStore(path, now=clock)
    assert await again.get("me", made(1).id) == made(1)
    assert again._count == 1
    await again.close()


async def test_nothing_is_opened_before_it_is_needed(tmp_path):
    store = ResponseStore(tmp_path / "state" / "responses.sqlite3")
    assert not (tmp_path / "state").exists()
    await store.close()


async def test_without_a_usable_file_responses_are_kept_in_memory_and_it_is_said(tmp_path, caplog):
    (tmp_path / "state").write_text("no folder")
    store = ResponseStore(tmp_path / "state" / "responses.sqlite3", now=Clock())
    store.save(made(1))
    await written(store)
    assert await store.get("me", made(1).id) == made(1)
    assert "memory" in caplog.text
    await store.close()


async def test_a_file_of_a_later_version_is_left_alone(tmp_path, caplog):
    path = tmp_path / "r.sqlite3"
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    store = ResponseStore(path, now=Clock())
    store.save(made(1))
    await written(store)
    assert "later version" in caplog.text
    await store.close()
    base = sqlite3.connect(path)
    assert base.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    base.close()


async def test_where_the_disk_hangs_no_more_is_kept_than_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(responses, "MAX_WAITING", 2)
    store = ResponseStore(tmp_path / "r.sqlite3", now=Clock())
    store._scheduled = True  # as if the thread were still at the one before
    for number in range(1, 5):
        store.save(made(number))
    assert store.lost == 2
    assert await store.get("me", made(2).id)
    await store.close()


async def test_what_cannot_be_written_is_counted(tmp_path, caplog):
    store = ResponseStore(tmp_path / "r.sqlite3", now=Clock())
    store.save(made(1))
    await written(store)
    await store._do(lambda: store._base.execute("DROP TABLE response"))
    store._recount = lambda: None
    store.save(made(2))
    await written(store)
    assert store.lost == 1
    assert "could not be written" in caplog.text
    await store.close()


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
