"""Credentials over the management API: who may, what is shown, what a masked value does."""

import secrets

import orjson
import pytest
from sqlalchemy import insert, select
from tests.unit.web.dialogue import ask

from xroute.gateway.byok import Byok
from xroute.store import tables
from xroute.store.audit import SYSTEM
from xroute.store.credentials import Credentials
from xroute.store.db import Database
from xroute.store.directory import Directory
from xroute.store.migrate import ready
from xroute.store.people import People
from xroute.store.sessions import Sessions
from xroute.store.tokens import Tokens
from xroute.store.vault import Vault
from xroute.web.api.app import create_api
from xroute.web.api.services import Services
from xroute.web.auth import Keyring
from xroute.web.bridge import Bridge
from xroute.web.edge import Edge, Management
from xroute.web.peer import Peers
from xroute.web.reception import Reception

MASTER = secrets.token_hex(32)
OWN, SHARED = "/api/v1/credentials", "/api/v1/installation/credentials"
CANARY = "gsk-canary-0123456789abcdef-canary"
GROQ = {"provider": "groq", "name": "main", "secret": CANARY}


class Exchange:
    status = 401

    def close(self) -> None:
        pass


class Wire:
    async def send(self, method, target, body, timeouts):
        return Exchange()

    async def close(self) -> None:
        pass


class Office:
    """The management API with its real reception, and a token for each role."""

    def __init__(self, db, scene, tokens) -> None:
        self.db, self.scene, self._tokens = db, scene, tokens
        self.byok = Byok(scene, Credentials(db, Vault(scene.loaded)), {"https": Wire()})
        services = self.services = object.__new__(Services)  # with those parts that the routes work with
        services.db, services.byok = db, self.byok
        sessions = Sessions(db, b"pepper", 1)
        reception = Reception(People(db, sessions), sessions, Tokens(db, b"pepper"), Peers())
        bridge = Bridge(lambda: create_api(scene.fleet, lambda: 0.0, services), 1024 * 1024)
        self._edge = Edge([], Keyring(b"pepper", Directory()), Management(bridge.handle, reception))

    async def ask(self, who: str, method: str, path: str, body=None, **headers: str):
        sent = b"" if body is None else orjson.dumps(body)
        headers = {"content_type": "application/json"} | headers
        return await ask(self._edge.serve, method, path, sent, key=self._tokens[who], **headers)

    async def rows(self, table):
        async with self.db.read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]


