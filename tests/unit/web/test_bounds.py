"""Limits and budgets over the management API: of whatever they are, with what is spent of them."""

import asyncio

import pytest
from sqlalchemy import insert, select
from tests.unit.web.tenants import Tenants, tenants_of

from xroute.errors import PermissionDenied
from xroute.limits.calendar import window
from xroute.store import bounds, purse, tables
from xroute.store.db import now_ms

LIMITS, BUDGETS = "/api/v1/limits", "/api/v1/budgets"
DAY_MS = 86_400_000


@pytest.fixture
async def tenants(database, app) -> Tenants:
    return await tenants_of(database, app.scene.fleet)


@pytest.fixture
async def key(tenants):
    return await tenants.json("admin", "POST", "/api/v1/keys", {"name": "bench", "member": None})


async def spent(tenants: Tenants, table=tables.daily, **fields):
    """Something that was charged before."""
    blank = {"workspace": "ws_main", "project": "", "key": "", "member": "", "model": "m", "provider": "p"}
    if table is tables.ended:
        blank = {"workspace": "ws_main"}
    async with tenants.db.write() as connection:
        await connection.execute(insert(table).values(**blank | fields))


async def call(tenants: Tenants, at: int, **fields):
    """A single call."""
    row = {column.name: "" for column in tables.calls.columns if column.type.python_type is str}
    row |= {column.name: 0 for column in tables.calls.columns if column.type.python_type is int}
    row |= {
        "stream": False,
        "estimated": False,
        "byok": False,
        "id": f"req-{at}",
        "at": at,
        "day": at // DAY_MS,
    }
    async with tenants.db.write() as connection:
        await connection.execute(insert(tables.calls).values(row | {"workspace": "ws_main"} | fields))


def gates(tenants: Tenants, key, user: str = "", model: str = "openai/x"):
    return [(gate.subject, gate.limit) for gate in tenants.find(key["key"]).rules.gates(model, user, 1.8e9)]


async def test_a_limit_of_each_kind_holds_at_once_and_says_whose_it_is(tenants, key):
    project = await tenants.json("admin", "POST", "/api/v1/projects", {"name": "demo"})
    await tenants.json("admin", "PATCH", f"/api/v1/keys/{key['id']}", {"project": "demo"})
    for place, subject in (
        ({"scope": "workspace"}, "workspace main"),
        ({"scope": "project", "subject": "demo"}, "project demo"),
        ({"scope": "key", "subject": key["id"]}, "key bench"),
        ({"scope": "user", "subject": "*"}, "user eve"),
        ({"scope": "user", "subject": "eve"}, "user eve"),
        ({"scope": "user", "subject": "*", "within": project["id"]}, "user eve"),
    ):
        made = await tenants.json("admin", "POST", LIMITS, {**place, "rpm": 9, "model": "openai/*"})
        assert made["scope"] == place["scope"]
        assert made["within"] == place.get("within")
        assert (subject, 9) in gates(tenants, key, "eve")
        assert (await tenants.ask("admin", "DELETE", f"{LIMITS}/{made['id']}")).status_code == 204
        assert gates(tenants, key, "eve") == []
        assert (await tenants.error("admin", "GET", f"{LIMITS}/{made['id']}"))[0] == 404


