"""The edge decides before anything is read, by the table alone, whatever a request says of itself."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.api.office import ADMIN_TOKEN, Caller
from tests.unit.web.dialogue import request

from xroute.config.secret import Secret
from xroute.errors import ServerError
from xroute.store import tables
from xroute.web.access import ANYONE, KEY, PUBLIC, TABLE
from xroute.web.api.context import check_route

ROLES = ("owner", "admin", "developer", "viewer", "billing")
MANAGED = {line: access for line, access in TABLE.items() if access not in (PUBLIC, KEY)}
STRANGERS = [
    {},
    {"authorization": "Bearer xrt-unknown"},
    {"authorization": "Bearer"},
    {"authorization": f"Basic {ADMIN_TOKEN}"},
    {"authorization": f"Bearer {ADMIN_TOKEN}x"},
    {"authorization": f"Bearer {ADMIN_TOKEN[:-1]}"},
    {"authorization": f"Bearer {'x' * 600}"},
    {"authorization": "Bearer sk-bench"},  # a client's key, which is known
    {"x-api-key": ADMIN_TOKEN},
    {"cookie": "xroute_session=unknown"},
    {"cookie": "xroute_session="},
]


@pytest.fixture
async def firm(whole, sqlite_url):
    """An office, somebody with a workspace there, and a program of each role in it."""
    async with whole(sqlite_url, "keys: [{name: bench, key: sk-bench}]\n") as office:
        boss = await office.sign_up("boss@example.com")
        programs = {role: await office.program(boss, role) for role in ROLES}
        yield office, boss, programs


def full(template):
    return re.sub(r"\{\w+\}", "none_of_this_id", template)


async def test_without_a_credential_nothing_is_read_and_nothing_is_told(firm):
    office, _, _ = firm
    for line in MANAGED:
        method, template = line.split(" ")
        for headers in STRANGERS:
            sent = []

            async def receive():
                raise AssertionError("the body of a stranger was read")

            async def send(message, sent=sent):
                sent.append(message)

            headers = {"x-xroute-csrf": "1"} | headers  # noqa: PLW2901
            await office.app(request(method, full(template), headers), receive, send)
            assert sent[0]["status"] == 401, (line, headers)
            assert (b"www-authenticate", b"Bearer") in sent[0]["headers"]
            assert ADMIN_TOKEN.encode() not in sent[1]["body"]


async def test_every_route_is_for_its_roles_and_no_other(firm):
    office, _, programs = firm
    for line, access in MANAGED.items():
        method, template = line.split(" ")
        for role, program in programs.items():
            sent = await program.ask(method, full(template), b"no json")
            is_refused = sent.status == 403 and sent.error["code"] == "role_missing"
            assert is_refused == (access is not ANYONE and role not in access), (line, role, sent.body)
            if is_refused:
                assert sent.error["metadata"]["needs"] == sorted(access)
        [as_operator] = [await office.operator().ask(method, full(template), b"no json")]
        assert as_operator.status not in (401, 403) or as_operator.error["code"] == "not_a_person", line


async def test_a_management_token_is_no_clients_key(firm):
    _, _, programs = firm
    answer = await programs["owner"].get("/v1/models")
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


TRICKS = [
    "/api/v1/members/",
    "//api/v1/members",
    "/api//v1/members",
    "/api/v1//members",
    "/api/v1/members/x/",
    "/api/v1/members//",
    "/api/v1/members/x/y",
    "/API/v1/members",
    "/api/v1/Members",
    "/api/v1/members;a=b",
    "/api/v1/members\x00",
    "/api/v1/members\n",
    "/api/v1/members ",
    "/api/v1/./members",
    "/api/v1/auth/../members",
    "/api/v1/auth/sign-in/../../members",
    "/openai/api/v1/members",
    "/openai/v1/members",
    "/v1/members",
    "/api/v1",
    "/api/v1/",
    "/api/v1/installation",
    "/docs",
    "/redoc",
]


@pytest.mark.parametrize("path", TRICKS)
async def test_a_path_is_what_it_is(office, path):
    for caller in (office.nobody(), office.operator()):
        answer = await caller.get(path)
        assert (answer.status, answer.error["code"]) == (404, "unknown_url")


LIES = [
    {"host": "localhost/api/v1/auth/sign-in?x="},
    {"host": "localhost/healthz?"},
    {"host": "localhost/healthz#"},
    {"host": "localhost:8790\\@evil.example"},
    {"host": ""},
    {"host": "x", "x-forwarded-host": "x", "x-forwarded-prefix": "/healthz", "x-forwarded-for": "127.0.0.1"},
    {"x-original-url": "/healthz", "x-rewrite-url": "/healthz", "x-http-method-override": "GET"},
    {"forwarded": "for=127.0.0.1;host=localhost"},
]


@pytest.mark.parametrize("headers", LIES, ids=str)
async def test_no_header_makes_a_path_another_one(office, headers):
    """CVE-2026-48710: what is decided on `request.url` is decided on the Host header."""
    caller = Caller(office.app, headers=headers)
    for path in ("/api/v1/members", "/api/v1/installation/users", "/api/v1/me"):
        answer = await caller.get(path)
        assert (answer.status, answer.error["code"]) == (401, "missing_token")
        assert "evil" not in answer.body.decode()
    known = Caller(office.app, ADMIN_TOKEN, headers=headers)
    assert (await known.get("/api/v1/members")).status == 200


async def test_head_and_wrong_methods_are_decided_like_the_others(office):
    operator = office.operator()
    assert (await operator.ask("HEAD", "/api/v1/members")).status == 200
    assert (await office.nobody().ask("HEAD", "/api/v1/members")).status == 401
    for method in ("POST", "PUT", "PATCH", "OPTIONS", "TRACE", "get"):
        answer = await operator.ask(method, "/api/v1/members")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    both = await operator.ask("PUT", "/api/v1/members/x")
    assert both.headers["allow"] == "GET, PATCH, DELETE, HEAD"


def test_another_route_than_the_edge_let_in_is_never_run():
    scope = {"route": SimpleNamespace(path="/api/v1/members/{id}"), "state": {"route": "GET /api/v1/members"}}
    with pytest.raises(ServerError):
        check_route(SimpleNamespace(method="GET", scope=scope))


# In which workspace.


async def test_who_runs_the_installation_acts_in_the_main_workspace_or_in_the_one_they_name(firm):
    office, boss, _ = firm
    operator = office.operator()
    place = (await boss.get("/api/v1/me")).json["memberships"][0]
    assert (await operator.get("/api/v1/members")).json["data"] == []
    for named in (place["workspace"], place["slug"]):
        by_header = await operator.get("/api/v1/members", x_xroute_workspace=named)
        by_query = await operator.get(f"/api/v1/members?workspace={named}")
        assert [row["email"] for row in by_header.json["data"]] == ["boss@example.com"]
        assert by_query.json == by_header.json
    assert (await operator.get("/api/v1/me")).json["workspace"] is None
    assert (await operator.get("/api/v1/members", x_xroute_workspace="nowhere")).status == 404


async def test_somebody_in_several_workspaces_says_which(firm):
    office, boss, _ = firm
    ana = await office.sign_up("ana@example.com", "Own")
    code = (await boss.post("/api/v1/invitations", {"email": "ana@example.com", "role": "viewer"})).json[
        "code"
    ]
    joined = (await ana.post("/api/v1/me/invitations", {"code": code})).json["workspace"]
    answer = await ana.get("/api/v1/members")
    assert (answer.status, answer.error["code"]) == (400, "workspace_missing")
    me = (await ana.get("/api/v1/me")).json
    assert (me["workspace"], {place["role"] for place in me["memberships"]}) == (None, {"owner", "viewer"})
    assert len((await ana.get("/api/v1/members", x_xroute_workspace=joined)).json["data"]) == 2
    # The role is that of the workspace which is named.
    refused = await ana.get("/api/v1/tokens", x_xroute_workspace=joined)
    assert (refused.status, refused.error["code"]) == (403, "role_missing")
    [own] = [place["slug"] for place in me["memberships"] if place["role"] == "owner"]
    assert (await ana.get("/api/v1/tokens", x_xroute_workspace=own)).status == 200


async def test_a_program_is_in_its_own_workspace_alone(firm):
    _, boss, programs = firm
    place = (await boss.get("/api/v1/me")).json["memberships"][0]
    program = programs["viewer"]
    assert (await program.get("/api/v1/members", x_xroute_workspace=place["slug"])).status == 200
    for other in ("main", "ws_main", "nowhere", "%", "é", "x" * 200, "a\x00b"):
        answer = await program.get("/api/v1/members", x_xroute_workspace=other)
        assert (answer.status, answer.error["code"]) == (404, "workspace_not_found")


async def test_in_a_closed_workspace_nobody_acts_but_who_runs_the_installation(firm):
    office, boss, programs = firm
    workspace = (await boss.get("/api/v1/me")).json["workspace"]
    operator = office.operator()
    assert (await operator.post(f"/api/v1/workspaces/{workspace}/close")).status == 200
    assert (await boss.get("/api/v1/members")).error["code"] == "no_workspace"
    assert (await boss.get("/api/v1/members", x_xroute_workspace=workspace)).status == 404
    assert (await programs["owner"].get("/api/v1/members")).status == 401
    assert (await operator.get("/api/v1/members", x_xroute_workspace=workspace)).status == 200


async def test_an_empty_admin_token_lets_nobody_in(office):
    persons = office.persons
    settings = persons.settings.model_copy(update={"admin_token": Secret("")})
    app = replace(persons, settings=settings).reception()
    office.app.edge._admission = app
    for token in ("", " ", "None"):
        answer = await office.nobody().get("/api/v1/me", authorization=f"Bearer {token}")
        assert answer.status == 401


# Where a request comes from.


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ("[]", "203.0.113.9", "127.0.0.1"),
        ("[127.0.0.0/8]", "203.0.113.9", "203.0.113.9"),
        ("[127.0.0.0/8]", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the first is what the client has said
        ("[127.0.0.0/8, 10.0.0.0/8]", "1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("[127.0.0.0/8]", "nonsense", "127.0.0.1"),
        ("[127.0.0.0/8]", "::ffff:203.0.113.9", "203.0.113.9"),
        ("[127.0.0.0/8]", "", "127.0.0.1"),
        ("[192.0.2.1]", "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_a_proxy_is_believed_if_it_is_named(build, sqlite, trusted, forwarded, address):
    office = await build(sqlite, f"trusted_proxies: {trusted}\n")
    ana = office.nobody()
    ana.headers["x-forwarded-for"] = forwarded
    body = {"email": "ana@example.com", "password": "a horse that counts", "name": "A", "workspace": "W"}
    assert (await ana.post("/api/v1/signup", body)).status == 201
    assert {row["address"] for row in await office.rows(tables.audit)} == {address}


async def test_a_key_is_used_from_its_own_networks_alone(whole, sqlite_url):
    key = "{name: k, key: sk-bound, addresses: [192.0.2.0/24]}"
    async with whole(sqlite_url, f"keys: [{key}]\n") as office:
        client = Caller(office.app, "sk-bound")
        refused = await client.get("/v1/models", x_forwarded_for="192.0.2.7")
        assert (refused.status, refused.error["code"]) == (403, "address_not_allowed")
        client.address = "192.0.2.7"
        assert (await client.get("/v1/models")).status == 200


# What goes wrong.


async def test_with_the_database_away_a_503_says_so(build, postgres_url, closing):
    from xroute.store.db import Database
    from xroute.store.migrate import ready

    db = Database(postgres_url)
    await ready(db)
    office = await build(db)
    ana = await office.sign_up("ana@example.com")
    gone = Database("postgresql://postgres@127.0.0.1:1/nowhere")
    for part in (
        office.persons.people,
        office.persons.sessions,
        office.persons.tokens,
        office.persons.sign_in,
    ):
        part._db = gone
    operator = office.operator()
    asked = [
        await ana.get("/api/v1/me"),  # the edge needs it
        await operator.get("/api/v1/members"),  # the route does
        await office.nobody().post("/api/v1/auth/sign-in", {"email": "ana@example.com", "password": "p"}),
    ]
    for answer in asked:
        assert (answer.status, answer.error["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"] == "5"
        assert "127.0.0.1" not in answer.body.decode()
    await gone.close()
    for close in closing:
        await close()
    await db.close()


async def test_a_fault_is_logged_whole_and_told_without_detail(office, monkeypatch, caplog):
    async def broken(*args):
        raise ZeroDivisionError("the pepper is hunter2")

    monkeypatch.setattr(type(office.persons.people), "members", broken)
    answer = await office.operator().get("/api/v1/members")
    assert (answer.status, answer.error["metadata"]["error_type"]) == (500, "server")
    assert "hunter2" not in answer.body.decode() and "hunter2" in caplog.text
    assert answer.headers["x-request-id"] in caplog.text


@pytest.mark.parametrize("name", ["%00", "a\x00b", "\ufffd", "é" * 90])
async def test_what_no_database_can_hold_is_an_unknown_id(build, database, name):
    office = await build(database)
    answer = await office.operator().get(f"/api/v1/members/{name}")
    assert answer.status in (400, 404), answer.body
