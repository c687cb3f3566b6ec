"""OpenAI's own client and its Responses API in front of the gateway, an OpenAI-like provider behind it."""

import asyncio

import openai
import orjson
import pytest
from openai.types.responses import Response
from tests.gateway.scripted import (
    STREAM_END,
    STREAM_HEAD,
    answer,
    chunked,
    completion,
    error,
    event,
    scripting,
    stream,
    words,
)
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY, SOON_S

PATH = "/v1/responses"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
OTHER = "sk-client-2"


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(answer(completion()))
        yield upstream


@pytest.fixture
async def stage(upstream, tmp_path):
    settings = {
        "providers": {"house": provider(upstream.url, ("up", "m"))},
        "keys": [{"name": "test", "key": KEY}, {"name": "other", "key": OTHER}],
    }
    async with running(tmp_path, settings) as stage:
        yield stage


def client_of(stage, key):
    return openai.AsyncOpenAI(api_key=key, base_url=f"http://127.0.0.1:{stage.port}/v1", max_retries=0)


@pytest.fixture
async def client(stage):
    async with client_of(stage, KEY) as client:
        yield client.responses


@pytest.fixture
async def stranger(stage):
    async with client_of(stage, OTHER) as client:
        yield client.responses


def called(name="weather", arguments='{"city": "Oslo"}'):
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    return completion(choices=[choice])


async def test_an_answer_is_a_response(client, upstream):
    said = await client.create(
        model="m", input="Hi", instructions="Be brief.", max_output_tokens=99, metadata={"a": "b"}
    )
    Response.model_validate(said.model_dump())
    assert (said.output_text, said.status, said.model) == ("Hello", "completed", "up")
    assert (said.usage.input_tokens, said.usage.output_tokens, said.usage.total_tokens) == (10, 5, 15)
    assert said.usage.cost is None
    assert (said.instructions, said.max_output_tokens, said.metadata) == ("Be brief.", 99, {"a": "b"})
    sent = upstream.seen[0].body
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    assert sent["max_tokens"] == 99
    assert sent.keys() == {"model", "messages", "max_tokens"}


async def test_a_conversation_goes_on_from_its_last_response(client, upstream):
    first = await client.create(model="m", input="Hi", instructions="Be brief.")
    second = await client.create(model="m", input="And?", previous_response_id=first.id)
    third = await client.create(model="m", input="So?", previous_response_id=second.id)
    assert third.previous_response_id == second.id
    told = [(said["role"], said["content"]) for said in upstream.seen[2].body["messages"]]
    assert told == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And?"),
        ("assistant", "Hello"),
        ("user", "So?"),
    ]


async def test_tools_are_called_and_their_results_go_back(client, upstream):
    upstream.play(answer(called()), answer(completion("17 degrees")))
    first = await client.create(model="m", input="Weather?", tools=[WEATHER])
    (call,) = first.output
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city": "Oslo"}')
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "17"}
    second = await client.create(model="m", input=[result], previous_response_id=first.id, tools=[WEATHER])
    assert second.output_text == "17 degrees"
    _, made, told = upstream.seen[1].body["messages"]
    assert made["tool_calls"][0]["id"] == told["tool_call_id"] == "call_1"
    assert told["content"] == "17"


async def test_a_stream_has_openais_events_and_can_be_continued_at_its_end(client, upstream):
    upstream.play(stream(*words("Hel", "lo", usage=USAGE)), answer(completion("again")))
    async with client.stream(model="m", input="Hi") as events:
        kinds = [event.type async for event in events]
        said = await events.get_final_response()
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert (said.output_text, said.usage.total_tokens) == ("Hello", 15)
    again = await client.create(model="m", input="Again", previous_response_id=said.id)
    assert again.output_text == "again"
    assert upstream.seen[1].body["messages"][1] == {"role": "assistant", "content": "Hello"}


async def test_a_stream_that_breaks_fails_with_our_word_and_never_completes(client, stage, upstream):
    async def broken(visit):
        await visit.send(STREAM_HEAD, chunked(event({"content": "a"})))
        await stage.relaying()
        await visit.send(chunked(b'data: {"error": {"message": "boom"}}\n\n'), STREAM_END)

    upstream.play(broken)
    events = [event async for event in await client.create(model="m", input="Hi", stream=True)]
    kinds = [event.type for event in events]
    assert kinds[-1] == "response.failed"
    assert "response.completed" not in kinds
    failed = events[-1].response
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert failed.error.error_type == "provider_unavailable"
    kept = await client.retrieve(failed.id)
    assert kept.status == "failed"


