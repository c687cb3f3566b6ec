"""Keys over the management API: shown once, bounded, rotated, revoked, and who may do what with them."""

import pytest
from sqlalchemy import select
from tests.unit.web.tenants import Tenants, tenants_of

from xroute.errors import CallError, PermissionDenied
from xroute.store import tables

KEYS = "/api/v1/keys"
EXAMPLE = {
    "name": "bench",
    "budget": {"usd": 0.01, "window": "total", "tz": "Europe/Berlin", "hard": True, "alerts": [50]},
    "limits": {"rpm": 600, "tpm": 100000, "concurrency": 50, "max_call_usd": "0.002"},
    "models": ["openai/*"],
}


@pytest.fixture
async def tenants(database, app) -> Tenants:
    return await tenants_of(database, app.scene.fleet)


async def made(tenants: Tenants, who: str = "admin", **fields):
    return await tenants.json(who, "POST", KEYS, {"name": "bench", **fields})


async def rows(tenants: Tenants, table):
    async with tenants.db.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_a_key_with_its_budget_and_limits_is_made_in_one_body_and_works_at_once(tenants):
    answer = await tenants.ask("admin", "POST", KEYS, EXAMPLE)
    assert answer.status_code == 201
    key = answer.json()
    assert key["key"].startswith("xr-")
    assert len(key["key"]) >= 46  # 256 bits
    assert key["shown"] == key["key"][:10]
    [limit] = key["limits"]
    assert (limit["rpm"], limit["tpm"], limit["concurrency"], limit["max_call_usd"]) == (
        600,
        100000,
        50,
        0.002,
    )
    [budget] = key["budgets"]
    assert (budget["usd"], budget["window"], budget["tz"], budget["alerts"]) == (
        0.01,
        "total",
        "Europe/Berlin",
        [50],
    )
    assert (budget["spent_usd"], budget["left_usd"], budget["percent"], budget["ends"]) == (
        0.0,
        0.01,
        0.0,
        None,
    )
    who = tenants.find(key["key"])
    assert (who.id, who.workspace, who.policy.models) == (key["id"], "ws_main", ("openai/*",))
    assert who.rules.most("openai/gpt-4o") == 2_000_000
    kinds = {(gate.kind, gate.measure, gate.limit) for gate in who.rules.gates("openai/gpt-4o", "", 1.8e9)}
    assert kinds == {
        ("rate", "requests", 600),
        ("rate", "tokens", 100000),
        ("slots", "slots", 50),
        ("purse", "money", 10_000_000),
    }


async def test_the_secret_is_in_one_answer_and_nowhere_else(tenants):
    key = await made(tenants)
    secret = key["key"]
    for path in (KEYS, f"{KEYS}/{key['id']}"):
        assert secret not in (await tenants.ask("owner", "GET", path)).text
        assert secret[10:] not in (await tenants.ask("owner", "GET", path)).text
    everything = str([await rows(tenants, table) for table in (tables.keys, tables.audit, tables.changes)])
    assert secret[12:] not in everything
    [row] = await rows(tenants, tables.keys)
    assert row["hash"] not in str(await rows(tenants, tables.audit))
    assert row["hash"] not in (await tenants.ask("owner", "GET", KEYS)).text


