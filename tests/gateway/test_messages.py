"""Anthropic's own client in front of the gateway: an OpenAI-like provider behind it, or Anthropic itself."""

import anthropic
import httpx2
import orjson
import pytest
from tests.fixtures import claude
from tests.fixtures.events import fold, names
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
from tests.gateway.stage import CREDENTIAL, provider, running
from tests.gateway.wires import KEY

PATH = "/v1/messages"
ASK = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
WEATHER = {
    "name": "weather",
    "description": "W.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SAID = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-up",
    "content": [{"type": "text", "text": "Hello", "brand_new": 1}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": 3,
        "service_tier": "standard",
    },
}


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(answer(completion()))
        yield upstream


@pytest.fixture
async def stage(upstream, tmp_path):
    """Model m at a provider like OpenAI, model c at one like Anthropic."""
    more = {"dialect": "anthropic"}
    providers = {
        "house": provider(upstream.url, ("up", "m")),
        "maker": provider(upstream.url, ("claude-up", "c"), **more),
    }
    async with running(tmp_path, {"providers": providers}) as stage:
        yield stage


@pytest.fixture
async def client(stage):
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield anthropic.AsyncAnthropic(
            api_key=KEY, base_url=f"http://127.0.0.1:{stage.port}", max_retries=0, http_client=http
        )


async def test_an_answer_is_a_message(client, upstream):
    said = await client.messages.create(
        **ASK, system="Be brief.", stop_sequences=["x"], extra_body={"temperature": 0.5}
    )
    assert (said.content[0].text, said.stop_reason) == ("Hello", "end_turn")
    assert said.id == "msg_c1"
    assert (said.usage.input_tokens, said.usage.output_tokens) == (10, 5)
    sent = upstream.seen[0].body
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, ASK["messages"][0]]
    assert (sent["model"], sent["max_tokens"], sent["stop"], sent["temperature"]) == ("up", 99, ["x"], 0.5)


async def test_a_key_is_taken_where_anthropic_s_clients_put_it(stage):
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{stage.port}", trust_env=False, timeout=30
    ) as bare:
        reply = await bare.post(PATH, json=ASK, headers={"x-api-key": KEY})
        assert reply.status_code == 200
        refused = await bare.post(PATH, json=ASK, headers={"x-api-key": "sk-wrong"})
        assert refused.status_code == 401
        assert refused.json()["error"]["type"] == "authentication_error"


async def test_tools_go_out_and_their_calls_come_back(client, upstream):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "tool_calls": [CALL]},
        "finish_reason": "tool_calls",
    }
    upstream.play(answer(completion(choices=[choice])), answer(completion("17 degrees")))
    said = await client.messages.create(**ASK, tools=[WEATHER], tool_choice={"type": "any"})
    (call,) = said.content
    assert (call.name, call.input, said.stop_reason) == ("weather", {"city": "Oslo"}, "tool_use")
    assert upstream.seen[0].body["tool_choice"] == "required"
    assert upstream.seen[0].body["tools"][0]["function"]["parameters"] == WEATHER["input_schema"]
    turns = [
        ASK["messages"][0],
        {"role": "assistant", "content": said.content},
        {"role": "user", "content": [claude.result(call.id, "17"), claude.text("Go on.")]},
    ]
    again = await client.messages.create(**ASK | {"messages": turns}, tools=[WEATHER])
    assert again.content[0].text == "17 degrees"
    _, called, result, remark = upstream.seen[1].body["messages"]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"] == "call_1"
    assert (result["content"], remark["content"]) == ("17", "Go on.")


async def test_a_stream_is_what_anthropic_s_client_adds_up(client, upstream):
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"city"', ': "Oslo"}')]
    upstream.play(
        stream(
            event({"role": "assistant", "reasoning_content": "Hm."}),
            event({"content": "Let me "}),
            event({"content": "see."}),
            event({"tool_calls": [first]}),
            *(event({"tool_calls": [piece]}) for piece in pieces),
            event({}, "tool_calls"),
            event({}, **{"choices": [], "usage": USAGE}),
            b"data: [DONE]\n\n",
        )
    )
    asked = client.messages.stream(**ASK, tools=[WEATHER], thinking={"type": "adaptive"})
    async with asked as streamed:
        texts = [text async for text in streamed.text_stream]
        said = await streamed.get_final_message()
    assert texts == ["Let me ", "see."]
    thought, text, call = said.content
    assert (thought.thinking, text.text, call.input) == ("Hm.", "Let me see.", {"city": "Oslo"})
    assert (said.stop_reason, said.usage.input_tokens, said.usage.output_tokens) == ("tool_use", 10, 5)