async def test_a_limit_is_shown_changed_and_lifted(tenants, key):
    body = {"scope": "key", "subject": key["id"], "rpm": 5, "max_call_usd": 0.25, "tz": "Asia/Tokyo"}
    limit = await tenants.json("admin", "POST", LIMITS, body)
    path = f"{LIMITS}/{limit['id']}"
    assert (limit["rpm"], limit["tpm"], limit["max_call_usd"], limit["tz"]) == (5, None, 0.25, "Asia/Tokyo")
    assert await tenants.json("viewer", "GET", path) == limit
    changed = await tenants.json("admin", "PATCH", path, {"rpm": None, "tpd": 1000})
    assert (changed["rpm"], changed["tpd"], changed["max_call_usd"]) == (None, 1000, 0.25)
    status, error = await tenants.error("admin", "PATCH", path, {"tpd": None, "max_call_usd": None})
    assert (status, error["code"]) == (400, "limit_empty")
    found = await tenants.json("viewer", "GET", f"{LIMITS}?scope=key&subject={key['id']}")
    assert found == {"data": [changed], "next": None}
    assert (await tenants.json("viewer", "GET", f"{LIMITS}?scope=project"))["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"scope": "galaxy", "rpm": 1}, 400, "scope"),
        ({"scope": "key", "rpm": 1}, 400, "subject"),
        ({"scope": "key", "subject": "key_none", "rpm": 1}, 404, "subject"),
        ({"scope": "project", "subject": "none", "rpm": 1}, 404, "subject"),
        ({"scope": "member", "subject": "mem_ws_other_owner", "rpm": 1}, 404, "subject"),
        ({"scope": "workspace", "subject": "ws_other", "rpm": 1}, 400, "subject"),
        ({"scope": "user", "subject": "*x", "rpm": 1}, 400, "subject"),
        ({"scope": "user", "subject": "eve", "within": "prj_x", "rpm": 1}, 400, "within"),
        ({"scope": "user", "subject": "*", "within": "prj_none", "rpm": 1}, 404, "within"),
        ({"scope": "workspace"}, 400, None),
        ({"scope": "workspace", "rpm": -1}, 400, "rpm"),
        ({"scope": "workspace", "rpm": "5"}, 400, "rpm"),
        ({"scope": "workspace", "rpm": 10**16}, 400, "rpm"),
        ({"scope": "workspace", "max_call_usd": 0.0000000001}, 400, "max_call_usd"),
        ({"scope": "workspace", "rpm": 1, "usd": 1}, 400, "usd"),
    ],
)
async def test_a_limit_that_cannot_be_is_an_error_that_names_the_field(tenants, body, status, param):
    got, error = await tenants.error("admin", "POST", LIMITS, body)
    assert (got, error["param"]) == (status, param)


async def test_no_subject_has_more_than_its_most_however_many_are_made_at_once(tenants, monkeypatch):
    monkeypatch.setattr(bounds, "MOST", 3)
    place = {"scope": "user", "subject": "eve", "rpm": 1}
    made = await asyncio.gather(*(tenants.ask("admin", "POST", LIMITS, place) for _ in range(8)))
    assert sorted(answer.status_code for answer in made) == [201] * 3 + [400] * 5


async def test_a_budget_shows_what_is_spent_and_what_is_left_and_when_it_ends(tenants, key):
    body = {"scope": "key", "subject": key["id"], "usd": 2, "window": "day", "tz": "America/New_York"}
    budget = await tenants.json("billing", "POST", BUDGETS, body)
    async with tenants.db.read() as connection:
        [row] = (await connection.execute(select(tables.budgets))).mappings().all()
    assert row["nano"] == 2_000_000_000
    assert (budget["spent_usd"], budget["left_usd"], budget["percent"]) == (0.0, 2.0, 0.0)
    assert budget["ends"].endswith(("T04:00:00Z", "T05:00:00Z"))  # midnight there
    path = f"{BUDGETS}/{budget['id']}"
    name = purse.key(row, purse.span(row, now_ms()).label)
    async with tenants.db.write() as connection:
        await connection.execute(insert(tables.purses).values(key=name, spent=500_000_000, until=1))
    shown = await tenants.json("viewer", "GET", path)
    assert (shown["spent_usd"], shown["left_usd"], shown["percent"]) == (0.5, 1.5, 25.0)
    tenants.spent[name] = 2_500_000_000  # the engine knows of calls that are not in the database yet
    shown = await tenants.json("viewer", "GET", path)
    assert (shown["spent_usd"], shown["left_usd"], shown["percent"]) == (2.5, 0.0, 125.0)
    assert (await tenants.json("viewer", "GET", BUDGETS))["data"] == [shown]
    key_now = await tenants.json("viewer", "GET", f"/api/v1/keys/{key['id']}")
    assert key_now["budgets"][0]["spent_usd"] == 2.5


