"""Projects and workspaces over the management API."""

import pytest
from sqlalchemy import select
from tests.unit.web.tenants import Tenants, tenants_of

from xroute.config.load import load
from xroute.errors import CallError, PermissionDenied
from xroute.store import tables
from xroute.store.gitops import declare
from xroute.store.keys import Keys, Wish

PROJECTS, SPACES, KEYS = "/api/v1/projects", "/api/v1/workspaces", "/api/v1/keys"


@pytest.fixture
async def tenants(database, app) -> Tenants:
    return await tenants_of(database, app.scene.fleet)


async def test_a_project_with_limits_and_budgets_is_made_shown_and_changed(tenants):
    body = {"name": "demo", "route": "fast", "limits": {"rpm": 5}, "budget": {"usd": 2}}
    project = await tenants.json("admin", "POST", PROJECTS, body)
    path = f"{PROJECTS}/{project['id']}"
    assert (project["name"], project["route"], project["archived"]) == ("demo", "fast", None)
    assert (project["limits"][0]["rpm"], project["budgets"][0]["usd"]) == (5, 2.0)
    assert await tenants.json("viewer", "GET", path) == project
    assert await tenants.json("viewer", "GET", PROJECTS) == {"data": [project], "next": None}
    changed = await tenants.json("admin", "PATCH", path, {"name": "other", "limits": {"rpm": 6}})
    assert (changed["name"], changed["route"], changed["limits"][0]["rpm"]) == ("other", "fast", 6)
    assert changed["limits"][0]["id"] == project["limits"][0]["id"]
    assert changed["budgets"] == project["budgets"]


async def test_a_projects_name_is_its_own(tenants):
    await tenants.json("admin", "POST", PROJECTS, {"name": "demo"})
    status, error = await tenants.error("admin", "POST", PROJECTS, {"name": "demo"})
    assert (status, error["code"]) == (409, "project_exists")
    await tenants.json("other admin", "POST", PROJECTS, {"name": "demo"})
    second = await tenants.json("admin", "POST", PROJECTS, {"name": "second"})
    status, _ = await tenants.error("admin", "PATCH", f"{PROJECTS}/{second['id']}", {"name": "demo"})
    assert status == 409
    for name in ("", " ", "x" * 201, "a\nb"):
        assert (await tenants.error("admin", "POST", PROJECTS, {"name": name}))[0] == 400


async def test_keys_of_an_archived_project_are_refused_until_it_is_restored(tenants):
    project = await tenants.json("admin", "POST", PROJECTS, {"name": "demo"})
    key = await tenants.json("admin", "POST", KEYS, {"name": "k", "project": "demo"})
    archived = await tenants.json("admin", "POST", f"{PROJECTS}/{project['id']}/archive")
    assert archived["archived"] is not None
    with pytest.raises(CallError, match="archived"):
        tenants.find(key["key"])
    assert await tenants.json("admin", "POST", f"{PROJECTS}/{project['id']}/archive") == archived
    await tenants.json("admin", "POST", f"{PROJECTS}/{project['id']}/restore")
    assert tenants.find(key["key"]) is not None


async def test_another_workspaces_project_is_not_there(tenants):
    project = await tenants.json("admin", "POST", PROJECTS, {"name": "demo"})
    for method, end in (("GET", ""), ("PATCH", ""), ("POST", "/archive"), ("POST", "/restore")):
        body = {"name": "x"} if method == "PATCH" else None
        theirs = await tenants.ask("other owner", method, f"{PROJECTS}/{project['id']}{end}", body)
        nobodys = await tenants.ask("other owner", method, f"{PROJECTS}/none{end}", body)
        assert (theirs.status_code, theirs.text) == (404, nobodys.text)
    status, error = await tenants.error("other owner", "POST", KEYS, {"name": "k", "project": project["id"]})
    assert (status, error["param"]) == (404, "project")


async def test_what_the_config_declares_is_changed_there_alone(tenants, tmp_path):
    path = tmp_path / "xroute.yaml"
    path.write_text(
        "workspaces: [{slug: acme}]\nprojects: [{name: demo, budget: {usd: 1}}]\n"
        "keys: [{name: bench, key: sk-bench-0123456789abcdef, project: demo, limits: {rpm: 5}}]\n"
    )
    await declare(tenants.db, load(path, {"HOME": str(tmp_path)}).settings, b"p" * 32)
    [key] = (await tenants.json("viewer", "GET", KEYS))["data"]
    [project] = (await tenants.json("viewer", "GET", PROJECTS))["data"]
    space = await tenants.json("operator", "GET", f"{SPACES}/acme")
    assert key["managed"] and project["managed"] and space["managed"]
    for method, at, body in (
        ("PATCH", f"{KEYS}/{key['id']}", {"name": "x"}),
        ("DELETE", f"{KEYS}/{key['id']}", None),
        ("POST", f"{KEYS}/{key['id']}/rotate", None),
        ("POST", f"{KEYS}/{key['id']}/disable", None),
        ("PATCH", f"{PROJECTS}/{project['id']}", {"name": "x"}),
        ("POST", f"{PROJECTS}/{project['id']}/archive", None),
        ("PATCH", f"/api/v1/limits/{key['limits'][0]['id']}", {"rpm": 6}),
        ("DELETE", f"/api/v1/limits/{key['limits'][0]['id']}", None),
        ("PATCH", f"/api/v1/budgets/{project['budgets'][0]['id']}", {"usd": 6}),
        ("DELETE", f"/api/v1/budgets/{project['budgets'][0]['id']}", None),
        ("PATCH", f"{SPACES}/{space['id']}", {"plan": "prepaid"}),
        ("POST", f"{SPACES}/{space['id']}/close", None),
    ):
        status, error = await tenants.error("operator", method, at, body)
        assert (status, error["code"], error["message"]) == (
            409,
            "managed",
            "This is declared in xroute.yaml: change it there.",
        ), at