async def test_what_is_kept_can_be_read_listed_and_deleted_by_its_key_alone(client, stranger):
    said = await client.create(model="m", input=["one", {"role": "user", "content": "two"}])
    assert (await client.retrieve(said.id)).model_dump() == said.model_dump()
    listed = await client.input_items.list(said.id, order="asc")
    assert [item.content[0].text for item in listed.data] == ["one", "two"]
    first = await client.input_items.list(said.id, limit=1)
    assert [item.content[0].text for item in first.data] == ["two"]
    assert first.has_more
    rest = await first.get_next_page()
    assert [item.content[0].text for item in rest.data] == ["one"]
    with pytest.raises(openai.NotFoundError):
        await stranger.retrieve(said.id)
    with pytest.raises(openai.NotFoundError):
        await stranger.delete(said.id)
    with pytest.raises(openai.BadRequestError):
        await stranger.create(model="m", input="Hi", previous_response_id=said.id)
    await client.delete(said.id)
    with pytest.raises(openai.NotFoundError):
        await client.retrieve(said.id)


async def test_what_is_not_to_be_stored_is_not(client):
    said = await client.create(model="m", input="Hi", store=False)
    assert said.store is False
    with pytest.raises(openai.NotFoundError):
        await client.retrieve(said.id)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create(model="m", input="Hi", previous_response_id=said.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_an_item_may_be_referred_to(client, upstream):
    said = await client.create(model="m", input="Hi")
    items = [{"type": "item_reference", "id": said.output[0].id}, {"role": "user", "content": "And?"}]
    await client.create(model="m", input=items)
    assert upstream.seen[1].body["messages"][0] == {"role": "assistant", "content": "Hello"}
    with pytest.raises(openai.BadRequestError) as caught:
        await client.create(model="m", input=[{"type": "item_reference", "id": "msg_none"}])
    assert caught.value.param == "input[0]"


async def until(client, id_, *states):
    async with asyncio.timeout(SOON_S):
        while (said := await client.retrieve(id_)).status not in states:
            await asyncio.sleep(0.01)
    return said


async def test_a_call_in_the_background_is_queued_and_then_done(client):
    queued = await client.create(model="m", input="Hi", background=True)
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    said = await until(client, queued.id, "completed")
    assert (said.output_text, said.usage.total_tokens) == ("Hello", 15)


async def test_a_call_in_the_background_tells_how_it_failed(client, upstream):
    upstream.play(error(400, "bad", "bad"))
    queued = await client.create(model="m", input="Hi", background=True)
    said = await until(client, queued.id, "failed")
    assert said.error.error_type == "invalid_request"


async def test_a_call_in_the_background_can_be_cancelled(client, upstream):
    came, gone = asyncio.Event(), asyncio.Event()

    async def wait(visit):
        came.set()
        await visit.gone()
        gone.set()

    upstream.play(wait)
    queued = await client.create(model="m", input="Hi", background=True)
    async with asyncio.timeout(SOON_S):
        await came.wait()
    assert (await client.retrieve(queued.id)).status == "in_progress"
    said = await client.cancel(queued.id)
    assert said.status == "cancelled"
    assert (await client.retrieve(queued.id)).status == "cancelled"
    assert (await client.cancel(queued.id)).status == "cancelled"
    async with asyncio.timeout(SOON_S):
        await gone.wait()


async def test_only_a_call_in_the_background_can_be_cancelled(client):
    said = await client.create(model="m", input="Hi")
    with pytest.raises(openai.BadRequestError):
        await client.cancel(said.id)


async def test_a_stream_in_the_background_can_be_followed_again(client, upstream):
    upstream.play(stream(*words("Hel", "lo", usage=USAGE)))
    events = [e async for e in await client.create(model="m", input="Hi", background=True, stream=True)]
    id_ = events[0].response.id
    again = [e async for e in await client.retrieve(id_, stream=True, starting_after=4)]
    assert [e.sequence_number for e in again] == list(range(5, len(events)))
    assert again[-1].response.output_text == "Hello"
    assert (await client.retrieve(id_)).status == "completed"


async def test_a_stream_under_way_is_followed_to_its_end_by_who_comes_back(client, upstream):
    left, back = asyncio.Event(), asyncio.Event()

    async def slow(visit):
        await visit.send(STREAM_HEAD, chunked(event({"role": "assistant", "content": "Hel"})))
        await left.wait()
        await visit.send(chunked(event({"content": "lo"})))
        await back.wait()
        await visit.send(chunked(event({}, "stop")), STREAM_END)

    upstream.play(slow)
    first = await client.create(model="m", input="Hi", background=True, stream=True)
    id_ = (await anext(aiter(first))).response.id
    await first.close()
    left.set()
    seen = []
    async for each in await client.retrieve(id_, stream=True, starting_after=0):
        seen.append(each)
        if each.type == "response.output_text.delta" and each.delta == "lo":
            back.set()
    assert [each.sequence_number for each in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].type == "response.completed" and seen[-1].response.output_text == "Hello"


async def test_a_conversation_is_compacted_and_goes_on(client, upstream):
    upstream.play(answer(completion("They said hello.")), answer(completion("yes")))
    items = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    made = (await client.with_raw_response.compact(model="m", input=items)).http_response.json()
    assert (made["object"], [item["type"] for item in made["output"]]) == (
        "response.compaction",
        ["message", "compaction"],
    )
    assert made["usage"]["total_tokens"] == 15
    said = await client.create(model="m", input=[*made["output"], {"role": "user", "content": "Go on"}])
    assert said.output_text == "yes"
    told = [message["content"] for message in upstream.seen[1].body["messages"]]
    assert told[0] == "Hi" and told[1].endswith("They said hello.") and told[2] == "Go on"
    assert "Hello" in upstream.seen[0].body["messages"][1]["content"]


async def test_compacting_needs_a_model(stage):
    reply = await stage.client.post(f"{PATH}/compact", content=orjson.dumps({"input": "Hi"}))
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "model"


async def test_tokens_are_counted(client):
    counted = await client.input_tokens.count(model="m", input="Hello there, how are you?")
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens > 3


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "Hi"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": 3}, "input"),
        ({"model": "m", "input": [3]}, "input[0]"),
        ({"model": "m", "input": [{"role": "user"}]}, "input[0].content"),
        ({"model": "m", "input": "Hi", "temperature": "hot"}, "temperature"),
        ({"model": "m", "input": "Hi", "conversation": "conv_1"}, "conversation"),
        ({"model": "m", "input": "Hi", "background": True, "store": False}, "background"),
        ({"model": "m", "input": "Hi", "tools": [{"type": "function"}]}, "tools[0].name"),
    ],
)
async def test_a_request_that_cannot_be_names_its_field(stage, body, param):
    reply = await stage.client.post(PATH, content=orjson.dumps(body))
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert reply.json()["error_type"] == reply.json()["error"]["metadata"]["error_type"]


