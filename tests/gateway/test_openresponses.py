"""The requests of Open Responses' own compliance tests, each answer and each event checked.

https://github.com/openresponses/openresponses, src/lib/compliance-tests.ts, read 2026-11-21: the ten that
are made over HTTP.
"""

import orjson
import pytest
from tests.gateway.scripted import answer, completion, event, scripting, stream, words
from tests.gateway.stage import provider, running
from tests.unit.dialects.openai_responses.compliance import check, check_event, events_of

PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQ=="
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state"}},
        "required": ["location"],
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"location":"SF"}'},
}
CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": None, "tool_calls": [CALL]},
    "finish_reason": "tool_calls",
}


def message(role, content, **more):
    return {"type": "message", "role": role, "content": content, **more}


PICTURE = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": PNG}]
PLAIN = {
    "basic-response": [message("user", "Say hello in exactly 3 words.")],
    "assistant-phase": [
        message("assistant", "I should answer with the saved number.", phase="commentary"),
        message("assistant", "The number is four.", phase="final_answer"),
        message("user", "Repeat only the number."),
    ],
    "system-prompt": [message("system", "You are a pirate."), message("user", "Say hello.")],
    "image-input": [message("user", PICTURE)],
    "multi-turn": [
        message("user", "My name is Alice."),
        message("assistant", "Hello Alice!"),
        message("user", "What is my name?"),
    ],
}


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(answer(completion()))
        yield upstream


@pytest.fixture
async def ask(upstream, tmp_path):
    async with running(tmp_path, {"providers": {"house": provider(upstream.url, ("up", "m"))}}) as stage:

        async def post(path="", **body):
            return await stage.client.post(f"/v1/responses{path}", content=orjson.dumps(body))

        yield post


@pytest.mark.parametrize("name", PLAIN)
async def test_an_answer_is_complete(ask, name):
    reply = await ask(model="m", input=PLAIN[name], stream=False)
    assert reply.status_code == 200
    check(reply.json())
    assert reply.json()["status"] == "completed"
    assert reply.json()["output"]


async def test_a_stream_is_complete(ask, upstream):
    upstream.play(stream(*words("1 2 ", "3 4 5", usage=USAGE)))
    reply = await ask(model="m", input=[message("user", "Count from 1 to 5.")], stream=True)
    last = checked(reply.content)[-1]
    assert last["response"]["status"] == "completed"


async def test_a_tool_is_called(ask, upstream):
    upstream.play(answer(completion(choices=[CHOICE])))
    reply = await ask(model="m", input=[message("user", "Weather?")], tools=[WEATHER], stream=False)
    check(reply.json())
    assert [item["type"] for item in reply.json()["output"]] == ["function_call"]


async def test_a_tool_is_called_in_a_stream(ask, upstream):
    upstream.play(
        stream(
            event({"role": "assistant", "tool_calls": [{**CALL, "index": 0}]}),
            event({}, "tool_calls"),
            event({}, **{"choices": [], "usage": USAGE}),
            b"data: [DONE]\n\n",
        )
    )
    reply = await ask(model="m", input=[message("user", "Weather?")], tools=[WEATHER], stream=True)
    events = checked(reply.content)
    kinds = [each["type"] for each in events]
    assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= set(kinds)
    items = [each["item"]["type"] for each in events if each["type"].startswith("response.output_item")]
    assert items == ["function_call", "function_call"]


async def test_a_conversation_is_compacted(ask):
    items = [message("user", "We agreed to launch on Tuesday."), message("assistant", "Understood.")]
    reply = await ask("/compact", model="m", prompt_cache_key="k", input=items)
    check(reply.json())
    assert [item["type"] for item in reply.json()["output"]] == ["message", "compaction"]


async def test_compacting_without_a_model_is_refused(ask):
    reply = await ask("/compact", input=[message("user", "Compact this conversation.")])
    assert reply.status_code == 400


def checked(raw):
    events = []
    for name, data in events_of(raw):
        events.append(orjson.loads(data))
        check_event(name, events[-1])
    check(events[-1]["response"])
    return events
