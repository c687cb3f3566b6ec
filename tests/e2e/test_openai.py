"""OpenAI's own Python client, unchanged but for its base URL."""

import base64
import json
import zlib

import openai
import pytest
from pydantic import BaseModel

MODEL = "gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class Event(BaseModel):
    """What `parse` is to make of the answer."""

    title: str
    participants: list[str]
    is_public: bool
    rooms: int


@pytest.fixture
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(gateway):
    async with openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_completion_has_text_usage_and_a_cost(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content.startswith("This is the xroute simulator")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODEL  # the provider's word for it; x-xroute-model has the catalog's
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.cost > 0


def test_the_path_with_openai_in_it_is_the_same_surface(gateway, client):
    other = client.with_options(base_url=f"{gateway.origin}/openai/v1")
    request = {"model": MODEL, "messages": HELLO}
    answers = [each.chat.completions.create(**request) for each in (client, other)]
    assert answers[0].choices == answers[1].choices


async def test_the_async_client_gets_the_same_answer(client, async_client):
    request = {"model": MODEL, "messages": HELLO}
    answer = await async_client.chat.completions.create(**request)
    assert answer.choices == client.chat.completions.create(**request).choices


def test_a_stream_has_the_text_of_the_whole_answer(client):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_ends_with_the_usage_when_it_was_asked_for(client):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    options = {"include_usage": True}
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options=options)
    *chunks, last = stream
    assert last.choices == []
    assert last.usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_async_client_streams(client, async_client):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    stream = await async_client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    assert text_of([chunk async for chunk in stream]) == whole.choices[0].message.content


def test_a_stream_that_is_left_early_does_not_hinder_the_next_call(client):
    messages = [{"role": "user", "content": "Say a lot"}]
    with client.chat.completions.create(model="rehearsal/long", messages=messages, stream=True) as stream:
        first = next(iter(stream))
    assert first.choices[0].delta.role == "assistant"
    assert client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].finish_reason == "stop"


def test_several_choices_come_with_their_numbers(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, n=3, stream=True))
    texts = {
        index: "".join(
            choice.delta.content or "" for c in chunks for choice in c.choices if choice.index == index
        )
        for index in range(3)
    }
    assert texts == {choice.index: choice.message.content for choice in answer.choices}


def test_a_tool_is_called_and_its_result_is_answered(client):
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert asked.choices[0].finish_reason == "tool_calls"
    [call] = asked.choices[0].message.tool_calls
    assert call.function.name == "weather"
    arguments = json.loads(call.function.arguments)
    assert arguments.keys() == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")
    messages += [
        asked.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "4 degrees, rain"},
    ]
    answered = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert answered.choices[0].finish_reason == "stop"
    assert answered.choices[0].message.content


def test_a_streamed_tool_call_is_the_same_call(client):
    request = {"model": MODEL, "messages": HELLO, "tools": [WEATHER], "tool_choice": "required"}
    [whole] = client.chat.completions.create(**request).choices[0].message.tool_calls
    with client.chat.completions.stream(**request) as stream:
        events = list(stream)
        streamed = stream.get_final_completion()
    [call] = streamed.choices[0].message.tool_calls
    assert (call.id, call.function.name) == (whole.id, whole.function.name)
    assert call.function.arguments == whole.function.arguments
    assert streamed.choices[0].finish_reason == "tool_calls"
    assert [e.name for e in events if e.type == "tool_calls.function.arguments.done"] == ["weather"]


def test_parse_gives_an_object_of_the_asked_type(client):
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Event)
    event = answer.choices[0].message.parsed
    assert isinstance(event, Event)
    assert Event.model_validate_json(answer.choices[0].message.content) == event


