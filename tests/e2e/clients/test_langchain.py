"""LangChain's ChatOpenAI, by chat completions and by Responses, and its ChatAnthropic."""

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_anthropic import _client_utils as anthropic_utils
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models import _client_utils as openai_utils
from pydantic import BaseModel

TEXT = "This is the xroute simulator"


class Recipe(BaseModel):
    """A dish."""

    name: str
    steps: list[str]
    serves: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def openai_chat(gateway, model, **more):
    given = {"base_url": gateway.url, "api_key": gateway.key, "model": model, "max_retries": 0}
    return ChatOpenAI(**given | {"stream_usage": True} | more)


def responses_chat(gateway, model, **more):
    return openai_chat(gateway, model, use_responses_api=True, **more)


def anthropic_chat(gateway, model, **more):
    given = {"base_url": gateway.origin, "api_key": gateway.key, "model": model, "max_retries": 0}
    return ChatAnthropic(**given | {"max_tokens": 400} | more)


@pytest.fixture(params=[openai_chat, responses_chat, anthropic_chat])
def make(request):
    return request.param


@pytest.fixture
def chat(gateway, make, model):
    return make(gateway, model)


def added(chunks):
    """The chunks as one message."""
    total, *rest = chunks
    for chunk in rest:
        total += chunk
    return total


def calls(message):
    """Without the ids: those of Responses' own items differ from call to call."""
    return [(call["name"], call["args"]) for call in message.tool_calls]


def counts(message):
    usage = message.usage_metadata
    return usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]


def test_invoke_answers_with_usage(chat):
    answer = chat.invoke("Hello")
    assert answer.text.startswith(TEXT)
    prompt, said, total = counts(answer)
    assert prompt + said == total
    assert min(prompt, said) > 0


def test_a_stream_adds_up_to_the_whole_answer(chat):
    whole = chat.invoke("Hello")
    chunks = list(chat.stream("Hello"))
    total = added(chunks)
    assert len(chunks) > 10
    assert total.text == whole.text
    assert counts(total) == counts(whole)


@pytest.fixture
async def no_memory():
    """LangChain keeps its asynchronous connections for ever, but a test's loop is closed behind it."""
    caches = [openai_utils._cached_async_httpx_client, anthropic_utils._get_default_async_httpx_client]
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


async def test_the_async_methods_answer_too(gateway, model, make, no_memory):
    chat = make(gateway, model)
    whole = await chat.ainvoke("Hello")
    assert "".join([chunk.text async for chunk in chat.astream("Hello")]) == whole.text
    client = chat._async_client if make is anthropic_chat else chat.root_async_client
    await client.close()


def test_a_bound_tool_is_called_and_its_result_answered(chat):
    messages = [HumanMessage("What is the weather in Oslo?")]
    asked = chat.bind_tools([weather]).invoke(messages)
    [call] = asked.tool_calls
    assert call["name"] == "weather"
    assert isinstance(call["args"]["city"], str)
    messages += [asked, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
    answered = chat.bind_tools([weather]).invoke(messages)
    assert answered.text
    assert answered.tool_calls == []


def test_a_streamed_tool_call_is_put_together(chat):
    bound = chat.bind_tools([weather], tool_choice="weather")
    total = added(list(bound.stream("Hello")))
    assert calls(total) == calls(bound.invoke("Hello"))
    assert total.tool_calls[0]["name"] == "weather"


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_is_an_object_of_the_asked_type(chat, method):
    recipe = chat.with_structured_output(Recipe, method=method).invoke("Pancakes")
    assert isinstance(recipe, Recipe)


def test_a_batch_keeps_its_order(gateway):
    chat = openai_chat(gateway, "gpt-4o-mini")
    questions = [f"Question {number}" for number in range(8)]
    answers = [answer.content for answer in chat.batch(questions)]
    assert answers == [chat.invoke(question).content for question in questions]
    assert len(set(answers)) == len(questions)


def test_errors_keep_their_class(gateway, make):
    package = anthropic if make is anthropic_chat else openai
    for given, error in [
        ({"model": "nobody/nothing"}, package.NotFoundError),
        ({"model": "rehearsal/limited"}, package.RateLimitError),
        ({"api_key": "sk-wrong"}, package.AuthenticationError),
    ]:
        chat = make(gateway, **{"model": "gpt-4o-mini"} | given)
        with pytest.raises(error):
            chat.invoke("Hello")
