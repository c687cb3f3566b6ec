"""Usage: every sum is what adding up the calls by hand gives."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert
from tests.unit.store.records import HOUR, add, record

from xroute.errors import InvalidRequest
from xroute.store import rollups, tables
from xroute.store.spans import DAY_MS, spans
from xroute.store.usage import Question, Sums, pattern, usage
from xroute.wire.record import Record

FIRST = 20_755 * DAY_MS  # 2026-10-29, shortly after a change of the clock in Berlin
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def month(count: int = 400) -> list[Record]:
    """Calls of two workspaces in the days around the change of the clock."""
    chance = random.Random(7)
    return [
        record(
            number,
            at=FIRST - 8 * DAY_MS + chance.randrange(20 * DAY_MS),
            workspace=chance.choice(["ws_a", "ws_a", "ws_b"]),
            key=chance.choice(["key_a", "key_b", "key_c", "key_d"]),
            model=chance.choice(["openai/gpt-4o", "openai/gpt-4o-mini", "meta/llama_3"]),
            user=chance.choice(["", "ann", "bob"]),
            tags={"team": chance.choice(["x", "y"]), "env": "prod"} if chance.random() < 0.6 else {},
            outcome=chance.choice(["completed", "failed"]),
            cost_nano=chance.choice([None, 100, 250]),
        )
        for number in range(count)
    ]


def by_hand(records, part, group):
    found = defaultdict(Sums)
    for each, figures in zip(records, rollups.measured(records), strict=True):
        found[part(each), group(each)].add(Sums(*figures))
    return dict(found)


def asked(step="day", zone=UTC_ZONE, **fields):
    return Question("ws_a", spans(FIRST - 8 * DAY_MS, FIRST + 12 * DAY_MS, step, zone), **fields)


def start_of(step, zone):
    def start(each):
        local = datetime.fromtimestamp(each.at // HOUR * HOUR / 1000, zone)
        if step == "hour":
            return each.at // HOUR * HOUR
        local = local.replace(hour=0, minute=0, fold=0)
        local = local.replace(day=1) if step == "month" else local
        return int(local.astimezone(UTC).timestamp() * 1000)

    return start


@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN, ZoneInfo("America/St_Johns")], ids=str)
@pytest.mark.parametrize("step", ["hour", "day", "month"])
@pytest.mark.parametrize("by", [None, "key", "model"])
async def test_each_span_and_group_is_what_its_calls_add_up_to(database, step, zone, by):
    records = [each for each in month() if each.workspace == "ws_a"]
    await add(database, month())
    found = await usage(database, asked(step, zone, by=by))
    expected = by_hand(records, start_of(step, zone), lambda each: getattr(each, by) if by else None)
    assert {(point.start, point.group): point.sums for point in found.points} == expected
    assert found.totals == by_hand(records, lambda _: 0, lambda _: 0)[0, 0]
    starts = [point.start for point in found.points]
    assert starts == sorted(starts)


async def test_where_days_begin_at_half_past_an_hour_counts_where_it_begins(database):
    zone = ZoneInfo("Asia/Kolkata")  # its day begins at 18:30 UTC
    await add(database, [record(1, at=FIRST + 18 * HOUR + minutes * 60_000) for minutes in (1, 45)])
    found = await usage(database, asked("day", zone))
    assert [(point.start, point.sums.calls) for point in found.points] == [(FIRST - 5.5 * HOUR, 2)]


@pytest.mark.parametrize("top", [1, 10])
@pytest.mark.parametrize("by", ["tag", "user"])
async def test_tags_and_end_users_are_added_up_by_the_day_and_the_rest_is_all_other_calls(database, by, top):
    await add(database, month())
    found = await usage(database, asked(by=by, tag="team", top=top))
    first = {group.id for group in found.groups} - {None}
    assert len(first) == min(top, 2)
    value = (lambda each: each.tags.get("team")) if by == "tag" else (lambda each: each.user)
    records = [each for each in month() if each.workspace == "ws_a"]
    group = lambda each: value(each) if value(each) in first else None  # noqa: E731
    expected = by_hand(records, start_of("day", UTC_ZONE), group)
    assert {(point.start, point.group): point.sums for point in found.points} == expected
    assert found.totals == by_hand(records, lambda _: 0, lambda _: 0)[0, 0]


async def test_the_greatest_groups_stand_alone_and_the_rest_is_one(database):
    costs = {"key_a": 5, "key_b": 50, "key_c": 20, "key_d": 1}
    await add(
        database,
        [
            record(number, at=FIRST, key=key, cost_nano=cost)
            for number, (key, cost) in enumerate(costs.items())
        ],
    )
    found = await usage(database, asked(by="key", top=2))
    assert [(group.id, group.sums.cost_nano) for group in found.groups] == [
        ("key_b", 50),
        ("key_c", 20),
        (None, 6),
    ]
    assert [point.group for point in found.points] == ["key_b", "key_c", None]
    assert found.totals.cost_nano == 76


@pytest.mark.parametrize(
    ("order", "greatest"), [("cost", "a"), ("charged", "b"), ("calls", "c"), ("errors", "c"), ("tokens", "a")]
)
async def test_what_is_greatest_is_as_asked(database, order, greatest):
    base = record(1, at=FIRST, outcome="failed")
    await add(
        database,
        [
            replace(base, key="a", cost_nano=9, charged_nano=1, outcome="completed"),
            replace(base, key="b", cost_nano=8, charged_nano=9, outcome="completed", usage=None),
            *[replace(base, key="c", cost_nano=1, charged_nano=1, usage=None)] * 3,
        ],
    )
    assert (await usage(database, asked(by="key", order=order))).groups[0].id == greatest


@pytest.mark.parametrize(
    ("where", "models"),
    [
        ({"model": ["openai/gpt-4o"]}, {"openai/gpt-4o"}),
        ({"model": ["openai/*"]}, {"openai/gpt-4o", "openai/gpt-4o-mini"}),
        ({"model": ["meta/llama_3", "*mini"]}, {"meta/llama_3", "openai/gpt-4o-mini"}),
        ({"model": ["meta/llama%"]}, set()),
        ({"model": ["%"]}, set()),
        ({"model": ["_penai/*"]}, set()),
        ({"model": ["*\\"]}, set()),
        ({"model": ["' OR 1=1 --"]}, set()),
        ({"key": ["key_a"], "model": ["meta/*"]}, {"meta/llama_3"}),
    ],
)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN], ids=str)
async def test_a_filter_is_an_id_or_a_pattern_and_never_more(database, where, models, zone):
    await add(database, month())
    found = await usage(database, asked(zone=zone, by="model", where=where))
    assert {group.id for group in found.groups} == models
    assert found.totals.calls == sum(
        each.model in models and each.key in where.get("key", [each.key])
        for each in month()
        if each.workspace == "ws_a"
    )


def test_only_the_star_is_magic():
    assert pattern(r"a%b_c\d*") == r"a\%b\_c\\d%"


async def test_a_user_alone_can_be_asked_for(database):
    await add(database, month())
    found = await usage(database, asked(where={"user": ["ann"]}))
    assert found.totals.calls == sum(each.user == "ann" and each.workspace == "ws_a" for each in month())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"by": "tag", "tag": "team", "where": {"key": ["a"]}}, "key"),
        ({"by": "user", "where": {"model": ["a"]}}, "model"),
        ({"by": "key", "where": {"user": ["a"]}}, "key"),
        ({"by": "user", "zone": BERLIN}, "step"),
        ({"by": "tag", "tag": "team", "step": "hour"}, "step"),
    ],
)
async def test_what_is_not_kept_is_said(database, fields, param):
    with pytest.raises(InvalidRequest) as caught:
        # spans of an hour that fill whole days are days all the same
        question = asked(**fields)
        if fields.get("step") == "hour":
            question = replace(question, spans=spans(FIRST + HOUR, FIRST + 3 * HOUR, "hour", UTC_ZONE))
        await usage(database, question)
    assert caught.value.param == param


async def test_groups_are_called_as_people_call_them(database):
    async with database.write() as connection:
        await connection.execute(
            insert(tables.workspaces), [{"id": f"ws_{n}", "name": n, "slug": n, "created": 1} for n in "ab"]
        )
        await connection.execute(
            insert(tables.projects),
            [
                {"id": "prj_a", "workspace": "ws_a", "name": "Demo", "created": 1},
                {"id": "prj_b", "workspace": "ws_b", "name": "Secret", "created": 1},
            ],
        )
        await connection.execute(insert(tables.users), [{"id": "usr_a", "email": "a@b.c", "created": 1}])
        await connection.execute(
            insert(tables.members),
            [{"id": "mem_a", "workspace": "ws_a", "user": "usr_a", "role": "owner", "created": 1}],
        )
    calls = [{"project": "prj_a", "member": "mem_a"}, {"project": "prj_b", "cost_nano": 1}]
    await add(database, [record(number, at=FIRST, **fields) for number, fields in enumerate(calls)])
    projects = await usage(database, asked(by="project"))
    members = await usage(database, asked(by="member"))
    assert [(group.id, group.name) for group in projects.groups] == [("prj_a", "Demo"), ("prj_b", "prj_b")]
    assert [(group.id, group.name) for group in members.groups] == [("mem_a", "a@b.c"), ("", "")]


async def test_another_workspaces_usage_is_never_seen(database):
    await add(database, month())
    found = await usage(database, replace(asked(by="key"), workspace="ws_c"))
    assert (found.points, found.groups, found.totals) == ([], [], Sums())