async def test_a_key_that_is_sent_back_as_it_was_shown_is_not_changed(tenants):
    await tenants.json("admin", "POST", "/api/v1/projects", {"name": "demo"})
    key = await made(tenants, **EXAMPLE | {"project": "demo", "zdr": True, "labels": {"a": "b"}})
    secret = key.pop("key")
    before = await rows(tenants, tables.keys), await rows(tenants, tables.changes)
    aged = {"used": "2020-01-01T00:00:00Z", "state": "expired"}  # what it was when it was shown
    for extra in ({}, aged, {"key": key["shown"]}, {"key": key["shown"] + "..."}, {"key": "***"}):
        assert await tenants.json("admin", "PATCH", f"{KEYS}/{key['id']}", key | extra) == key
    assert (await rows(tenants, tables.keys), await rows(tenants, tables.changes)) == before
    assert tenants.find(secret).id == key["id"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"key": "xr-chosen-by-me-0123456789abcdef"}, "key"),
        ({"id": "key_other"}, "id"),
        ({"created": "2020-01-01T00:00:00Z"}, "created"),
        ({"member": "mem_ws_main_viewer"}, "member"),
        ({"by": "somebody"}, "by"),
        ({"name": None}, "name"),
        ({"disabled": None}, "disabled"),
    ],
)
async def test_what_cannot_be_set_is_an_error(tenants, body, param):
    key = await made(tenants)
    status, error = await tenants.error("admin", "PATCH", f"{KEYS}/{key['id']}", body)
    assert (status, error["param"]) == (400, param)
    assert tenants.find(key["key"]) is not None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"models": ["a b"]}, "models[0]"),
        ({"models": ["x"] * 201}, "models"),
        ({"models": ["ok", "x" * 201]}, "models.1"),
        ({"providers": ["open ai"]}, "providers[0]"),
        ({"addresses": ["10.0.0.0/8", "10.0.0.0/99"]}, "addresses[1]"),
        ({"regions": ["e u"]}, "regions[0]"),
        ({"labels": {f"l{n}": "" for n in range(51)}}, "labels"),
        ({"labels": {"a": "x" * 201}}, "labels.a"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "2999-01-01T00:00:00"}, "expires"),
        ({"unknown": 1}, "unknown"),
        ({"limits": {"rpm": 0}}, None),
        ({"limits": {"rpm": True}}, None),
        ({"limits": {"rpm": 1.5}}, None),
        ({"limits": {}}, None),
        ({"limits": {"rpm": 1, "model": "a b"}}, None),
        ({"limits": {"rpm": 1, "tz": "Mars"}}, None),
        ({"budget": {"usd": -1}}, "budget.usd"),
        ({"budget": {"usd": 0.0000000001}}, "budget.usd"),
        ({"budget": {"usd": "NaN"}}, "budget.usd"),
        ({"budget": {"usd": 1, "window": "year"}}, "budget.window"),
        ({"budget": {"usd": 1, "alerts": [0]}}, "budget.alerts.0"),
        ({"budgets": [{"usd": 1}] * 51}, "budgets"),
        ({"project": "nowhere"}, "project"),
        ({"member": "mem_ws_other_owner"}, "subject"),
    ],
)
async def test_a_body_that_cannot_be_used_is_an_error_that_names_the_field(tenants, fields, param):
    status, error = await tenants.error("admin", "POST", KEYS, {"name": "bench", **fields})
    assert status in (400, 404)
    assert param is None or error["param"] == param
    assert error["code"]
    assert await rows(tenants, tables.keys) == []
    assert await rows(tenants, tables.limits) == []


async def test_money_is_exact_to_the_nano_dollar(tenants):
    key = await made(tenants, budget={"usd": "123456.123456789"}, limits={"max_call_usd": 0.000000001})
    [budget] = await rows(tenants, tables.budgets)
    assert budget["nano"] == 123_456_123_456_789
    assert key["budgets"][0]["usd"] == 123456.123456789
    assert (await rows(tenants, tables.limits))[0]["max_call_nano"] == 1


async def test_changes_take_the_place_of_what_was_and_keep_what_was_spent(tenants):
    key = await made(tenants, **EXAMPLE)
    [budget] = key["budgets"]
    tenants.spent[f"{budget['id']}:money:total"] = 4_000_000
    path = f"{KEYS}/{key['id']}"
    changed = await tenants.json(
        "admin", "PATCH", path, {"budget": {"usd": 0.02, "window": "total"}, "limits": None, "models": []}
    )
    [after] = changed["budgets"]
    assert (after["id"], after["usd"], after["spent_usd"], after["left_usd"]) == (
        budget["id"],
        0.02,
        0.004,
        0.016,
    )
    assert (after["percent"], changed["limits"], changed["models"]) == (20.0, [], [])
    assert after["tz"] == "UTC"  # what is not said is as in a new one
    named = {"id": budget["id"], "usd": 3, "window": "month"}
    both = await tenants.json("admin", "PATCH", path, {"budgets": [{"usd": 1, "window": "total"}, named]})
    assert {(b["usd"], b["window"], b["id"] == budget["id"]) for b in both["budgets"]} == {
        (1.0, "total", False),
        (3.0, "month", True),
    }
    status, error = await tenants.error("admin", "PATCH", path, {"budget": {"id": "bud_none", "usd": 1}})
    assert (status, error["code"]) == (404, "budget_not_found")


