"""Model servers on this machine: who answers like one is found, everybody else is left alone."""

import asyncio

import orjson
import pytest

from xroute.catalog.entries import Provider
from xroute.upstream.discovery import MAX_MODELS, discover, entries


def local(port: int, id_: str = "vllm", **facts) -> Provider:
    return Provider(
        id=id_,
        name=id_,
        dialect="openai",
        base_url="http://elsewhere.test/v1",
        local=True,
        port=port,
        **facts,
    )


def listing(*names: str) -> bytes:
    return orjson.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


async def found_at(client, upstream, reply: bytes):
    upstream.answer = reply
    return await discover(client, [local(upstream.port)], {})


async def test_a_server_that_lists_models_is_found(client, upstream):
    [server] = await found_at(client, upstream, answer(listing("llama", "qwen")))
    assert server.models == ("llama", "qwen")
    assert server.provider.base_url == f"http://127.0.0.1:{upstream.port}/v1"


async def test_it_is_asked_for_its_models_with_its_own_key(client, upstream):
    asking = asyncio.create_task(
        discover(client, [local(upstream.port)], {"vllm": "sk-vllm", "other": "sk-2"})
    )
    peer = await upstream.peer()
    request = (await peer.request()).lower()
    peer.write(answer(listing("llama")))
    assert len(await asking) == 1
    assert request.startswith(b"get /v1/models http/1.1")
    assert b"authorization: bearer sk-vllm" in request
    assert b"sk-2" not in request


async def test_nobody_there_is_nobody_found(client, upstream):
    upstream.server.close()
    await upstream.server.wait_closed()
    assert await discover(client, [local(upstream.port)], {}) == []


@pytest.mark.parametrize(
    "reply",
    [
        answer(listing("llama"), "401 Unauthorized"),
        answer(listing("llama"), "404 Not Found"),
        answer(b"", "302 Found"),
        answer(listing()),
        answer(b""),
        answer(b"<html>a printer</html>"),
        answer(b"[]"),
        answer(b'"models"'),
        answer(b'{"data": {"id": "x"}}'),
        answer(listing("line\r\nbreak")),
        answer(b'{"data": [1, null, {"name": "x"}, {"id": 7}, {"id": ""}]}'),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\x03",
    ],
)
async def test_whatever_else_listens_there_is_no_model_server(client, upstream, reply):
    upstream.answer = reply
    if not reply.startswith(b"HTTP"):
        upstream.answer = None
        asking = asyncio.create_task(discover(client, [local(upstream.port)], {}))
        peer = await upstream.peer()
        peer.write(reply)
        peer.close()
        assert await asking == []
        return
    assert await discover(client, [local(upstream.port)], {}) == []


async def test_only_local_providers_with_a_port_are_asked(client, upstream):
    upstream.answer = answer(listing("llama"))
    hosted = Provider(id="h", name="H", dialect="openai", base_url="https://h.test", port=upstream.port)
    assert await discover(client, [hosted, local(0)], {}) == []
    assert upstream.count == 0


async def test_of_several_kinds_on_one_port_the_first_that_is_listed_has_it(client, upstream):
    upstream.answer = answer(listing("llama"))
    servers = await discover(client, [local(upstream.port, "one"), local(upstream.port, "two")], {})
    assert [server.provider.id for server in servers] == ["one"]


async def test_a_list_without_end_is_cut(client, upstream):
    names = [f"model-{n}" for n in range(MAX_MODELS + 10)]
    [server] = await found_at(client, upstream, answer(listing(*names)))
    assert server.models == tuple(names[:MAX_MODELS])


async def test_what_is_found_becomes_entries_of_the_catalog(client, upstream):
    found = await found_at(client, upstream, answer(listing("llama", "/models/qwen3.gguf")))
    providers, models, offers = entries(found)
    assert [p.id for p in providers] == ["vllm"]
    assert [(m.id, m.aliases) for m in models] == [
        ("vllm/llama", ("llama",)),
        ("vllm//models/qwen3.gguf", ("/models/qwen3.gguf", "qwen3")),
    ]
    assert [(o.provider, o.model, o.upstream) for o in offers] == [
        ("vllm", "vllm/llama", "llama"),
        ("vllm", "vllm//models/qwen3.gguf", "/models/qwen3.gguf"),
    ]
    assert all(m.abilities == {"*"} for m in models)