@pytest.fixture
async def office(desk, tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    await ready(db)
    async with db.write() as connection:
        for id_ in ("ws_a", "ws_b"):
            await connection.execute(insert(tables.workspaces).values(id=id_, name=id_, slug=id_, created=1))
    tokens = Tokens(db, b"pepper")
    made = {}
    for name, role, workspace in [
        ("operator", "operator", None),
        *((role, role, "ws_a") for role in ("owner", "admin", "developer", "viewer", "billing")),
        ("other", "owner", "ws_b"),
    ]:
        made[name] = (await tokens.create(SYSTEM, name, role, workspace))[1]
    scene = desk.scene("providers: {groq: {api_key: gsk-of-the-config}}\n", XROUTE_MASTER_KEY=MASTER)
    yield Office(db, scene, made)
    await db.close()


async def test_a_credential_is_stored_and_shown_masked_alone(office):
    answer = await office.ask("admin", "POST", OWN, GROQ | {"weight": 0.5, "fallback": False})
    assert answer.status == 201
    made = answer.json
    assert made == {
        "id": made["id"],
        "provider": "groq",
        "name": "main",
        "host": "https://api.groq.com",
        "shown": "gsk-...nary",
        "weight": 0.5,
        "fallback": False,
        "disabled": False,
        "problem": None,
        "by": "admin",
        "created": made["created"],
        "changed": None,
    }
    assert (await office.ask("owner", "GET", f"{OWN}/{made['id']}")).json == made
    assert (await office.ask("owner", "GET", OWN)).json == {"data": [made], "next": None}


async def test_it_serves_at_once(office):
    made = (await office.ask("admin", "POST", OWN, GROQ)).json
    [group] = office.scene.fleet.lineup("groq/llama-3.3-70b-versatile", "ws_a").groups
    assert group[0].credential.id == made["id"]
    await office.ask("admin", "DELETE", f"{OWN}/{made['id']}")
    [group] = office.scene.fleet.lineup("groq/llama-3.3-70b-versatile", "ws_a").groups
    assert [d.credential.id for d in group] == ["groq/1"]


@pytest.mark.parametrize("who", ["developer", "viewer", "billing", "other"])
async def test_who_may_not_sees_and_changes_nothing(office, who):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    id_ = made["id"]
    told = set()
    for method, path, body in [
        ("GET", f"{OWN}/{id_}", None),
        ("PATCH", f"{OWN}/{id_}", {"name": "x"}),
        ("POST", f"{OWN}/{id_}/confirm", {"host": "https://api.groq.com"}),
        ("POST", f"{OWN}/{id_}/test", None),
        ("DELETE", f"{OWN}/{id_}", None),
    ]:
        answer = await office.ask(who, method, path, body)
        told.add((answer.status, answer.error["message"]))
        if who == "other":
            missing = await office.ask(who, method, path.replace(id_, "cred_" + "0" * 24), body)
            assert (missing.status, missing.error["message"]) in told
    assert {status for status, _ in told} == ({404} if who == "other" else {403})
    assert len(told) == 1
    assert (await office.ask("owner", "GET", OWN)).json["data"] == [made]


@pytest.mark.parametrize("who", ["owner", "admin"])
async def test_those_of_all_are_the_operators_business(office, who):
    made = (await office.ask("operator", "POST", SHARED, GROQ)).json
    assert (await office.ask("operator", "GET", SHARED)).json["data"] == [made]
    assert (await office.ask(who, "GET", SHARED)).status == 403
    assert (await office.ask(who, "GET", f"{OWN}/{made['id']}")).status == 404
    assert (await office.ask(who, "GET", OWN)).json["data"] == []
    [group] = office.scene.fleet.lineup("groq/llama-3.3-70b-versatile", "ws_b").groups
    assert made["id"] in [d.credential.id for d in group]


async def test_what_is_shown_may_be_sent_back_and_changes_nothing(office):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    answer = await office.ask("owner", "PATCH", f"{OWN}/{made['id']}", {"secret": made["shown"], "name": "b"})
    assert (answer.status, answer.json["name"], answer.json["shown"]) == (200, "b", made["shown"])
    found = await office.byok.credentials.find("ws_a", made["id"])
    assert office.byok.credentials.open(found).reveal() == CANARY


async def test_another_masked_value_is_refused(office):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    for body in ({"secret": "***"}, {"secret": "sk-...abcd"}):
        answer = await office.ask("owner", "PATCH", f"{OWN}/{made['id']}", body)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (
            400,
            "secret_masked",
            "secret",
        )


async def test_a_new_secret_is_sent_from_then_on(office):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    await office.ask("owner", "PATCH", f"{OWN}/{made['id']}", {"secret": "gsk-new-0123456789abcdefgh"})
    [group] = office.scene.fleet.lineup("groq/llama-3.3-70b-versatile", "ws_a").groups
    assert dict(group[0].target.headers)["authorization"] == "Bearer gsk-new-0123456789abcdefgh"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "provider"),
        (GROQ | {"provider": "nobody"}, "provider"),
        (GROQ | {"provider": "openai"}, "provider"),
        (GROQ | {"base_url": "https://evil.test"}, "base_url"),
        (GROQ | {"host": "https://evil.test"}, "host"),
        (GROQ | {"secret": ""}, "secret"),
        (GROQ | {"secret": CANARY + "\r\nx-evil: 1"}, "secret"),
        (GROQ | {"secret": CANARY * 1000}, "secret"),
        (GROQ | {"secret": "{" + CANARY}, "secret"),
        (GROQ | {"secret": [CANARY]}, "secret"),
        (GROQ | {"weight": -1}, "weight"),
        (GROQ | {"name": ""}, "name"),
    ],
)
async def test_what_cannot_be_stored_is_told_by_its_field_and_not_repeated(office, body, param):
    answer = await office.ask("owner", "POST", OWN, body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert CANARY[4:-4].encode() not in answer.body


async def test_a_confirmed_host_is_the_providers_own_and_no_other(office):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    answer = await office.ask("owner", "POST", f"{OWN}/{made['id']}/confirm", {"host": "https://evil.test"})
    assert (answer.status, answer.error["code"]) == (400, "host_differs")
    answer = await office.ask("owner", "POST", f"{OWN}/{made['id']}/confirm", {"host": made["host"]})
    assert (answer.status, answer.json["host"]) == (200, made["host"])


async def test_a_test_says_what_the_provider_made_of_it(office):
    made = (await office.ask("owner", "POST", OWN, GROQ)).json
    answer = await office.ask("owner", "POST", f"{OWN}/{made['id']}/test")
    assert answer.json == {"verdict": "refused", "text": "The provider refuses it.", "status": 401}


async def test_without_the_master_key_the_answer_says_what_to_set(office, desk):
    await office.ask("owner", "POST", OWN, GROQ)
    scene = desk.scene("providers: {groq: {api_key: gsk-1}}\n", XROUTE_MASTER_KEY=secrets.token_hex(32))
    later = Office(office.db, scene, office._tokens)
    await later.byok.reload()
    [shown] = (await later.ask("owner", "GET", OWN)).json["data"]
    assert "set master_key (XROUTE_MASTER_KEY)" in shown["problem"]
    answer = await later.ask("owner", "POST", OWN, GROQ)
    assert (answer.status, answer.error["code"]) == (500, "master_key")
    assert "XROUTE_MASTER_KEY_FILE" in answer.error["message"]


async def test_the_secret_is_in_no_answer_log_or_table(office, caplog):
    caplog.set_level("DEBUG")
    answers = [await office.ask("owner", "POST", OWN, GROQ)]
    id_ = answers[0].json["id"]
    for method, path, body in [
        ("GET", OWN, None),
        ("PATCH", f"{OWN}/{id_}", {"secret": CANARY + "-b", "name": "b"}),
        ("PATCH", f"{OWN}/{id_}", {"secret": CANARY + "\n-c"}),
        ("PATCH", f"{OWN}/{id_}", {"secret": CANARY, "unknown": CANARY}),
        ("POST", OWN, GROQ | {"provider": "nobody"}),
        ("POST", f"{OWN}/{id_}/test", None),
        ("POST", f"{OWN}/{id_}/confirm", {"host": "https://api.groq.com"}),
        ("DELETE", f"{OWN}/{id_}", None),
    ]:
        answers.append(await office.ask("owner", method, path, body))
    told = b"".join(answer.body for answer in answers).decode() + caplog.text
    told += repr([await office.rows(table) for table in tables.metadata.sorted_tables])
    assert CANARY[4:-4] not in told
    assert [line["action"] for line in await office.rows(tables.audit) if line["target"] == id_] == [
        "credential.create",
        "credential.change",
        "credential.confirm",
        "credential.delete",
    ]
