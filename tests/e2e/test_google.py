"""Google's own Python client, unchanged but for its base URL, and whoever serves the model."""

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

MODEL = "gpt-4o-mini"
TEXT = "This is the xroute simulator"
ANY = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))


class Person(BaseModel):
    """What the answer is to be."""

    name: str
    cities: list[str]
    born: int


def client_of(gateway, key=None, **more):
    retry = types.HttpRetryOptions(attempts=1)
    options = types.HttpOptions(base_url=gateway.origin, retry_options=retry, **more)
    return genai.Client(api_key=key or gateway.key, http_options=options)


@pytest.fixture(params=[None, "v1beta"])
def any_client(gateway, request):
    """Of the version of Google's API that it asks for by itself, and of the other."""
    version = {"api_version": request.param} if request.param else {}
    with client_of(gateway, **version) as client:
        yield client


@pytest.fixture
def client(gateway):
    with client_of(gateway) as client:
        yield client


@pytest.fixture
def weather():
    """A tool that the client runs by itself, and the cities that it was asked for."""
    asked = []

    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "4 degrees, rain"

    return weather, asked


def text_of(chunks):
    return "".join(chunk.text or "" for chunk in chunks)


def counts(usage):
    return usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count


def test_an_answer_has_text_and_usage(any_client, model):
    said = any_client.models.generate_content(model=model, contents="Hello")
    assert said.text.startswith(TEXT)
    assert said.candidates[0].finish_reason == types.FinishReason.STOP
    prompt, answer, total = counts(said.usage_metadata)
    assert prompt + answer == total
    assert min(prompt, answer) > 0


def test_a_stream_adds_up_to_the_whole_answer(any_client, model):
    whole = any_client.models.generate_content(model=model, contents="Hello")
    chunks = list(any_client.models.generate_content_stream(model=model, contents="Hello"))
    assert len(chunks) > 10
    assert text_of(chunks) == whole.text
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert counts(chunks[-1].usage_metadata) == counts(whole.usage_metadata)


async def test_the_async_client_answers_too(gateway, client, model):
    whole = client.models.generate_content(model=model, contents="Hello").text
    async with client_of(gateway).aio as other:
        assert (await other.models.generate_content(model=model, contents="Hello")).text == whole
        stream = await other.models.generate_content_stream(model=model, contents="Hello")
        assert text_of([chunk async for chunk in stream]) == whole


def test_a_chat_remembers_what_was_said(client, model):
    chat = client.chats.create(model=model, config={"system_instruction": "Be brief."})
    first, second = chat.send_message("Hello").usage_metadata, chat.send_message("And?").usage_metadata
    assert [turn.role for turn in chat.get_history()] == ["user", "model", "user", "model"]
    assert second.prompt_token_count > first.total_token_count


def test_too_few_tokens_are_told_as_such(client, model):
    said = client.models.generate_content(model=model, contents="Hello", config={"max_output_tokens": 16})
    assert said.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert said.usage_metadata.candidates_token_count == 16


def test_a_tool_is_called_and_its_result_is_answered(client, model):
    city = types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"])
    declared = types.FunctionDeclaration(name="weather", description="Of a city.", parameters=city)
    config = {"tools": [types.Tool(function_declarations=[declared])]}
    asked = client.models.generate_content(
        model=model, contents="Hello", config={**config, "tool_config": ANY}
    )
    [call] = asked.function_calls
    assert (call.name, call.args.keys()) == ("weather", {"city"})
    assert asked.candidates[0].finish_reason == types.FinishReason.STOP
    result = types.Part.from_function_response(name="weather", response={"result": "rain"})
    result.function_response.id = call.id
    turns = [
        types.UserContent("Hello"),
        asked.candidates[0].content,
        types.Content(role="user", parts=[result]),
    ]
    answered = client.models.generate_content(model=model, contents=turns, config=config)
    assert answered.text
    assert not answered.function_calls


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_runs_its_tools_until_there_is_an_answer(client, model, weather, stream):
    tool, asked = weather
    chat = client.chats.create(model=model, config={"tools": [tool]})
    if stream:
        text = text_of(chat.send_message_stream("What is the weather in Oslo?"))
    else:
        text = chat.send_message("What is the weather in Oslo?").text
    assert len(asked) == 1
    assert text


def test_a_schema_gives_an_object_of_the_asked_type(client, model):
    config = {"response_mime_type": "application/json", "response_schema": Person}
    said = client.models.generate_content(model=model, contents="Hello", config=config)
    assert isinstance(said.parsed, Person)
    assert Person.model_validate_json(said.text) == said.parsed


def test_a_json_schema_is_kept_by_the_answer(client, model):
    config = {
        "response_mime_type": "application/json",
        "response_json_schema": Person.model_json_schema(),
    }
    chunks = list(client.models.generate_content_stream(model=model, contents="Hello", config=config))
    assert Person.model_validate_json(text_of(chunks))


def test_tokens_are_counted_before_they_are_spent(any_client, model):
    few = any_client.models.count_tokens(model=model, contents="Hello")
    many = any_client.models.count_tokens(model=model, contents="Hello, and tell me a lot of stories")
    assert 0 < few.total_tokens < many.total_tokens


def told(caught):
    """Our word for what went wrong."""
    return caught.value.details["error"]["metadata"]["error_type"]


@pytest.mark.parametrize(
    ("change", "error", "status", "word"),
    [
        ({"model": "nobody/nothing"}, errors.ClientError, "NOT_FOUND", "not_found"),
        ({"model": "rehearsal/limited"}, errors.ClientError, "RESOURCE_EXHAUSTED", "rate_limit_exceeded"),
        ({"model": "rehearsal/broken"}, errors.ServerError, "UNAVAILABLE", "provider_unavailable"),
        ({"config": {"temperature": 99}}, errors.ClientError, "INVALID_ARGUMENT", "invalid_request"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_their_class_and_our_word(client, change, error, status, word, stream):
    ask = client.models.generate_content_stream if stream else client.models.generate_content
    with pytest.raises(error) as caught:
        list(ask(**{"model": MODEL, "contents": "Hello", **change}))
    assert (caught.value.status, told(caught)) == (status, word)


def test_a_wrong_key_is_refused_in_googles_words(gateway):
    with client_of(gateway, "sk-wrong") as client, pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="Hello")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert told(caught) == "authentication"


def test_a_cut_stream_raises_after_the_text_that_came(client):
    chunks = []
    with pytest.raises(errors.ServerError) as caught:
        for chunk in client.models.generate_content_stream(model="rehearsal/cut", contents="Hello"):
            chunks.append(chunk)
    assert text_of(chunks)
    assert TEXT.startswith(text_of(chunks))
    assert told(caught) == "provider_unavailable"
