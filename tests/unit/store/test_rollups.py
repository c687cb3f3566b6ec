"""Roll-ups: what is added up is what the calls say."""

from collections import defaultdict

import pytest
from sqlalchemy import func, select
from tests.unit.store.records import HOUR, add, record, scattered

from xroute.store import rollups, tables


def rows(found: dict[str, list[rollups.Row]], name: str) -> list[dict[str, object]]:
    columns = [column.name for column in tables.metadata.tables[name].columns]
    return [dict(zip(columns, row, strict=True)) for row in found[name]]


def test_a_call_is_counted_in_its_hour_and_its_day():
    found = rollups.sums([record()])
    (hourly,) = rows(found, "hourly")
    (daily,) = rows(found, "daily")
    assert (hourly["hour"], daily["day"]) == (480_005, 20_000)
    expected = {"calls": 1, "errors": 0, "tries": 1, "tokens_in": 10, "tokens_out": 5, "cached": 3}
    expected |= {"reasoning": 2, "cost_nano": 700, "charged_nano": 770, "duration_ms": 900}
    expected |= {"ttft_ms": 120, "ttfts": 1, "overhead_us": 80}
    for row in (hourly, daily):
        assert {name: row[name] for name in expected} == expected
        assert (row["workspace"], row["key"], row["model"]) == ("ws_a", "key_a", "openai/gpt-4o-mini")


@pytest.mark.parametrize(
    ("outcome", "errors"),
    [("completed", 0), ("cached", 0), ("client_gone", 0), ("failed", 1), ("refused", 1), ("lost", 1)],
)
def test_an_error_is_what_the_client_did_not_end_itself(outcome, errors):
    (row,) = rows(rollups.sums([record(outcome=outcome)]), "daily")
    assert row["errors"] == errors


def test_an_unknown_price_is_counted_and_never_a_zero_that_looks_known():
    (row,) = rows(rollups.sums([record(1, cost_nano=None, charged_nano=None), record(2)]), "daily")
    assert (row["unpriced"], row["cost_nano"]) == (1, 700)


def test_what_was_corrected_is_taken_off_again():
    before, after = record(outcome="lost", cost_nano=50), record(cost_nano=90)
    (row,) = rows(rollups.sums([after], minus=[before]), "daily")
    assert (row["calls"], row["errors"], row["cost_nano"]) == (0, -1, 40)


def test_rows_are_sorted_so_that_two_writers_never_wait_in_a_circle():
    for some in rollups.sums(scattered(200)).values():
        assert some == sorted(some)


def test_a_callers_text_never_stops_the_writer():
    wild = record(
        user="\ud800a\0" + "ü" * 5000, tags={"k\0" * 500: "v" * 5000, **{str(n): "" for n in range(99)}}
    )
    found = rollups.sums([wild])
    assert len(found["tagged"]) == rollups.MOST_TAGS
    for some in found.values():
        for text in (field for row in some for field in row if isinstance(field, str)):
            assert "\0" not in text
            assert len(text.encode()) <= 1024


async def test_the_roll_ups_equal_the_calls_however_they_come_in(database):
    records = scattered(300)
    for first in range(0, 300, 70):
        await add(database, records[first : first + 70])
    expected: dict[tuple[str, int], int] = defaultdict(int)
    for each in records:
        expected[each.workspace, each.at // HOUR] += each.cost_nano or 0
    hourly, daily, ended = tables.hourly.c, tables.daily.c, tables.ended.c
    async with database.read() as connection:
        query = select(hourly.workspace, hourly.hour, func.sum(hourly.cost_nano))
        found = (await connection.execute(query.group_by(hourly.workspace, hourly.hour))).all()
        total = (await connection.execute(select(func.sum(daily.calls)))).scalar_one()
        users = (await connection.execute(select(func.sum(ended.calls)))).scalar_one()
    assert {(workspace, hour): int(cost) for workspace, hour, cost in found} == expected
    assert total == 300
    assert users == sum(bool(each.user) for each in records)


async def test_a_correction_reaches_the_database(database):
    guess = record(cost_nano=50, user="ann\0", tags={"a": "b"})
    await add(database, [guess])
    await add(database, [record(cost_nano=90)], minus=[guess])
    async with database.read() as connection:
        (row,) = (await connection.execute(select(tables.daily))).mappings().all()
        (user,) = (await connection.execute(select(tables.ended.c.calls, tables.ended.c.user))).all()
    assert (row["calls"], row["cost_nano"]) == (1, 90)
    assert tuple(user) == (0, "ann")
