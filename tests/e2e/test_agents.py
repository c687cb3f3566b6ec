"""Sessions of Claude Code and Codex CLI, as these programs write them, at a provider of each dialect."""

import httpx2
import orjson
import pytest
from tests.e2e.conftest import MODELS
from tests.fixtures import claude, codex
from tests.fixtures.events import fold

SEEING = MODELS | {"cohere": "command-a-plus"}  # a session has a picture in it


@pytest.fixture(params=SEEING)
def model(request):
    return SEEING[request.param]


@pytest.fixture
def http(gateway):
    headers = {"authorization": f"Bearer {gateway.key}"}
    with httpx2.Client(base_url=gateway.origin, headers=headers, trust_env=False, timeout=120) as http:
        yield http


def message(http, body):
    """The message that a stream adds up to."""
    reply = http.post("/v1/messages?beta=true", content=orjson.dumps(body), headers=claude.HEADERS)
    assert reply.status_code == 200, reply.text
    return fold(reply.content)


def items(http, body):
    """The items that Codex acts on, from a stream that ends as it should."""
    reply = http.post("/v1/responses", content=orjson.dumps(body))
    assert reply.status_code == 200, reply.text
    lines = [line[6:] for line in reply.content.splitlines() if line.startswith(b"data: ")]
    events = [orjson.loads(line) for line in lines if line != b"[DONE]"]
    assert events[-1]["type"] == "response.completed", events[-1]
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def test_claude_code_works_until_it_has_an_answer(http, model):
    body = claude.turn(model=model)
    asked = message(http, body)
    calls = [block for block in asked["content"] if block["type"] == "tool_use"]
    assert (asked["stop_reason"], bool(calls)) == ("tool_use", True)
    assert {call["name"] for call in calls} <= {tool["name"] for tool in body["tools"]}
    results = [claude.result(call["id"], "done") for call in calls]
    turns = [{"role": "assistant", "content": asked["content"]}, {"role": "user", "content": results}]
    answered = message(http, body | {"messages": [*body["messages"], *turns]})
    assert answered["stop_reason"] == "end_turn"
    assert answered["content"][-1]["text"]
    assert answered["usage"]["input_tokens"] > 0


def test_claude_code_gets_a_title_and_a_count(http, model):
    titled = message(http, claude.title(model=model))
    assert orjson.loads(titled["content"][-1]["text"]).keys() == {"title"}
    counted = http.post("/v1/messages/count_tokens", content=orjson.dumps(claude.count() | {"model": model}))
    assert counted.json()["input_tokens"] > 0


def test_codex_works_until_it_has_an_answer(http, model):
    asked = items(http, codex.ask(model))
    calls = [item for item in asked if item["type"] in ("function_call", "custom_tool_call")]
    assert calls
    results = [codex.result(call, "done") for call in calls]
    answered = items(http, codex.ask(model, *map(codex.back, asked), *results))
    assert answered[-1]["type"] == "message"
    assert answered[-1]["content"][0]["text"]