async def test_a_new_budget_begins_with_what_was_spent_in_its_window(tenants, key):
    today = now_ms() // DAY_MS
    await spent(tenants, day=today - 400, key=key["id"], charged_nano=1)
    await spent(tenants, day=today, key=key["id"], charged_nano=20)
    await spent(tenants, day=today, key=key["id"], model="openai/x", charged_nano=300)
    await spent(tenants, day=today, key="key_other", charged_nano=4000)
    await spent(tenants, tables.hourly, hour=now_ms() // 3_600_000, key=key["id"], charged_nano=50_000)
    place = {"scope": "key", "subject": key["id"], "usd": 1, "window": "total"}
    total = await tenants.json("admin", "POST", BUDGETS, place)
    month = await tenants.json("admin", "POST", BUDGETS, place | {"window": "month"})
    of_model = await tenants.json("admin", "POST", BUDGETS, place | {"model": "openai/*"})
    whole = await tenants.json("admin", "POST", BUDGETS, {"scope": "workspace", "usd": 1, "window": "total"})
    assert [b["spent_usd"] * 1e9 for b in (total, of_model, whole)] == pytest.approx([321, 300, 4321])
    assert month["spent_usd"] * 1e9 == pytest.approx(320)
    changed = await tenants.json(
        "admin", "PATCH", f"{BUDGETS}/{total['id']}", {"model": "openai/*", "usd": 2}
    )
    assert (changed["spent_usd"] * 1e9, changed["usd"]) == (pytest.approx(300), 2.0)


async def test_hours_and_calls_before_the_first_whole_day_are_counted_once(tenants, key):
    """A day of Kathmandu begins at a quarter past an hour of UTC."""
    start = int(window("day", now_ms() / 1000, "Asia/Kathmandu").start * 1000)
    hour = -(-start // 3_600_000)
    await call(tenants, start - 1, key=key["id"], charged_nano=1)
    await call(tenants, start, key=key["id"], charged_nano=20)
    await call(tenants, hour * 3_600_000 - 1, key=key["id"], charged_nano=300)
    await call(tenants, hour * 3_600_000, key=key["id"], charged_nano=4000)  # in the sums of its hour
    await spent(tenants, tables.hourly, hour=hour - 1, key=key["id"], charged_nano=321)
    midnight = -(-start // DAY_MS)
    await spent(tenants, tables.hourly, hour=hour, key=key["id"], charged_nano=4000)
    await spent(tenants, tables.hourly, hour=midnight * 24, key=key["id"], charged_nano=50_000)
    await spent(tenants, day=midnight, key=key["id"], charged_nano=50_000)
    place = {"scope": "key", "subject": key["id"], "usd": 1, "window": "day", "tz": "Asia/Kathmandu"}
    budget = await tenants.json("admin", "POST", BUDGETS, place)
    assert budget["spent_usd"] * 1e9 == pytest.approx(54_320)


async def test_each_end_user_has_a_budget_of_their_own(tenants, key):
    today = now_ms() // DAY_MS
    await spent(tenants, tables.ended, day=today - 1, user="eve", charged_nano=1_000_000)
    await spent(tenants, tables.ended, day=today, user="bob: he", charged_nano=3_000_000)
    budget = await tenants.json(
        "admin", "POST", BUDGETS, {"scope": "user", "subject": "*", "usd": 1, "window": "total"}
    )
    assert (budget["spent_usd"], budget["left_usd"], budget["percent"]) == (None, None, None)
    assert budget["users"] == [{"user": "bob: he", "spent_usd": 0.003}, {"user": "eve", "spent_usd": 0.001}]
    [gate] = tenants.find(key["key"]).rules.gates("m", "bob: he", 1.8e9)
    async with tenants.db.read() as connection:
        purses = dict((await connection.execute(select(tables.purses.c.key, tables.purses.c.spent))).all())
    assert purses[gate.key] == 3_000_000
    one = await tenants.json(
        "admin", "POST", BUDGETS, {"scope": "user", "subject": "eve", "usd": 1, "window": "total"}
    )
    assert one["spent_usd"] == 0.001
    await call(tenants, now_ms(), user="eve", key=key["id"], model="openai/x", charged_nano=7_000_000)
    within = await tenants.json(
        "admin",
        "POST",
        BUDGETS,
        {
            "scope": "user",
            "subject": "*",
            "within": key["id"],
            "usd": 1,
            "window": "total",
            "model": "openai/*",
        },
    )
    assert within["users"] == [{"user": "eve", "spent_usd": 0.007}]
    assert len((await tenants.json("viewer", "GET", BUDGETS))["data"]) == 3
    await tenants.json("admin", "DELETE", f"{BUDGETS}/{budget['id']}")
    async with tenants.db.read() as connection:
        left = (await connection.execute(select(tables.purses.c.key))).scalars().all()
    assert not any(name.startswith(budget["id"]) for name in left)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"usd": None}, "usd"),
        ({"window": "year"}, "window"),
        ({"tz": "Mars"}, "tz"),
        ({"alerts": [1] * 21}, "alerts"),
        ({"usd": 1_000_001}, "usd"),
        ({"scope": "key"}, "scope"),
    ],
)
async def test_a_change_of_a_budget_that_cannot_be_is_an_error(tenants, body, param):
    budget = await tenants.json("admin", "POST", BUDGETS, {"scope": "workspace", "usd": 1})
    status, error = await tenants.error("admin", "PATCH", f"{BUDGETS}/{budget['id']}", body)
    assert (status, error["param"]) == (400, param)


