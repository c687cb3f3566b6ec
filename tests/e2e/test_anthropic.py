"""Anthropic's own Python client, unchanged but for its base URL, and whoever serves the model."""

import json

import anthropic
import pytest
from pydantic import BaseModel
from tests.e2e.conftest import MODELS

MODEL = "gpt-4o-mini"
THINKERS = [MODELS[dialect] for dialect in ("openai_responses", "anthropic", "gemini")]
TEXT = "This is the xroute simulator"
HELLO = [{"role": "user", "content": "Hello"}]
ASK = {"max_tokens": 400, "messages": HELLO}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "The weather of a city.", "input_schema": CITY}


class Person(BaseModel):
    """What `parse` is to make of the answer."""

    name: str
    cities: list[str]
    born: int


@pytest.fixture
def client(gateway):
    with anthropic.Anthropic(api_key=gateway.key, base_url=gateway.origin, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(gateway):
    options = {"api_key": gateway.key, "base_url": gateway.origin, "max_retries": 0}
    async with anthropic.AsyncAnthropic(**options) as client:
        yield client


@pytest.fixture
def weather():
    """A tool that the client runs by itself, and the cities that it was asked for."""
    asked = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: Its name.
        """
        asked.append(city)
        return "4 degrees, rain"

    return weather, asked


def counts(usage):
    return usage.input_tokens, usage.output_tokens


def test_a_message_has_text_usage_and_a_cost(client, model):
    raw = client.messages.with_raw_response.create(model=model, **ASK, system="Be brief.")
    said = raw.parse()
    assert (said.type, said.role, said.stop_reason) == ("message", "assistant", "end_turn")
    [block] = said.content
    assert block.text.startswith(TEXT)
    assert min(counts(said.usage)) > 0
    assert float(raw.headers["x-xroute-cost"]) >= 0


async def test_the_async_client_gets_the_same_message(client, async_client, model):
    said = await async_client.messages.create(model=model, **ASK)
    assert said.content == client.messages.create(model=model, **ASK).content


def test_a_bearer_token_is_taken_too(gateway):
    options = {"auth_token": gateway.key, "api_key": None, "base_url": gateway.origin}
    with anthropic.Anthropic(**options, max_retries=0) as client:
        assert client.messages.create(model=MODEL, **ASK).content


def test_a_stream_adds_up_to_the_whole_message(client, model):
    whole = client.messages.create(model=model, **ASK)
    with client.messages.stream(model=model, **ASK) as stream:
        parts = list(stream.text_stream)
        streamed = stream.get_final_message()
    assert len(parts) > 10
    assert "".join(parts) == whole.content[0].text == streamed.content[0].text
    assert (streamed.stop_reason, counts(streamed.usage)) == (whole.stop_reason, counts(whole.usage))


def test_the_events_of_a_stream_come_in_their_order(client, model):
    kinds = [event.type for event in client.messages.create(model=model, **ASK, stream=True)]
    between = kinds[2:-3]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert {*between} - {"ping"} == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


async def test_the_async_client_streams(client, async_client, model):
    whole = client.messages.create(model=model, **ASK)
    async with async_client.messages.stream(model=model, **ASK) as stream:
        assert "".join([text async for text in stream.text_stream]) == whole.content[0].text


def test_a_stream_that_is_left_early_does_not_hinder_the_next_call(client):
    with client.messages.stream(model="rehearsal/long", **ASK) as stream:
        assert next(iter(stream.text_stream))
    assert client.messages.create(model=MODEL, **ASK).stop_reason == "end_turn"


def test_too_few_tokens_are_told_as_such(client, model):
    said = client.messages.create(model=model, max_tokens=16, messages=HELLO)
    assert (said.stop_reason, said.usage.output_tokens) == ("max_tokens", 16)


def test_a_tool_is_called_and_its_result_is_answered(client, model):
    request = {"model": model, "max_tokens": 400, "tools": [WEATHER]}
    asked = client.messages.create(**request, messages=HELLO, tool_choice={"type": "any"})
    assert asked.stop_reason == "tool_use"
    [call] = asked.content
    assert (call.name, call.input.keys()) == ("weather", {"city"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "rain"}]}
    turns = [
        *HELLO,
        {"role": "assistant", "content": asked.content},
        {"role": "user", "content": [result]},
    ]
    answered = client.messages.create(**request, messages=turns)
    assert (answered.stop_reason, answered.content[0].type) == ("end_turn", "text")


@pytest.mark.parametrize("model", THINKERS)
def test_thoughts_come_with_a_call_and_go_back_with_its_result(client, model):
    thinking = {"type": "enabled", "budget_tokens": 1500}
    request = {"model": model, "max_tokens": 4000, "tools": [WEATHER], "thinking": thinking}
    asked = client.messages.create(**request, messages=HELLO)
    thought, call = asked.content
    assert (thought.type, call.type) == ("thinking", "tool_use")
    assert thought.thinking and thought.signature
    with client.messages.stream(**request, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert (streamed.content[0].thinking, streamed.content[1].input) == (thought.thinking, call.input)
    for said in (asked, streamed):
        result = {"type": "tool_result", "tool_use_id": said.content[1].id, "content": "rain"}
        turns = [{"role": "assistant", "content": said.content}, {"role": "user", "content": [result]}]
        answered = client.messages.create(**request, messages=[*HELLO, *turns])
        assert answered.content[-1].text


def test_a_streamed_call_is_the_same_call(client, model):
    request = {"model": model, **ASK, "tools": [WEATHER], "tool_choice": {"type": "tool", "name": "weather"}}
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        streamed = stream.get_final_message()
    assert json.loads("".join(parts)) == streamed.content[0].input
    assert streamed.stop_reason == "tool_use"
    assert [(c.name, c.input) for c in streamed.content] == [(c.name, c.input) for c in whole.content]


@pytest.mark.parametrize("stream", [False, True])
def test_the_tool_runner_runs_until_there_is_an_answer(client, model, weather, stream):
    tool, asked = weather
    runner = client.beta.messages.tool_runner(model=model, **ASK, tools=[tool], stream=stream)
    messages = [each.get_final_message() if stream else each for each in runner]
    assert [each.stop_reason for each in messages] == ["tool_use", "end_turn"]
    assert asked == [messages[0].content[0].input["city"]]
    assert messages[1].content[0].text


def test_parse_gives_an_object_of_the_asked_type(client, model):
    said = client.messages.parse(model=model, **ASK, output_format=Person)
    assert isinstance(said.parsed_output, Person)
    assert Person.model_validate_json(said.content[0].text) == said.parsed_output


def test_a_stream_is_parsed_at_its_end(client, model):
    whole = client.messages.parse(model=model, **ASK, output_format=Person)
    with client.messages.stream(model=model, **ASK, output_format=Person) as stream:
        assert stream.get_final_message().parsed_output == whole.parsed_output


def test_tokens_are_counted_before_they_are_spent(client, model):
    few = client.messages.count_tokens(model=model, messages=HELLO)
    many = client.messages.count_tokens(model=model, messages=HELLO, tools=[WEATHER], system="Be brief.")
    assert 0 < few.input_tokens < many.input_tokens


def told(caught):
    """Our word for what went wrong."""
    return caught.value.body["error"]["error_type"]


@pytest.mark.parametrize(
    ("change", "error", "kind", "word"),
    [
        ({"model": "nobody/nothing"}, anthropic.NotFoundError, "not_found_error", "not_found"),
        ({"model": "rehearsal/limited"}, anthropic.RateLimitError, "rate_limit_error", "rate_limit_exceeded"),
        ({"model": "rehearsal/broken"}, anthropic.InternalServerError, "api_error", "provider_unavailable"),
        ({"messages": []}, anthropic.BadRequestError, "invalid_request_error", "invalid_prompt"),
        ({"temperature": "hot"}, anthropic.BadRequestError, "invalid_request_error", "invalid_request"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_their_class_and_our_word(client, change, error, kind, word, stream):
    extra = {"extra_body": change} if "temperature" in change else change
    with pytest.raises(error) as caught:
        client.messages.create(**{"model": MODEL, **ASK, **extra}, stream=stream)
    assert (caught.value.type, told(caught)) == (kind, word)


def test_a_rate_limit_says_when_to_come_again(client):
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(model="rehearsal/limited", **ASK)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 3600


def test_a_wrong_key_is_an_authentication_error(client):
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong").messages.create(model=MODEL, **ASK)
    assert told(caught) == "authentication"
    assert "sk-wrong" not in str(caught.value.body)


def test_a_cut_stream_raises_after_the_text_that_came(client):
    parts = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model="rehearsal/cut", **ASK) as stream,
    ):
        parts.extend(stream.text_stream)
    assert TEXT.startswith("".join(parts))
    assert parts
    assert (caught.value.type, told(caught)) == ("api_error", "provider_unavailable")
