"""Codex CLI in front of the gateway, an OpenAI-like provider that knows nothing of its API behind it."""

import orjson
import pytest
from tests.fixtures import codex
from tests.gateway.scripted import answer, completion, event, scripting, stream
from tests.gateway.stage import provider, running
from tests.unit.dialects.openai_responses.compliance import events_of

PATH = "/v1/responses"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def called(index, name, arguments):
    call = {"index": index, "id": f"call_{index}", "type": "function"}
    half = len(arguments) // 2
    yield event({"tool_calls": [{**call, "function": {"name": name, "arguments": arguments[:half]}}]})
    yield event({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})


FIRST = stream(
    event({"role": "assistant", "reasoning_content": "A patch "}),
    event({"reasoning_content": "will do."}),
    event({"content": "I add it."}),
    *called(0, "apply_patch", orjson.dumps({"input": codex.PATCH}).decode()),
    *called(1, "exec_command", '{"cmd": "ls"}'),
    *called(2, "mcp__docs__search", '{"query": "hi"}'),
    event({}, "tool_calls"),
    event({}, **{"choices": [], "usage": USAGE}),
    b"data: [DONE]\n\n",
)


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(FIRST, stream(event({"content": "Done."}), event({}, "stop"), b"data: [DONE]\n\n"))
        yield upstream


@pytest.fixture
async def stage(upstream, tmp_path):
    async with running(tmp_path, {"providers": {"house": provider(upstream.url, ("up", "m"))}}) as stage:
        yield stage


async def turn(stage, *items):
    """The events of one turn, by name and parsed."""
    reply = await stage.client.post(PATH, content=orjson.dumps(codex.ask("m", *items)))
    assert reply.headers["content-type"].startswith("text/event-stream")
    return [(name, orjson.loads(data)) for name, data in events_of(reply.content)]


def done(events):
    """The items that Codex acts on: it reads them from these events, and not from the last one."""
    return [event["item"] for name, event in events if name == "response.output_item.done"]


async def test_a_turn_has_reasoning_a_message_and_every_kind_of_call(stage, upstream):
    events = await turn(stage)
    thought, message, patch, command, search = done(events)
    assert thought["summary"] == [{"type": "summary_text", "text": "A patch will do."}]
    assert message["content"][0]["text"] == "I add it."
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", codex.PATCH)
    assert (command["type"], command["arguments"]) == ("function_call", '{"cmd": "ls"}')
    assert (search["namespace"], search["name"]) == ("mcp__docs__", "search")
    name, last = events[-1]
    assert name == "response.completed"
    assert last["response"]["usage"]["total_tokens"] == 15
    sent = upstream.seen[0].body
    assert [said["role"] for said in sent["messages"]] == ["system", "system", "user", "user"]
    assert "mcp__docs__search" in [tool.get("function", {}).get("name") for tool in sent["tools"]]
    assert not {"store", "include", "text", "client_metadata", "instructions", "input"} & sent.keys()


async def test_the_next_turn_brings_everything_back(stage, upstream):
    items = done(await turn(stage))
    results = [codex.result(item, f"result of {item['name']}") for item in items[2:]]
    events = await turn(stage, *map(codex.back, items), *results)
    assert done(events)[0]["content"][0]["text"] == "Done."
    *_, said, first, second, third = upstream.seen[1].body["messages"]
    assert said["content"] == "I add it."
    names = [(call.get("function") or call["custom"])["name"] for call in said["tool_calls"]]
    assert names == ["apply_patch", "exec_command", "mcp__docs__search"]
    told = [(each["tool_call_id"], each["content"]) for each in (first, second, third)]
    assert told == [
        ("call_0", "result of apply_patch"),
        ("call_1", "result of exec_command"),
        ("call_2", "result of search"),
    ]


async def test_the_conversation_can_be_compacted(stage, upstream):
    items = done(await turn(stage))
    upstream.play(answer(completion("A file was added.")))
    asked = {"model": "m", "instructions": "x", "input": [*codex.BEGIN, *map(codex.back, items)]}
    reply = await stage.client.post(f"{PATH}/compact", content=orjson.dumps(asked))
    *said, compaction = reply.json()["output"]
    assert [item["role"] for item in said] == ["user", "user"]
    assert compaction["type"] == "compaction"
    assert "*** Add File: a.txt" in upstream.seen[1].body["messages"][1]["content"]