async def test_a_session_of_claude_code_reaches_a_provider_like_openai(stage, upstream):
    upstream.play(stream(*words("It ", "fails.", usage=USAGE)))
    body = claude.turn(model="m")
    reply = await stage.client.post(PATH, content=orjson.dumps(body), headers=claude.HEADERS)
    assert reply.status_code == 200
    assert fold(reply.content)["content"] == [claude.text("It fails.")]
    sent = upstream.seen[0].body
    roles = [message["role"] for message in sent["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user", "user"]  # a picture for itself
    assert len(sent["tools"]) == len(claude.tools())
    raw = orjson.dumps(sent)
    left = (b"cache_control", b"billing", b"signature", b"reasoning_details", b"is_error", b"tool_use")
    assert [word for word in left if word in raw] == []
    assert "anthropic-beta" not in upstream.seen[0].names


async def test_the_bytes_of_claude_code_pass_to_anthropic(stage, upstream):
    events = [
        b'event: message_start\ndata: {"type":"message_start","message":%b}\n\n'
        % orjson.dumps(SAID | {"content": [], "stop_reason": None}),
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n',
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"Hello"},"odd":1}\n\n',
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        b'"stop_sequence":null},"usage":{"output_tokens":5}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]
    upstream.play(stream(*events))
    body = claude.turn(model="c")
    reply = await stage.client.post(PATH, content=orjson.dumps(body), headers=claude.HEADERS)
    assert reply.content == b"".join(events)
    seen = upstream.seen[0]
    assert seen.body == body | {"model": "claude-up"}
    assert seen.names["anthropic-beta"] == claude.BETAS
    assert seen.names["anthropic-version"] == "2023-06-01"
    assert KEY not in str(seen.headers)
    assert CREDENTIAL in str(seen.headers)


async def test_an_answer_of_anthropic_is_not_touched(stage, upstream):
    upstream.play(answer(SAID))
    reply = await stage.post(orjson.dumps(ASK | {"model": "c"}), PATH)
    assert reply.raw == orjson.dumps(SAID)
    assert reply.headers["x-xroute-provider"] == "maker"


async def test_what_another_model_has_thought_is_kept_from_anthropic(client, upstream):
    thought = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}
    upstream.play(answer(completion(choices=[{"index": 0, "message": thought, "finish_reason": "stop"}])))
    said = await client.messages.create(**ASK, thinking={"type": "adaptive"})
    assert [block.type for block in said.content] == ["thinking", "text"]
    upstream.play(answer(SAID))
    turns = [ASK["messages"][0], {"role": "assistant", "content": said.content}, ASK["messages"][0]]
    await client.messages.create(**ASK | {"model": "c", "messages": turns})
    (left,) = upstream.seen[1].body["messages"][1]["content"]
    assert (left["type"], left["text"]) == ("text", "Hi")


async def test_another_provider_answers_where_anthropic_cannot(client, upstream):
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstream.play(answer(overloaded, 529), answer(completion()))
    said = await client.messages.create(**ASK | {"model": "c"}, extra_body={"models": ["m"]})
    assert said.content[0].text == "Hello"
    first, second = upstream.seen
    assert (first.line.split()[1], second.line.split()[1]) == ("/v1/messages", "/v1/chat/completions")
    assert not {"models"} & (first.body.keys() | second.body.keys())


ERRORS = [
    (
        error(400, "bad temperature", "bad"),
        anthropic.BadRequestError,
        "invalid_request_error",
        "invalid_request",
    ),
    (error(429, "slow down"), anthropic.RateLimitError, "rate_limit_error", "rate_limit_exceeded"),
    (error(503, "busy"), anthropic.InternalServerError, None, None),
]


@pytest.mark.parametrize(("given", "kind", "word", "own"), ERRORS)
async def test_an_error_has_anthropic_s_shape_and_our_word(client, upstream, given, kind, word, own):
    upstream.play(given)
    with pytest.raises(kind) as caught:
        await client.messages.create(**ASK)
    body = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == word or (word is None and caught.value.status_code >= 500)
    assert body["error"]["error_type"] == own or own is None
    assert body["error"]["provider"] == "house"
    assert body["request_id"] == caught.value.response.headers["x-request-id"]