async def test_a_subject_has_so_many_limits_and_no_more(tenants, monkeypatch):
    monkeypatch.setattr("xroute.store.bounds.MOST", 2)
    for rpm in (1, 2):
        await tenants.json("admin", "POST", LIMITS, {"scope": "workspace", "rpm": rpm})
    status, error = await tenants.error("admin", "POST", LIMITS, {"scope": "workspace", "rpm": 3})
    assert (status, error["code"]) == (400, "too_many")


async def test_who_may_bound(tenants, key):
    for role in ("developer", "viewer"):
        for path, body in (
            (LIMITS, {"scope": "workspace", "rpm": 1}),
            (BUDGETS, {"scope": "workspace", "usd": 1}),
        ):
            with pytest.raises(PermissionDenied):
                await tenants.ask(role, "POST", path, body)
    with pytest.raises(PermissionDenied):
        await tenants.ask("billing", "POST", LIMITS, {"scope": "workspace", "rpm": 1})


async def test_another_workspaces_limits_and_budgets_are_not_there(tenants, key):
    limit = await tenants.json("admin", "POST", LIMITS, {"scope": "workspace", "rpm": 1})
    budget = await tenants.json("admin", "POST", BUDGETS, {"scope": "workspace", "usd": 1})
    for path, id_, body in ((LIMITS, limit["id"], {"rpm": 2}), (BUDGETS, budget["id"], {"usd": 2})):
        for method in ("GET", "PATCH", "DELETE"):
            sent = body if method == "PATCH" else None
            theirs = await tenants.ask("other owner", method, f"{path}/{id_}", sent)
            nobodys = await tenants.ask("other owner", method, f"{path}/none", sent)
            assert (theirs.status_code, theirs.text) == (404, nobodys.text)
        assert (await tenants.json("other owner", "GET", path))["data"] == []
        status, _ = await tenants.error(
            "other owner", "POST", path, {"scope": "key", "subject": key["id"], "rpm": 1, "usd": 1}
        )
        assert status in (400, 404)
    assert (
        await tenants.error("other owner", "POST", LIMITS, {"scope": "key", "subject": key["id"], "rpm": 1})
    )[0] == 404
    assert gates(tenants, key) != []