async def test_an_error_before_the_answer_has_openais_shape(client, upstream):
    upstream.play(error(429, "slow down", retry_after="0"))
    with pytest.raises(openai.RateLimitError) as caught:
        await client.create(model="m", input="Hi")
    assert caught.value.body["metadata"]["error_type"] == "rate_limit_exceeded"


async def test_the_same_idempotency_key_is_one_call(client, upstream):
    headers = {"Idempotency-Key": "k1"}
    first = await client.create(model="m", input="Hi", extra_headers=headers)
    again = await client.create(model="m", input="Hi", extra_headers=headers)
    assert first.id == again.id
    assert len(upstream.seen) == 1


async def test_responses_outlive_the_process(upstream, tmp_path):
    settings = {"providers": {"house": provider(upstream.url, ("up", "m"))}}
    async with running(tmp_path, settings, stores=True) as stage, client_of(stage, KEY) as client:
        said = await client.responses.create(model="m", input="Hi")
    async with running(tmp_path, settings, stores=True) as stage, client_of(stage, KEY) as client:
        again = await client.responses.create(model="m", input="And?", previous_response_id=said.id)
        assert again.output_text == "Hello"
    (file,) = tmp_path.rglob("xroute.sqlite3")
    assert file.stat().st_mode & 0o077 == 0


async def test_a_call_that_ran_when_the_process_ended_has_failed(upstream, tmp_path):
    settings = {"providers": {"house": provider(upstream.url, ("up", "m"))}}

    async def wait(visit):
        await visit.gone()

    upstream.play(wait)
    async with running(tmp_path, settings, stores=True) as stage, client_of(stage, KEY) as client:
        queued = await client.responses.create(model="m", input="Hi", background=True)
        await until(client.responses, queued.id, "in_progress")
        (desk,) = stage.app.responses._background._tasks.values()
        desk.cancel()  # as the end of the process does
        await asyncio.wait([desk])
    async with running(tmp_path, settings, stores=True) as stage, client_of(stage, KEY) as client:
        said = await client.responses.retrieve(queued.id)
        assert (said.status, said.error.code) == ("failed", "server_error")


async def test_a_call_in_the_background_can_be_asked_for_and_ended_at_another_process(upstream, tmp_path):
    settings = {"providers": {"house": provider(upstream.url, ("up", "m"))}}

    async def wait(visit):
        await visit.gone()

    upstream.play(wait)
    async with (
        running(tmp_path, settings, stores=True) as stage,
        client_of(stage, KEY) as client,
        running(tmp_path, settings, stores=True) as second,
        client_of(second, KEY) as other,
    ):
        queued = await client.responses.create(model="m", input="Hi", background=True)
        await until(client.responses, queued.id, "in_progress")
        await stage.app.responses._store.flush()
        assert (await other.responses.retrieve(queued.id)).status == "in_progress"
        assert (await other.responses.cancel(queued.id)).status == "cancelled"
        assert (await client.responses.retrieve(queued.id)).status == "cancelled"
        assert not stage.app.responses._background.is_running(queued.id)