async def test_disable_enable_revoke(tenants):
    key = await made(tenants)
    path = f"{KEYS}/{key['id']}"
    for verb, state in (("disable", "disabled"), ("enable", "active")):
        assert (await tenants.json("admin", "POST", f"{path}/{verb}"))["state"] == state
        if state == "disabled":
            with pytest.raises(CallError, match="disabled"):
                tenants.find(key["key"])
        else:
            assert tenants.find(key["key"])
    ended = await tenants.json("admin", "DELETE", path)
    assert (ended["state"], ended["revoked"] is not None) == ("revoked", True)
    again = await tenants.json("admin", "DELETE", path)
    assert (again["state"], again["revoked"]) == ("revoked", ended["revoked"])
    with pytest.raises(CallError, match="revoked"):
        tenants.find(key["key"])
    status, error = await tenants.error("admin", "POST", f"{path}/enable")
    assert (status, error["code"]) == (409, "key_revoked")
    status, _ = await tenants.error("admin", "POST", f"{path}/rotate")
    assert status == 409


async def test_rotation_gives_a_new_key_and_ends_the_old_one_after_the_overlap(tenants):
    key = await made(tenants, **EXAMPLE, labels={"a": "b"})
    path = f"{KEYS}/{key['id']}"
    fresh = await tenants.json("admin", "POST", f"{path}/rotate", {"overlap_hours": 0.5})
    assert fresh["key"] != key["key"]
    same = ("name", "models", "labels", "budgets", "project", "member")
    assert {n: fresh[n] for n in same if n != "budgets"} == {n: key[n] for n in same if n != "budgets"}
    assert fresh["budgets"][0]["id"] == key["budgets"][0]["id"]
    old = await tenants.json("admin", "GET", path)
    assert (old["next"], old["state"], old["budgets"]) == (fresh["id"], "active", [])
    assert tenants.find(key["key"]).expires < float("inf")
    gates = [tenants.find(secret).rules.gates("openai/x", "", 1.8e9) for secret in (key["key"], fresh["key"])]
    assert gates[0] == gates[1] != ()
    status, error = await tenants.error("admin", "POST", f"{path}/rotate")
    assert (status, error["code"]) == (409, "key_rotated")
    last = await tenants.json("admin", "POST", f"{KEYS}/{fresh['id']}/rotate", {"overlap_hours": 0})
    with pytest.raises(CallError, match="expired"):
        tenants.find(fresh["key"])
    assert tenants.find(last["key"]).id == last["id"]


async def test_the_list_is_paged_and_filtered(tenants):
    project = await tenants.json("admin", "POST", "/api/v1/projects", {"name": "demo"})
    for n in range(5):
        await made(tenants, name=f"key {n}", project="demo" if n % 2 else None, member=None)
    await made(tenants, "developer", name="mine")
    names, cursor = [], ""
    while True:
        page = await tenants.json("viewer", "GET", f"{KEYS}?limit=2{cursor}")
        names += [key["name"] for key in page["data"]]
        assert len(page["data"]) <= 2
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(names) == sorted([*(f"key {n}" for n in range(5)), "mine"])
    found = await tenants.json("viewer", "GET", f"{KEYS}?project=demo")
    assert {key["project"] for key in found["data"]} == {project["id"]}
    assert {key["project_name"] for key in found["data"]} == {"demo"}
    found = await tenants.json("viewer", "GET", f"{KEYS}?member=mem_ws_main_developer")
    assert [key["name"] for key in found["data"]] == ["mine"]
    for wrong in ("limit=0", "limit=501", "cursor=xx"):
        assert (await tenants.error("viewer", "GET", f"{KEYS}?{wrong}"))[0] == 400


