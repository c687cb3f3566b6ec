"""Requests and answers of a whole gateway, kept as the settings say and shown to who may see them."""

import asyncio

import orjson
import pytest
from tests.gateway.scripted import answer, completion, error, stream, words
from tests.gateway.test_credentials import CHAT, running, settings
from tests.gateway.wires import SOON_S
from tests.unit.web.dialogue import ask

STREAM = CHAT[:-1] + b',"stream":true}'
PRIVATE = CHAT[:-1] + b',"provider":{"zdr":true}}'


@pytest.fixture
async def upstream(house):
    made = await house.upstream()
    made.play(answer(completion("the answer with sk-ours-1 and xr-0123456789abcdefghijkl in it")))
    return made


async def body_of(process, id_: str, workspace: str = "main"):
    """What is kept of a call, once all of it is written."""
    async with asyncio.timeout(SOON_S):
        while (await process.manage("GET", f"/api/v1/usage/calls/{id_}", workspace=workspace)).status == 404:
            await asyncio.sleep(0.05)
        await process.parts.services.bodies._idle.wait()
    return await process.manage("GET", f"/api/v1/usage/calls/{id_}/body", workspace=workspace)


async def test_what_was_asked_and_answered_is_kept_without_credentials(tmp_path, upstream):
    async with running(tmp_path, settings(tmp_path, upstream.url, bodies={"keep": "all"})) as process:
        call = (await process.chat("main")).headers["x-request-id"]
        kept = (await body_of(process, call)).json
        assert kept["request"] == CHAT.decode()
        assert orjson.loads(kept["answer"])["choices"][0]["message"]["content"] == (
            "the answer with [redacted] and [redacted] in it"
        )
        assert (kept["outcome"], kept["cut"]) == ("completed", False)


async def test_of_a_stream_its_events_are_kept_as_the_client_got_them(tmp_path, upstream):
    upstream.play(stream(*words("Hel", "lo")))
    async with running(tmp_path, settings(tmp_path, upstream.url, bodies={"keep": "all"})) as process:
        told = await process.chat("main", STREAM)
        kept = (await body_of(process, told.headers["x-request-id"])).json
        assert kept["answer"] == told.body.decode()


async def test_of_a_failure_its_reason_is_kept(tmp_path, upstream):
    upstream.play(answer(completion()), error(500, "secret words of the provider"))
    async with running(tmp_path, settings(tmp_path, upstream.url, bodies={"keep": "errors"})) as process:
        good = (await process.chat("main")).headers["x-request-id"]
        bad = (await process.chat("main")).headers["x-request-id"]
        kept = (await body_of(process, bad)).json
        assert kept["outcome"] == "failed"
        assert kept["answer"].startswith("No provider answered")
        assert (await body_of(process, good)).status == 404


async def test_another_workspace_finds_nothing(tmp_path, upstream):
    async with running(tmp_path, settings(tmp_path, upstream.url, bodies={"keep": "all"})) as process:
        call = (await process.chat("main")).headers["x-request-id"]
        assert (await body_of(process, call)).status == 200
        other = await process.manage("GET", f"/api/v1/usage/calls/{call}/body", workspace="acme")
        assert (other.status, other.error["code"]) == (404, "body_not_found")


@pytest.mark.parametrize(("key", "body"), [("zdr", CHAT), ("main", PRIVATE)])
async def test_who_wants_nothing_kept_elsewhere_has_nothing_kept_here(tmp_path, upstream, key, body):
    wanted = settings(tmp_path, upstream.url, bodies={"keep": "all"})
    wanted["providers"]["p"]["data"] = {"zdr": True}
    async with running(tmp_path, wanted) as process:
        told = await process.chat(key, body)
        assert told.status == 200
        assert (await body_of(process, told.headers["x-request-id"])).status == 404


async def test_nothing_is_kept_by_default(tmp_path, upstream):
    async with running(tmp_path, settings(tmp_path, upstream.url)) as process:
        await process.chat("main")
        assert process.parts.services.bodies is None
    assert not (tmp_path / "state" / "bodies").exists()


async def test_a_disk_that_takes_nothing_fails_no_call(tmp_path, upstream, monkeypatch):
    monkeypatch.setattr("xroute.store.bodies.AGAIN_S", 0.001)
    (tmp_path / "full").write_text("a file where the folder should be")
    bodies = {"keep": "all", "folder": str(tmp_path / "full")}
    async with running(tmp_path, settings(tmp_path, upstream.url, bodies=bodies)) as process:
        assert (await process.chat("main")).status == 200
        await process.parts.services.bodies._idle.wait()
        assert process.parts.services.bodies.lost == 1
        assert process.parts.states()["bodies"] != "up"
        metrics = (await ask(process.app, "GET", "/metrics", key=None)).body.decode()
        assert 'xroute_bodies{fate="lost"} 1.0' in metrics
