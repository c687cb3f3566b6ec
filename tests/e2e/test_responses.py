"""OpenAI's own Python client and its Responses API, and whoever serves the model."""

import json

import openai
import pytest
from pydantic import BaseModel
from tests.e2e.conftest import MODELS

MODEL = "gpt-4o-mini"
THINKERS = [MODELS[dialect] for dialect in ("openai_responses", "anthropic", "gemini")]
TEXT = "This is the xroute simulator"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Person(BaseModel):
    """What `parse` is to make of the answer."""

    name: str
    cities: list[str]
    born: int


@pytest.fixture
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


def test_a_response_has_text_usage_and_a_cost(client, model):
    said = client.responses.create(model=model, input="Hello", instructions="Be brief.")
    assert (said.object, said.status, said.instructions) == ("response", "completed", "Be brief.")
    assert said.output_text.startswith(TEXT)
    usage = said.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert min(usage.input_tokens, usage.output_tokens) > 0
    assert usage.cost >= 0


def test_the_events_of_a_stream_add_up_to_the_whole_response(client, model):
    whole = client.responses.create(model=model, input="Hello")
    with client.responses.stream(model=model, input="Hello") as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    parts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(parts) > 10
    assert "".join(parts) == streamed.output_text == whole.output_text
    assert streamed.usage.total_tokens == whole.usage.total_tokens


async def test_the_async_client_answers_too(gateway, client, model):
    whole = client.responses.create(model=model, input="Hello").output_text
    async with openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as other:
        assert (await other.responses.create(model=model, input="Hello")).output_text == whole
        stream = await other.responses.create(model=model, input="Hello", stream=True)
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole


def test_a_conversation_goes_on_from_its_last_response(client, model):
    first = client.responses.create(model=model, input="Hello")
    second = client.responses.create(model=model, input="And?", previous_response_id=first.id)
    assert second.usage.input_tokens > first.usage.total_tokens
    assert client.responses.retrieve(second.id).output_text == second.output_text
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


def test_too_few_tokens_leave_a_response_incomplete(client, model):
    said = client.responses.create(model=model, input="Hello", max_output_tokens=16)
    assert (said.status, said.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert said.usage.output_tokens == 16


@pytest.mark.parametrize("kept", [False, True])
def test_a_tool_is_called_and_its_result_is_answered(client, model, kept):
    request = {"model": model, "tools": [WEATHER], "store": kept}
    asked = client.responses.create(**request, input="Hello", tool_choice="required")
    [call] = [item for item in asked.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments).keys()) == ("weather", {"city"})
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"}
    if kept:
        answered = client.responses.create(**request, input=[result], previous_response_id=asked.id)
    else:
        turns = [{"role": "user", "content": "Hello"}, *asked.output, result]
        answered = client.responses.create(**request, input=turns)
    assert answered.output_text
    assert {item.type for item in answered.output} <= {"message", "reasoning"}


@pytest.mark.parametrize("model", THINKERS)
def test_reasoning_comes_with_a_call_and_goes_back_with_its_result(client, model):
    request = {
        "model": model,
        "tools": [WEATHER],
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    asked = client.responses.create(**request, input="Hello")
    thought, call = asked.output
    assert (thought.type, call.type) == ("reasoning", "function_call")
    assert thought.summary[0].text and thought.encrypted_content
    assert asked.usage.output_tokens_details.reasoning_tokens > 0
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"}
    turns = [{"role": "user", "content": "Hello"}, *asked.output, result]
    assert client.responses.create(**request, input=turns).output_text


def test_a_streamed_call_is_the_same_call(client, model):
    choice = {"type": "function", "name": "weather"}
    request = {"model": model, "input": "Hello", "tools": [WEATHER], "tool_choice": choice}
    [whole] = client.responses.create(**request).output
    with client.responses.stream(**request) as stream:
        events = list(stream)
        [streamed] = stream.get_final_response().output
    parts = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(parts) == streamed.arguments
    assert (streamed.name, json.loads(streamed.arguments)) == ("weather", json.loads(whole.arguments))


def test_parse_gives_an_object_of_the_asked_type(client, model):
    said = client.responses.parse(model=model, input="Hello", text_format=Person)
    assert isinstance(said.output_parsed, Person)
    with client.responses.stream(model=model, input="Hello", text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == said.output_parsed


def test_tokens_are_counted_before_they_are_spent(client, model):
    few = client.responses.input_tokens.count(model=model, input="Hello")
    many = client.responses.input_tokens.count(model=model, input="Hello", tools=[WEATHER])
    assert 0 < few.input_tokens < many.input_tokens


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"model": "nobody/nothing"}, openai.NotFoundError, "not_found"),
        ({"model": "rehearsal/limited"}, openai.RateLimitError, "rate_limit_exceeded"),
        ({"model": "rehearsal/broken"}, openai.InternalServerError, "provider_unavailable"),
        ({"temperature": "hot"}, openai.BadRequestError, "invalid_request"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_their_class_and_our_word(client, change, error, word, stream):
    with pytest.raises(error) as caught:
        client.responses.create(**{"model": MODEL, "input": "Hello", **change}, stream=stream)
    assert caught.value.body["metadata"]["error_type"] == word


def test_a_wrong_key_is_an_authentication_error(client):
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong").responses.create(model=MODEL, input="Hello")
    assert caught.value.code == "invalid_api_key"


def test_a_cut_stream_fails_after_the_text_that_came(client):
    events = list(client.responses.create(model="rehearsal/cut", input="Hello", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text
    assert TEXT.startswith(text)
    assert "response.completed" not in {event.type for event in events}
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.error_type == "provider_unavailable"
