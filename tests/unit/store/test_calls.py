"""Single calls: pages without a gap or a repetition, whatever is asked for."""

import random

import orjson
import pytest
from sqlalchemy import insert
from tests.unit.store.calls import DAY_MS, call

from xroute.errors import InvalidRequest
from xroute.store import calls, lines, tables
from xroute.store.calls import Question
from xroute.wire.record import Try
from xroute.wire.usage import Usage

FIRST = 20_755 * DAY_MS


def some(count: int = 300) -> list[dict[str, object]]:
    """Calls of two workspaces over thirty days, many of them in the same millisecond."""
    chance = random.Random(3)
    return [
        call(
            number,
            FIRST + chance.randrange(30) * DAY_MS + chance.randrange(4),
            workspace=chance.choice(["ws_a", "ws_a", "ws_b"]),
            key=chance.choice(["key_a", "key_b"]),
            user=chance.choice(["", "ann", "b_b", "bxb"]),
            model=chance.choice(["openai/gpt-4o", "meta/llama"]),
            outcome=chance.choice(["completed", "failed"]),
            error_type=chance.choice(["", "server"]),
            charged_nano=chance.choice([None, 5, 500]),
            tags=chance.choice(["", '{"team":"x","z":"1"}', '{"a":"b,\\"team\\":\\"x\\"","team":"y"}']),
        )
        for number in range(count)
    ]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(calls, "SCAN_S", 60.0)  # a machine that is busy would end pages early


async def put(database, rows):
    async with database.write() as connection:
        await connection.execute(insert(tables.calls), rows)


def asked(**fields):
    return Question(**({"workspace": "ws_a", "since": FIRST, "until": FIRST + 30 * DAY_MS} | fields))


async def walk(database, question, limit=7, **more):
    """Every call, page by page."""
    found, cursor = [], None
    while True:
        page = await calls.calls(database, question, limit, cursor, **more)
        assert len(page.calls) <= limit
        found += [row["id"] for row in page.calls]
        cursor = page.next
        if cursor is None:
            return found


def expected(test=lambda row: True):
    rows = [row for row in some() if row["workspace"] == "ws_a" and test(row)]
    return [row["id"] for row in sorted(rows, key=lambda row: (row["at"], row["id"]), reverse=True)]


async def test_pages_have_every_call_once_and_the_newest_first(database):
    await put(database, some())
    assert await walk(database, asked()) == expected()


@pytest.mark.parametrize(
    ("fields", "test"),
    [
        ({"where": {"key": ["key_b"]}}, lambda row: row["key"] == "key_b"),
        (
            {"where": {"model": ["openai/*"], "user": ["ann"]}},
            lambda row: "openai" in row["model"] and row["user"] == "ann",
        ),
        ({"where": {"user": ["b_*"]}}, lambda row: row["user"] == "b_b"),
        ({"where": {"user": ["%"]}}, lambda row: False),
        ({"where": {"outcome": ["failed"]}}, lambda row: row["outcome"] == "failed"),
        ({"is_failed": True}, lambda row: row["error_type"]),
        ({"is_failed": False}, lambda row: not row["error_type"]),
        ({"min_nano": 6}, lambda row: (row["charged_nano"] or 0) >= 6),
        ({"tags": {"team": "x"}}, lambda row: row["tags"].startswith('{"team":"x"')),
        ({"tags": {"team": "y"}}, lambda row: '"team":"y"' in row["tags"]),
        ({"tags": {"z": "1", "team": "x"}}, lambda row: '"z"' in row["tags"]),
        ({"tags": {"te%": "x"}}, lambda row: False),
        ({"tags": {"team": '"'}}, lambda row: False),
        (
            {"since": FIRST + 3 * DAY_MS + 1, "until": FIRST + 9 * DAY_MS + 2},
            lambda row: FIRST + 3 * DAY_MS + 1 <= row["at"] < FIRST + 9 * DAY_MS + 2,
        ),
        ({"where": {"key": ["' OR '1'='1"]}}, lambda row: False),
    ],
)
async def test_a_filter_finds_what_it_says_over_all_pages(database, fields, test):
    await put(database, some())
    assert await walk(database, asked(**fields)) == expected(test)


async def test_a_search_that_takes_long_ends_and_goes_on_where_it_ended(database):
    await put(database, some())
    ticks = iter(range(0, 10**9, 61))
    question = asked(where={"key": ["key_b"]})
    page = await calls.calls(database, question, 500, None, lambda: next(ticks))
    assert page.next is not None
    assert len(page.calls) < 500
    assert await walk(database, question, 500, clock=lambda: next(ticks)) == expected(
        lambda row: row["key"] == "key_b"
    )


@pytest.mark.parametrize("cursor", ["", "!", "bm9uZQ", "ÿ", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAuYQ"])
async def test_a_cursor_of_somebody_elses_making_is_refused(database, cursor):
    if not cursor:
        assert (await calls.calls(database, asked(), 5, cursor)).calls == []
        return
    with pytest.raises(InvalidRequest, match="none that this list has given"):
        await calls.calls(database, asked(), 5, cursor)


async def test_a_cursor_does_not_lead_out_of_what_is_asked(database):
    await put(database, some())
    page = await calls.calls(database, asked(), 500, None)
    late = (await calls.calls(database, asked(), 1, None)).next
    early = await calls.calls(database, asked(until=FIRST + DAY_MS), 500, late)
    assert all(row["at"] < FIRST + DAY_MS for row in early.calls)
    assert len(early.calls) < len(page.calls)


async def test_an_export_has_all_of_it_once(database, monkeypatch):
    monkeypatch.setattr(calls, "CHUNK", 20)
    await put(database, some())
    chunks = [chunk async for chunk in calls.export(database, asked())]
    assert [row["id"] for chunk in chunks for row in chunk] == expected()
    assert max(len(chunk) for chunk in chunks) == 20


async def test_one_call_has_its_attempts_its_tags_and_its_price(database):
    attempts = [Try("d", "openai", "m", "", 1, usage=Usage(3, 4), cost_nano=7)]
    row = call(1, FIRST, attempts=lines.write_attempts(attempts), tags='{"a":"b"}', price="p1")
    await put(database, [row, call(2, FIRST)])
    async with database.write() as connection:
        await connection.execute(insert(tables.prices).values(id="p1", data={"input": 5}, first=1))
    found = await calls.call(database, "ws_a", row["id"])
    told = orjson.loads(orjson.dumps(attempts))
    assert found == row | {"attempts": told, "tags": {"a": "b"}, "price": {"id": "p1", "input": 5}}
    bare = await calls.call(database, "ws_a", call(2, FIRST)["id"])
    assert (bare["attempts"], bare["tags"], bare["price"]) == ([], {}, None)


async def test_another_workspaces_call_is_not_there(database):
    await put(database, [call(1, FIRST)])
    assert await calls.call(database, "ws_b", call(1, FIRST)["id"]) is None
    assert await calls.call(database, "ws_a", "req-none") is None
