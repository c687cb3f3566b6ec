"""LlamaIndex's OpenAILike, made for servers that speak OpenAI's dialect."""

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

TEXT = "This is the xroute simulator"


class Recipe(BaseModel):
    """A dish."""

    name: str
    steps: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


@pytest.fixture
def llm(gateway):
    return OpenAILike(
        model="openai/gpt-4o-mini",
        api_base=gateway.url,
        api_key=gateway.key,
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=128_000,
        max_retries=0,
    )


def test_complete_and_chat_answer(llm):
    assert llm.complete("Hello").text.startswith(TEXT)
    answer = llm.chat([ChatMessage(role="user", content="Hello")])
    assert answer.message.content.startswith(TEXT)
    assert answer.raw.usage.total_tokens > 0


def test_a_stream_adds_up_to_the_whole_answer(llm):
    messages = [ChatMessage(role="user", content="Hello")]
    whole = llm.chat(messages).message.content
    chunks = list(llm.stream_chat(messages))
    assert "".join(chunk.delta or "" for chunk in chunks) == whole
    assert chunks[-1].message.content == whole


async def test_the_async_methods_answer_too(llm):
    messages = [ChatMessage(role="user", content="Hello")]
    whole = (await llm.achat(messages)).message.content
    stream = await llm.astream_chat(messages)
    assert "".join([chunk.delta or "" async for chunk in stream]) == whole


def test_a_tool_is_called_with_its_arguments(llm):
    tool = FunctionTool.from_defaults(weather)
    answer = llm.chat_with_tools([tool], user_msg="What is the weather in Oslo?", tool_required=True)
    [call] = llm.get_tool_calls_from_response(answer)
    assert call.tool_name == "weather"
    assert tool(**call.tool_kwargs).content.startswith("rain in ")


def test_a_program_gives_an_object_of_the_asked_type(llm):
    program = FunctionCallingProgram.from_defaults(
        output_cls=Recipe, prompt_template_str="A recipe for {dish}", llm=llm
    )
    assert isinstance(program(dish="pancakes"), Recipe)
