"""Stored credentials in a whole gateway: who sends which, to whom, and how soon a change is everywhere."""

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest
from tests.gateway.scripted import answer, completion, error
from tests.gateway.wires import SOON_S
from tests.unit.web.dialogue import ask

from xroute.config.load import load
from xroute.gateway.compose import compose
from xroute.upstream.client import HttpTransport
from xroute.web.app import create_app
from xroute.web.start import open_parts

ADMIN = "xrt-the-admin-token-of-the-config-0001"
KEYS = {"main": "sk-main-1", "acme": "sk-acme-1", "zdr": "sk-zdr-1", "only": "sk-only-1"}
CHAT = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
OWN = "/api/v1/credentials"
CANARY = "sk-own-canary-0123456789-canary"


def settings(folder, url: str, **more):
    return {
        "admin_token": ADMIN,
        "state_dir": str(folder / "state"),
        "workspaces": [{"slug": "acme"}],
        "keys": [
            {"name": "main", "key": KEYS["main"]},
            {"name": "acme", "key": KEYS["acme"], "workspace": "acme"},
            {"name": "zdr", "key": KEYS["zdr"], "zdr": True},
            {"name": "only", "key": KEYS["only"], "models": ["other/*"]},
        ],
        "providers": {
            "p": {"base_url": url, "api_key": "sk-ours-1", "models": [{"id": "up", "serves": "m"}]}
        },
    } | more


class Process:
    """One process of a gateway."""

    def __init__(self, app, parts) -> None:
        self.app, self.parts = app, parts

    async def chat(self, key: str, body: bytes = CHAT, path: str = "/v1/chat/completions"):
        return await ask(self.app, "POST", path, body, key=KEYS[key], content_type="application/json")

    async def models(self, key: str) -> list[str]:
        return [each["id"] for each in (await ask(self.app, "GET", "/v1/models", key=KEYS[key])).json["data"]]

    async def manage(self, method: str, path: str, body=None, workspace: str = "acme"):
        sent = b"" if body is None else orjson.dumps(body)
        headers = {"x_xroute_workspace": workspace, "content_type": "application/json"}
        return await ask(self.app, method, path, sent, key=ADMIN, **headers)

    async def store(self, **fields):
        made = await self.manage("POST", OWN, {"provider": "p", "name": "own", "secret": CANARY} | fields)
        assert made.status == 201, made.body
        return made.json


@asynccontextmanager
async def running(folder, wanted):
    file = folder / "xroute.yaml"
    file.write_bytes(orjson.dumps(wanted))
    loaded = load(file, {"HOME": str(folder)})
    scene = compose(loaded)
    http = HttpTransport()
    transports = {"http": http, "https": http}
    parts = await open_parts(loaded, scene, transports)
    parts.begin(90)
    app = create_app(scene, transports, parts.pepper, parts)
    try:
        yield Process(app, parts)
    finally:
        await app.responses.close()
        await parts.close()
        await http.close()


@pytest.fixture
async def upstream(house):
    made = await house.upstream()
    made.play(answer(completion()))
    return made


@pytest.fixture
async def process(tmp_path, upstream):
    async with running(tmp_path, settings(tmp_path, upstream.url)) as made:
        yield made


def sent(upstream) -> list[str]:
    return [seen.names.get("authorization", "") for seen in upstream.seen]


async def test_a_workspaces_own_is_sent_for_its_calls_alone(process, upstream):
    await process.store()
    assert (await process.chat("acme")).status == 200
    assert (await process.chat("main")).status == 200
    assert sent(upstream) == [f"Bearer {CANARY}", "Bearer sk-ours-1"]


@pytest.mark.parametrize(("fallback", "status"), [(True, 200), (False, 502)])
async def test_where_it_fails_ours_follows_if_the_workspace_wants_that(process, upstream, fallback, status):
    await process.store(fallback=fallback)
    upstream.play(error(401, f"no such key {CANARY}"), answer(completion()))
    told = await process.chat("acme")
    assert told.status == status
    assert sent(upstream) == [f"Bearer {CANARY}", "Bearer sk-ours-1"][: 2 if fallback else 1]
    assert CANARY.encode() not in told.body


async def test_a_redirect_takes_no_credential_along(process, upstream, house):
    thief = await house.upstream()
    thief.play(answer(completion()))
    made = await process.store(fallback=False)
    upstream.play(answer(b"", 307, location=thief.url + "/chat/completions"))
    assert (await process.chat("acme")).status == 502
    tested = await process.manage("POST", f"{OWN}/{made['id']}/test")
    assert (tested.json["verdict"], tested.json["status"]) == ("unclear", 307)
    assert thief.seen == []


