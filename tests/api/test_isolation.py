"""Two tenants: another one's ids are as unknown as those that nobody has, in text, in headers and in work."""

import re

import orjson
import pytest
from sqlalchemy import event
from tests.api.office import Caller

from xroute.store import tables
from xroute.store.db import now_ms
from xroute.web.access import OPERATOR, PUBLIC, TABLE

# No tenant's ids: a link's code is a secret of its own, an issuer's name and a month are everybody's.
NO_IDS = {"GET /api/v1/auth/link/{code}", "GET /api/v1/invoices/{month}"}
LINES = [
    line
    for line, access in TABLE.items()
    if "{" in line and access is not PUBLIC and access is not OPERATOR and line not in NO_IDS
]
BODIES = {
    "PATCH /api/v1/members/{id}": {"role": "viewer"},
    "PATCH /api/v1/workspaces/{id}": {"name": "n"},
    "PATCH /api/v1/projects/{id}": {"name": "n"},
    "PATCH /api/v1/keys/{id}": {"name": "n"},
    "POST /api/v1/keys/{id}/rotate": {},
    "PATCH /api/v1/limits/{id}": {"rpm": 5},
    "PATCH /api/v1/budgets/{id}": {"usd": 5},
    "PATCH /api/v1/credentials/{id}": {"name": "n"},
    "POST /api/v1/credentials/{id}/confirm": {"host": "api.openai.com"},
}


@pytest.fixture
async def office(whole, database_url):
    async with whole(database_url) as office:
        yield office


async def belongings(office, caller) -> dict[str, str]:
    """One of each thing that a tenant can have: its id by the part of the address that names its kind."""
    me = (await caller.get("/api/v1/me")).json
    workspace = me["workspace"]

    async def made(path, body):
        answer = await caller.post(path, body)
        assert answer.status == 201, answer.body
        return answer.json["id"]

    key = await made("/api/v1/keys", {"name": "k"})
    row = {"workspace": workspace, "at": now_ms(), "kind": "budget", "ref": f"r-{workspace}", "text": "t"}
    await office.put(tables.alerts, **row)
    [alert] = [row["id"] for row in await office.rows(tables.alerts) if row["workspace"] == workspace]
    credential = {"id": f"cred_{workspace}", "workspace": workspace, "provider": "openai", "name": "c"}
    sealed = {"host": "api.openai.com", "sealed": b"x", "master": "m", "shown": "***", "created": 1}
    await office.put(tables.credentials, **credential, **sealed)
    await office.put(tables.calls, **call(f"req-{workspace}", workspace))
    return {
        "sessions": (await caller.get("/api/v1/me/sessions")).json["data"][0]["id"],
        "members": (await caller.get("/api/v1/members")).json["data"][0]["id"],
        "invitations": await made("/api/v1/invitations", {"email": "i@example.com", "role": "viewer"}),
        "tokens": await made("/api/v1/tokens", {"name": "t", "role": "viewer"}),
        "workspaces": workspace,
        "projects": await made("/api/v1/projects", {"name": "p"}),
        "keys": key,
        "limits": await made("/api/v1/limits", {"scope": "key", "subject": key, "rpm": 5}),
        "budgets": await made("/api/v1/budgets", {"scope": "key", "subject": key, "usd": 5}),
        "credentials": credential["id"],
        "alerts": str(alert),
        "calls": f"req-{workspace}",
    }


def call(id_, workspace):
    """A row of calls with nothing in it but whose it is."""
    row = {}
    for column in tables.calls.c:
        if not column.nullable:
            row[column.name] = "" if column.type.python_type is str else 0
    now = now_ms()
    return row | {"id": id_, "workspace": workspace, "at": now, "day": now // 86_400_000, "stream": False} | {
        "estimated": False, "byok": False, "attempts": "[]",
    }  # fmt: skip


def unknown(id_: str) -> str:
    """An id of the same form that nobody has."""
    if id_.isdecimal():
        return str(int(id_) + 100_000)
    return re.sub(r"[0-9a-f]$", lambda last: "0" if last.group() != "0" else "1", id_)


class Watch:
    """Every statement that is sent to the database."""

    def __init__(self, db) -> None:
        self.statements = []
        event.listen(db.engine.sync_engine, "before_cursor_execute", self._saw)

    def _saw(self, connection, cursor, statement, parameters, context, executemany):
        self.statements.append(statement)

    async def during(self, asked):
        self.statements.clear()
        return await asked, list(self.statements)