async def test_parse_works_in_the_async_client_and_in_a_stream(async_client):
    request = {"model": MODEL, "messages": HELLO, "response_format": Event}
    whole = await async_client.chat.completions.parse(**request)
    async with async_client.chat.completions.stream(**request) as stream:
        streamed = await stream.get_final_completion()
    assert isinstance(streamed.choices[0].message.parsed, Event)
    assert streamed.choices[0].message.parsed == whole.choices[0].message.parsed


def test_parse_checks_the_arguments_of_a_tool(client):
    tool = openai.pydantic_function_tool(Event, name="add_event")
    choice = {"type": "function", "function": {"name": "add_event"}}
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, tools=[tool], tool_choice=choice)
    [call] = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Event)


def png():
    """One white pixel, made here."""

    def part(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0\xff")) + part(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def picture():
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png()}", "detail": "low"}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]


def test_a_picture_is_answered_by_a_model_that_sees(client):
    answer = client.chat.completions.create(model=MODEL, messages=picture())
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 85  # what an image costs at low detail


def test_a_picture_for_a_model_that_cannot_see_is_a_bad_request(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-3.5-turbo", messages=picture())
    assert "image" in caught.value.message
    assert caught.value.code == "unsupported_ability"


def test_a_wrong_key_is_an_authentication_error(client):
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong").chat.completions.create(model=MODEL, messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(caught.value.body)


def test_an_unknown_model_is_not_found_and_near_ones_are_named(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o-minni", messages=HELLO)
    assert "gpt-4o-mini" in caught.value.message
    assert caught.value.body["metadata"]["error_type"] == "not_found"


def test_a_wrong_type_is_a_bad_request_that_names_the_field(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature="hot")
    assert caught.value.param == "temperature"
    assert caught.value.type == "invalid_request_error"


def test_empty_messages_are_a_bad_request(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[])
    assert caught.value.param == "messages"


def test_a_providers_rate_limit_is_a_rate_limit_error_with_retry_after(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="rehearsal/limited", messages=HELLO)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 3600
    assert caught.value.body["metadata"]["error_type"] == "rate_limit_exceeded"


def test_a_broken_provider_is_an_internal_server_error(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="rehearsal/broken", messages=HELLO)
    assert caught.value.status_code == 502
    assert caught.value.body["metadata"]["error_type"] == "provider_unavailable"


def test_a_cut_stream_raises_after_the_text_that_came(client):
    stream = client.chat.completions.create(model="rehearsal/cut", messages=HELLO, stream=True)
    chunks = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            chunks.append(chunk)
    assert "This is the xroute simulator".startswith(text_of(chunks))
    assert text_of(chunks)
    assert caught.value.body["metadata"]["error_type"] == "provider_unavailable"


def test_the_model_list_has_what_can_be_called(client):
    models = {model.id: model for model in client.models.list()}
    assert {"openai/gpt-4o-mini", "openai/gpt-5", "rehearsal/long"} <= models.keys()
    mini = models["openai/gpt-4o-mini"]
    assert mini.object == "model"
    assert mini.context_length == 128_000
    assert "tools" in mini.abilities


def test_one_model_is_found_by_its_id_and_by_its_alias(client):
    by_id = client.models.retrieve("openai/gpt-4o-mini")
    assert client.models.retrieve("gpt-4o-mini") == by_id
    assert by_id.owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")


def test_the_headers_say_who_answered(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    answer = raw.parse()
    assert raw.headers["x-xroute-provider"] == "openai"
    assert raw.headers["x-xroute-model"] == "openai/gpt-4o-mini"
    assert raw.headers["x-xroute-attempts"] == "1"
    assert float(raw.headers["x-xroute-cost"]) == pytest.approx(answer.usage.cost)
    assert answer._request_id == raw.headers["x-request-id"]


def test_a_fallback_list_is_sent_as_an_extra_field(client):
    raw = client.chat.completions.with_raw_response.create(
        model="rehearsal/down", messages=HELLO, extra_body={"models": [MODEL]}
    )
    assert raw.parse().model == MODEL
    assert raw.headers["x-xroute-attempts"] == "2"
