"""A client of the Responses API whose calls a provider of that API answers."""

import openai
import orjson
import pytest
from tests.fixtures import codex
from tests.gateway.scripted import STREAM_END, STREAM_HEAD, answer, chunked, scripting
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 15,
}
THOUGHT = {"type": "reasoning", "id": "rs_theirs", "summary": [], "encrypted_content": "gAAA"}
SAID = {
    "type": "message",
    "id": "msg_theirs",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}


def response(*items, **more):
    return {
        "id": "resp_theirs",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "up",
        "output": list(items),
        "usage": USAGE,
    } | more


def events(*bodies):
    return [b"event: %b\ndata: %b\n\n" % (body["type"].encode(), orjson.dumps(body)) for body in bodies]


STREAM = events(
    {"type": "response.created", "response": response(status="in_progress"), "sequence_number": 0},
    {"type": "response.output_item.added", "output_index": 0, "item": SAID | {"content": []}},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hello"},
    {"type": "response.output_item.done", "output_index": 0, "item": SAID, "new_field": 1},
    {"type": "response.completed", "response": response(SAID), "sequence_number": 4},
)


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(answer(response(THOUGHT, SAID)))
        yield upstream


@pytest.fixture
async def stage(upstream, tmp_path):
    house = provider(upstream.url, ("up", "m"), dialect="openai_responses")
    async with running(tmp_path, {"providers": {"house": house}}) as stage:
        yield stage


@pytest.fixture
async def client(stage):
    url = f"http://127.0.0.1:{stage.port}/v1"
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client.responses


async def test_what_nobody_keeps_passes_both_ways_as_it_is(stage, upstream):
    upstream.play(STREAM_HEAD + b"".join(map(chunked, STREAM)) + STREAM_END)
    asked = codex.ask("m")
    reply = await stage.client.post("/v1/responses", content=orjson.dumps(asked))
    assert upstream.seen[0].line.startswith("POST /v1/responses ")
    assert upstream.seen[0].body == asked | {"model": "up"}
    assert reply.content == b"".join(STREAM)


async def test_what_xroute_keeps_is_not_stored_elsewhere_and_goes_on_with_its_reasoning(client, upstream):
    first = await client.create(model="m", input="Hi", reasoning={"effort": "low"})
    assert first.id != "resp_theirs"
    assert [item.type for item in first.output] == ["reasoning", "message"]
    assert upstream.seen[0].body["store"] is False
    assert "reasoning.encrypted_content" in upstream.seen[0].body["include"]
    await client.create(model="m", input="And?", previous_response_id=first.id)
    sent = upstream.seen[1].body
    assert "previous_response_id" not in sent
    kinds = [(item["type"], item.get("encrypted_content")) for item in sent["input"]]
    assert kinds == [("message", None), ("reasoning", "gAAA"), ("message", None), ("message", None)]


async def test_what_ran_at_the_provider_is_shown_and_goes_back(client, upstream):
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    upstream.play(answer(response(search, SAID)))
    first = await client.create(model="m", input="Hi", tools=[{"type": "web_search"}])
    assert [item.type for item in first.output] == ["web_search_call", "message"]
    assert upstream.seen[0].body["tools"] == [{"type": "web_search"}]
    await client.create(model="m", input="And?", previous_response_id=first.id)
    assert upstream.seen[1].body["input"][1] == search


async def test_the_providers_own_count_of_tokens_is_told(client, upstream):
    upstream.play(answer({"object": "response.input_tokens", "input_tokens": 42}))
    assert (await client.input_tokens.count(model="m", input="Hi")).input_tokens == 42
