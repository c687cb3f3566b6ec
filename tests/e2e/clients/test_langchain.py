"""LangChain's ChatOpenAI."""

import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

MODEL = "gpt-4o-mini"


class Recipe(BaseModel):
    """A dish."""

    name: str
    steps: list[str]
    serves: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


@pytest.fixture
def chat(gateway):
    return ChatOpenAI(model=MODEL, base_url=gateway.url, api_key=gateway.key, max_retries=0)


def test_invoke_answers_with_usage(chat):
    answer = chat.invoke("Hello")
    assert answer.content.startswith("This is the xroute simulator")
    usage = answer.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"


def test_a_stream_adds_up_to_the_whole_answer(chat):
    whole = chat.invoke("Hello")
    chunks = list(chat.stream("Hello", stream_usage=True))
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert len(chunks) > 10
    assert total.content == whole.content
    assert total.usage_metadata == whole.usage_metadata


async def test_the_async_methods_answer_too(chat):
    whole = await chat.ainvoke("Hello")
    assert "".join([chunk.content async for chunk in chat.astream("Hello")]) == whole.content


def test_a_bound_tool_is_called_and_its_result_answered(chat):
    messages = [HumanMessage("What is the weather in Oslo?")]
    asked = chat.bind_tools([weather]).invoke(messages)
    [call] = asked.tool_calls
    assert call["name"] == "weather"
    assert isinstance(call["args"]["city"], str)
    messages += [asked, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
    answered = chat.bind_tools([weather]).invoke(messages)
    assert answered.content
    assert answered.tool_calls == []


def test_a_streamed_tool_call_is_put_together(chat):
    bound = chat.bind_tools([weather], tool_choice="weather")
    total = None
    for chunk in bound.stream("Hello"):
        total = chunk if total is None else total + chunk
    assert total.tool_calls == bound.invoke("Hello").tool_calls
    assert total.tool_calls[0]["name"] == "weather"


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_is_an_object_of_the_asked_type(chat, method):
    recipe = chat.with_structured_output(Recipe, method=method).invoke("Pancakes")
    assert isinstance(recipe, Recipe)


def test_a_batch_keeps_its_order(chat):
    questions = [f"Question {number}" for number in range(8)]
    answers = [answer.content for answer in chat.batch(questions)]
    assert answers == [chat.invoke(question).content for question in questions]
    assert len(set(answers)) == len(questions)


def test_errors_keep_their_class(chat, gateway):
    with pytest.raises(openai.NotFoundError):
        chat.bind(model="nobody/nothing").invoke("Hello")
    wrong = ChatOpenAI(model=MODEL, base_url=gateway.url, api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.invoke("Hello")