async def test_everybody_sees_their_own_workspaces_and_operators_all(tenants):
    mine = await tenants.json("viewer", "GET", SPACES)
    assert [space["slug"] for space in mine["data"]] == ["main"]
    everyone = await tenants.json("operator", "GET", SPACES)
    assert {space["slug"] for space in everyone["data"]} == {"main", "other"}
    for wanted in ("ws_main", "main"):
        assert (await tenants.json("viewer", "GET", f"{SPACES}/{wanted}"))["id"] == "ws_main"
    theirs = await tenants.ask("viewer", "GET", f"{SPACES}/ws_other")
    nobodys = await tenants.ask("viewer", "GET", f"{SPACES}/ws_none")
    assert (theirs.status_code, theirs.text) == (404, nobodys.text)


async def test_operators_make_price_and_close_workspaces(tenants):
    body = {"slug": "acme", "name": "Acme", "plan": "postpaid", "credit_line_usd": 5, "markup": 1.25}
    answer = await tenants.ask("operator", "POST", SPACES, body)
    assert answer.status_code == 201
    space = answer.json()
    shown = {name: space[name] for name in body}
    assert shown == body | {"credit_line_usd": 5.0}
    status, error = await tenants.error("operator", "POST", SPACES, {"slug": "acme"})
    assert (status, error["code"]) == (409, "slug_taken")
    path = f"{SPACES}/{space['id']}"
    changed = await tenants.json("operator", "PATCH", path, {"plan": "prepaid", "markup": "0.9"})
    assert (changed["plan"], changed["markup"], changed["name"]) == ("prepaid", 0.9, "Acme")
    keys = Keys(tenants.db, b"p" * 32)
    _, secret = await keys.create(tenants.actor("operator"), space["id"], Wish("k"))
    await tenants.directory.refresh()
    assert tenants.find(secret).markup_ppm == 900_000
    closed = await tenants.json("operator", "POST", f"{path}/close")
    assert closed["closed"] is not None
    with pytest.raises(CallError, match="closed"):
        tenants.find(secret)
    await tenants.json("operator", "POST", f"{path}/open")
    assert tenants.find(secret) is not None
    status, error = await tenants.error("operator", "POST", f"{SPACES}/ws_main/close")
    assert (status, error["code"]) == (409, "workspace_main")


async def test_an_owner_names_a_workspace_and_says_nothing_about_its_price(tenants):
    path = f"{SPACES}/ws_main"
    assert (await tenants.json("owner", "PATCH", path, {"name": "Ours"}))["name"] == "Ours"
    for body in ({"plan": "unmetered"}, {"credit_line_usd": 100}, {"markup": 0.01}):
        status, error = await tenants.error("owner", "PATCH", path, body)
        assert (status, error["code"]) == (403, "operators_only")
    status, _ = await tenants.error("owner", "PATCH", f"{SPACES}/ws_other", {"name": "Mine"})
    assert status == 404
    for role in ("admin", "developer", "viewer", "billing"):
        with pytest.raises(PermissionDenied):
            await tenants.ask(role, "PATCH", path, {"name": "x"})
    for method, at in (("POST", SPACES), ("POST", f"{path}/close"), ("POST", f"{path}/open")):
        with pytest.raises(PermissionDenied):
            await tenants.ask("owner", method, at, {"slug": "x"})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"slug": "A b"}, "slug"),
        ({"slug": "x" * 61}, "slug"),
        ({"slug": "a", "plan": "free"}, "plan"),
        ({"slug": "a", "markup": 0}, "markup"),
        ({"slug": "a", "markup": 101}, "markup"),
        ({"slug": "a", "markup": 1.0000001}, "markup"),
        ({"slug": "a", "credit_line_usd": -1}, "credit_line_usd"),
        ({"slug": "a", "name": "a\nb"}, "name"),
    ],
)
async def test_a_workspace_that_cannot_be_is_an_error_that_names_the_field(tenants, body, param):
    status, error = await tenants.error("operator", "POST", SPACES, body)
    assert (status, error["param"]) == (400, param)


async def test_a_price_is_in_the_audit_log_with_what_it_was_before(tenants):
    await tenants.json("operator", "PATCH", f"{SPACES}/ws_main", {"markup": 1.5})
    async with tenants.db.read() as connection:
        query = select(tables.audit).where(tables.audit.c.action == "workspace.update")
        [line] = (await connection.execute(query)).mappings().all()
    assert (line["before"]["markup_ppm"], line["after"]["markup_ppm"]) == (1_000_000, 1_500_000)
    assert (line["actor_kind"], line["target"], line["workspace"]) == ("admin_token", "ws_main", "ws_main")
