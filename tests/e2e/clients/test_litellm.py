"""litellm as a client."""

import asyncio

import litellm
import pytest

MODEL = "openai/gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def where(gateway):
    return {"api_base": gateway.url, "api_key": gateway.key, "max_retries": 0}


@pytest.fixture
def loop():
    """litellm's plain functions want a loop in their thread; one that they make themselves stays open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("loop")
def test_a_completion_answers_with_usage(where):
    answer = litellm.completion(model=MODEL, messages=HELLO, **where)
    assert answer.choices[0].message.content.startswith("This is the xroute simulator")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0


@pytest.mark.usefixtures("loop")
def test_a_stream_adds_up_to_the_whole_answer(where):
    whole = litellm.completion(model=MODEL, messages=HELLO, **where)
    chunks = list(
        litellm.completion(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}, **where
        )
    )
    built = litellm.stream_chunk_builder(chunks, messages=HELLO)
    assert built.choices[0].message.content == whole.choices[0].message.content
    assert built.usage.total_tokens == whole.usage.total_tokens


async def test_the_async_functions_answer_too(where):
    whole = await litellm.acompletion(model=MODEL, messages=HELLO, **where)
    stream = await litellm.acompletion(model=MODEL, messages=HELLO, stream=True, **where)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == whole.choices[0].message.content


@pytest.mark.usefixtures("loop")
def test_a_tool_is_called(where):
    answer = litellm.completion(model=MODEL, messages=HELLO, tools=[WEATHER], tool_choice="required", **where)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"


@pytest.mark.usefixtures("loop")
def test_errors_keep_their_class(where):
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(model="openai/no-such-model", messages=HELLO, **where)
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(model=MODEL, messages=HELLO, **{**where, "api_key": "sk-wrong"})
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(model="openai/rehearsal/limited", messages=HELLO, **where)