async def test_after_a_change_of_the_address_it_waits_for_a_word(tmp_path, upstream, house):
    elsewhere = await house.upstream()
    elsewhere.play(answer(completion()))
    async with running(tmp_path, settings(tmp_path, upstream.url)) as process:
        made = await process.store(fallback=False)
    async with running(tmp_path, settings(tmp_path, elsewhere.url)) as process:
        told = await process.chat("acme")
        assert (told.status, told.error["code"]) == (404, "no_endpoints")
        assert "your credential own was stored for" in told.error["message"]
        tested = await process.manage("POST", f"{OWN}/{made['id']}/test")
        assert tested.json["verdict"] == "unclear"
        assert elsewhere.seen == []
        [shown] = (await process.manage("GET", OWN)).json["data"]
        assert elsewhere.url.removesuffix("/v1") in shown["problem"]
        host = {"host": elsewhere.url.removesuffix("/v1")}
        assert (await process.manage("POST", f"{OWN}/{made['id']}/confirm", host)).status == 200
        assert (await process.chat("acme")).status == 200
    assert sent(elsewhere) == [f"Bearer {CANARY}"]


async def test_a_change_is_everywhere_soon(tmp_path, process, upstream):
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    async with running(other_folder, settings(tmp_path, upstream.url)) as other:
        made = await process.store(fallback=False)
        await until(other, upstream, f"Bearer {CANARY}")
        await process.manage("PATCH", f"{OWN}/{made['id']}", {"secret": "sk-own-another-0123456789"})
        await until(other, upstream, "Bearer sk-own-another-0123456789")
        await process.manage("DELETE", f"{OWN}/{made['id']}")
        await until(other, upstream, "Bearer sk-ours-1")


async def until(process, upstream, wanted: str) -> None:
    """Until a process sends this credential."""
    async with asyncio.timeout(SOON_S):
        while (await process.chat("acme")).status != 200 or sent(upstream)[-1] != wanted:
            await asyncio.sleep(0.02)


async def test_a_call_with_a_credential_of_ones_own_is_marked_as_one(process, upstream):
    await process.store()
    answered = await process.chat("acme")
    async with asyncio.timeout(SOON_S):
        while not (found := await process.manage("GET", "/api/v1/usage/calls")).json["data"]:
            await asyncio.sleep(0.05)
    [call] = found.json["data"]
    assert (call["id"], call["byok"]) == (answered.headers["x-request-id"], True)


async def test_a_key_whose_policy_leaves_nobody_is_told_so(process, upstream):
    told = await process.chat("zdr")
    assert (told.status, told.error["code"]) == (403, "not_allowed_for_key")
    assert told.error["metadata"]["availability"] == {
        "code": "privacy_restricted",
        "excluded_by": ["data_policy:zdr"],
    }
    told = await process.chat("only")
    assert told.error["metadata"]["availability"]["excluded_by"] == ["not_allowed"]
    assert upstream.seen == []
    assert (await process.models("zdr"), await process.models("only")) == ([], [])
    assert await process.models("main") == ["m"]


@pytest.mark.parametrize(
    ("wish", "reason"), [({"zdr": True}, "zdr"), ({"data_collection": "deny"}, "training")]
)
async def test_a_request_may_ask_for_a_promise_too(process, upstream, wish, reason):
    told = await process.chat("main", CHAT[:-1] + b',"provider":' + orjson.dumps(wish) + b"}")
    assert told.status == 400
    assert told.error["metadata"]["availability"]["excluded_by"] == [f"data_policy:{reason}"]
    assert upstream.seen == []


async def test_a_promise_of_the_config_holds(tmp_path, upstream):
    wanted = settings(tmp_path, upstream.url)
    wanted["providers"]["p"]["data"] = {"zdr": True}
    async with running(tmp_path, wanted) as process:
        assert (await process.chat("zdr")).status == 200


async def test_the_secret_is_in_no_file_and_no_log(tmp_path, process, upstream, caplog):
    caplog.set_level("DEBUG", "xroute")
    made = await process.store()
    upstream.play(error(401, f"no such key {CANARY}"), answer(completion()))
    await process.chat("acme")
    await process.manage("POST", f"{OWN}/{made['id']}/test")
    metrics = await ask(process.app, "GET", "/metrics", key=None)
    health = await ask(process.app, "GET", "/api/v1/health/deployments", key=KEYS["main"])
    assert made["id"].encode() not in metrics.body + health.body
    files = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert CANARY[7:-7].encode() not in files
    assert CANARY[7:-7] not in caplog.text