def told(answer, id_: str):
    """Status, headers and body without what differs in every answer, the id that was asked for among it."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    body = orjson.loads(answer.body)
    body["error"]["metadata"].pop("request_id")
    text = orjson.dumps(body).decode()
    headers.pop("content-length")
    return answer.status, headers, text.replace(id_, "<id>")


async def test_another_tenants_ids_are_as_unknown_as_nobodys(office):
    owner, stranger = await office.sign_up("ana@example.com"), await office.sign_up("eve@example.com")
    theirs = await belongings(office, owner)
    own = await belongings(office, stranger)
    watch = Watch(office.db)
    wrong = []
    for line in LINES:
        method, template = line.split(" ")
        kind = template.partition("/{")[0].rpartition("/")[2]
        seen = []
        for id_ in (theirs[kind], unknown(theirs[kind])):
            path = re.sub(r"\{\w+\}", id_, template)
            answer, statements = await watch.during(stranger.ask(method, path, BODIES.get(line)))
            seen.append((*told(answer, id_), statements))
        if seen[0] != seen[1] or seen[0][0] != 404:
            wrong.append((line, seen))
    assert wrong == []
    assert await belongings_are_whole(owner, theirs) and await belongings_are_whole(stranger, own)


async def belongings_are_whole(caller: Caller, things: dict[str, str]) -> bool:
    """Whether everything is as it was."""
    for kind in ("members", "projects", "keys", "limits", "budgets", "credentials", "workspaces"):
        answer = await caller.get(f"/api/v1/{kind}/{things[kind]}")
        assert answer.status == 200, (kind, answer.body)
    tokens = (await caller.get("/api/v1/tokens")).json["data"]
    assert [row["revoked"] for row in tokens] == [None]
    return True


async def test_another_tenants_workspace_is_as_unknown_as_nobodys(office):
    """By header and by query, for people and for programs, on every route that is in a workspace."""
    owner, stranger = await office.sign_up("ana@example.com"), await office.sign_up("eve@example.com")
    theirs = (await owner.get("/api/v1/me")).json["memberships"][0]
    program = await office.program(stranger, "owner")
    await program.get("/api/v1/me")  # when it was used is noted now, and not again for a minute
    watch = Watch(office.db)
    for caller in (stranger, program):
        for known, other in (
            (theirs["workspace"], unknown(theirs["workspace"])),
            (theirs["slug"], unknown(theirs["slug"])),
            ("main", "mainz"),
        ):
            for path in ("/api/v1/members", "/api/v1/keys", "/api/v1/me", "/api/v1/audit"):
                seen = []
                for wanted in (known, other):
                    by_header, work = await watch.during(caller.get(path, x_xroute_workspace=wanted))
                    by_query, again = await watch.during(caller.get(f"{path}?workspace={wanted}"))
                    assert told(by_header, wanted) == told(by_query, wanted)
                    assert work == again
                    seen.append((*told(by_header, wanted), work))
                assert seen[0] == seen[1]
                assert seen[0][0] == 404


async def test_no_list_shows_anything_of_another_tenant(office):
    owner, stranger = await office.sign_up("ana@example.com"), await office.sign_up("eve@example.com")
    theirs = await belongings(office, owner)
    marks = [*theirs.values(), "ana@example.com"]
    lists = [
        line.split(" ")[1]
        for line, access in TABLE.items()
        if line.startswith("GET /api/v1")
        and "{" not in line
        and access is not PUBLIC
        and access is not OPERATOR
    ]
    for path in lists:
        answer = await stranger.get(path)
        shown = answer.body.decode()
        assert answer.status < 500, (path, answer.body)  # some need more, or a key, or a setting
        assert [mark for mark in marks if len(mark) > 3 and mark in shown] == [], path


async def test_another_tenants_responses_and_calls_are_as_unknown_as_nobodys(office):
    """On the data plane, whose routes take ids too."""
    clients = []
    for email in ("ana@example.com", "eve@example.com"):
        owner = await office.sign_up(email)
        workspace = (await owner.get("/api/v1/me")).json["workspace"]
        await office.operator().patch(f"/api/v1/workspaces/{workspace}", {"plan": "unmetered"})
        made = await owner.post("/api/v1/keys", {"name": "k"})
        clients.append(Caller(office.app, made.json["key"]))
    await office.app.parts.directory.refresh()
    ana, eve = clients
    kept = await ana.post("/v1/responses", {"model": "gpt-4o", "input": "Hi"})
    assert kept.status == 200, kept.body
    response, call_id = kept.json["id"], kept.headers["x-request-id"]
    asked = [
        ("GET", "/v1/responses/{}", response),
        ("GET", "/v1/responses/{}/input_items", response),
        ("POST", "/v1/responses/{}/cancel", response),
        ("DELETE", "/v1/responses/{}", response),
        ("GET", "/v1/generation?id={}", call_id),
    ]
    for method, path, id_ in asked:
        seen = [told(await eve.ask(method, path.format(each)), each) for each in (id_, unknown(id_))]
        assert seen[0] == seen[1] and seen[0][0] == 404, path
    follow = {"model": "gpt-4o", "input": "And?", "previous_response_id": response}
    assert (await eve.post("/v1/responses", follow)).error["code"] == "previous_response_not_found"
    assert (await ana.get(f"/v1/responses/{response}")).status == 200