async def test_a_developer_has_keys_of_their_own_alone(tenants):
    mine = await made(tenants, "developer", limits={"rpm": 5})
    assert mine["member"] == "mem_ws_main_developer"
    service = await made(tenants, "admin", member=None)
    assert service["member"] is None
    assert (await made(tenants, "admin"))["member"] == "mem_ws_main_admin"
    for fields in ({"member": None}, {"member": "mem_ws_main_viewer"}):
        status, _ = await tenants.error("developer", "POST", KEYS, {"name": "x", **fields})
        assert status == 403
    path = f"{KEYS}/{service['id']}"
    for method, at, body in (
        ("PATCH", path, {"name": "mine now"}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate", None),
        ("POST", f"{path}/disable", None),
    ):
        assert (await tenants.error("developer", method, at, body))[0] == 403
    changed = await tenants.json("developer", "PATCH", f"{KEYS}/{mine['id']}", {"limits": {"rpm": 7}})
    assert changed["limits"][0]["rpm"] == 7
    assert (await tenants.json("admin", "DELETE", f"{KEYS}/{mine['id']}"))["state"] == "revoked"


async def test_what_an_admin_bounds_a_members_key_by_the_member_does_not_lift(tenants):
    key = await made(tenants, "admin", member="mem_ws_main_developer", limits={"rpm": 5}, models=["a/*"])
    path = f"{KEYS}/{key['id']}"
    for body in (
        {"limits": None},
        {"budget": {"usd": 5}},
        {"models": []},
        {"expires": "2999-01-01T00:00:00Z"},
    ):
        status, _ = await tenants.error("developer", "PATCH", path, body)
        assert status == 403
    renamed = await tenants.json("developer", "PATCH", path, {"name": "mine", "models": ["a/*"]})
    assert (renamed["name"], renamed["limits"][0]["rpm"]) == ("mine", 5)
    fresh = await tenants.json("developer", "POST", f"{path}/rotate")
    status, _ = await tenants.error("developer", "PATCH", f"{KEYS}/{fresh['id']}", {"limits": None})
    assert status == 403  # a rotation changes nothing of that


async def test_viewers_and_billing_make_no_keys(tenants):
    for role in ("viewer", "billing"):
        with pytest.raises(PermissionDenied):
            await tenants.ask(role, "POST", KEYS, {"name": "x"})


async def test_another_workspaces_key_is_not_there(tenants):
    key = await made(tenants)
    path = f"{KEYS}/{key['id']}"
    for method, at in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/rotate"),
        ("POST", f"{path}/disable"),
        ("POST", f"{path}/enable"),
    ):
        body = {"name": "x"} if method == "PATCH" else None
        theirs = await tenants.ask("other owner", method, at, body)
        nobodys = await tenants.ask("other owner", method, at.replace(key["id"], "key_none"), body)
        assert (theirs.status_code, theirs.text) == (404, nobodys.text)
    assert (await tenants.json("other owner", "GET", KEYS))["data"] == []
    assert tenants.find(key["key"]) is not None


async def test_every_change_is_in_the_audit_log(tenants):
    key = await made(tenants, limits={"rpm": 1})
    path = f"{KEYS}/{key['id']}"
    await tenants.json("admin", "PATCH", path, {"name": "other", "limits": {"rpm": 2}})
    await tenants.json("admin", "DELETE", path)
    lines = await rows(tenants, tables.audit)
    assert [line["action"] for line in lines if line["actor"] == "usr_ws_main_admin"] == [
        "key.create",
        "limit.create",
        "key.update",
        "limit.update",
        "key.revoke",
    ]
    update = next(line for line in lines if line["action"] == "key.update")
    assert (update["before"]["name"], update["after"]["name"]) == ("bench", "other")
    assert (update["workspace"], update["actor_kind"], update["request_id"]) == ("ws_main", "user", "req-1")
    assert update["before"]["hash"] == "***"


async def test_a_key_of_an_archived_project_cannot_be_made(tenants):
    project = await tenants.json("admin", "POST", "/api/v1/projects", {"name": "demo"})
    await tenants.json("admin", "POST", f"/api/v1/projects/{project['id']}/archive")
    status, error = await tenants.error("admin", "POST", KEYS, {"name": "x", "project": "demo"})
    assert (status, error["code"]) == (409, "project_archived")