async def test_claude_code_learns_that_its_conversation_is_too_long(client, upstream):
    said = "This model's maximum context length is 8192 tokens."
    upstream.play(error(400, said, "context_length_exceeded"))
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long") as caught:
        await client.messages.create(**ASK)
    assert caught.value.body["error"]["error_type"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**ASK, "max_tokens": None}, "max_tokens"),
        (
            {**ASK, "messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "messages.0.content.0.source",
        ),
    ],
)
async def test_what_is_wrong_is_named_as_the_client_wrote_it(stage, body, param):
    reply = await stage.client.post(PATH, content=orjson.dumps(body))
    told = reply.json()["error"]
    assert (reply.status_code, told["type"], told["param"]) == (400, "invalid_request_error", param)
    assert told["message"].startswith(param)


async def test_a_model_that_nobody_serves_is_not_found(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.messages.create(**ASK | {"model": "nobody/nothing"})
    assert caught.value.body["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(
            chunked(b'data: {"error": {"message": "broken", "code": 500}}\n\n') + STREAM_END, id="error"
        ),
        pytest.param(STREAM_END, id="cut"),
    ],
)
async def test_a_stream_that_breaks_never_looks_complete(client, stage, upstream, end):
    async def broken(visit):
        await visit.send(STREAM_HEAD + chunked(event({"content": "Half"})))
        await stage.relaying()
        await visit.send(end)

    upstream.play(broken)
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with client.messages.stream(**ASK) as streamed:
            await streamed.get_final_message()
    assert caught.value.body["error"]["type"] == "api_error"
    assert caught.value.body["error"]["metadata"]["provider"] == "house"
    reply = await stage.client.post(PATH, content=orjson.dumps(ASK | {"stream": True}))
    assert names(reply.content)[-1] == "error"
    assert "message_stop" not in names(reply.content)


async def test_anthropic_counts_the_tokens_itself(client, upstream):
    upstream.play(answer({"input_tokens": 4321}))
    counted = await client.messages.count_tokens(**claude.count() | {"model": "c"})
    assert counted.input_tokens == 4321
    assert upstream.seen[0].line.split()[1] == "/v1/messages/count_tokens"
    assert upstream.seen[0].body == claude.count() | {"model": "claude-up"}


async def test_where_nobody_counts_the_tokens_are_estimated(client, stage, upstream):
    body = orjson.dumps(claude.count() | {"model": "m"})
    counted = await client.messages.count_tokens(**claude.count() | {"model": "m"})
    assert len(body) / 8 < counted.input_tokens < len(body) / 2
    assert upstream.seen == []


async def test_where_the_provider_cannot_count_the_tokens_are_estimated_and_it_is_not_blamed(
    client, stage, upstream
):
    upstream.play(error(404, "Not Found"))
    for _ in range(10):
        counted = await client.messages.count_tokens(**claude.count() | {"model": "c"})
        assert counted.input_tokens > 100
    assert len(upstream.seen) == 10
    found = (await stage.client.get("/api/v1/health/deployments")).json()["data"]
    assert {each["breaker"]["state"] for each in found} == {"closed"}


async def test_the_title_of_a_session_is_asked_for_by_a_schema(stage, upstream):
    upstream.play(stream(*words('{"title": "A failing test"}', usage=USAGE)))
    reply = await stage.client.post(PATH, content=orjson.dumps(claude.title(model="m")))
    said = fold(reply.content)
    assert orjson.loads(said["content"][0]["text"]) == {"title": "A failing test"}
    shape = upstream.seen[0].body["response_format"]["json_schema"]
    assert shape["schema"] == claude.title()["output_config"]["format"]["schema"]


async def test_an_effort_that_is_asked_for_is_told_and_costs_are_shown(stage, upstream):
    await stage.post(orjson.dumps(ASK | {"output_config": {"effort": "low"}}), PATH)
    reply = await stage.post(orjson.dumps(ASK), PATH)
    assert reply.body["usage"]["output_tokens"] == 5
    assert "cost" in reply.body["usage"]
    assert "x-xroute-cost" in reply.headers
