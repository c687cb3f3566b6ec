"""A streamed conversation with tools: OpenAI's client in front, a provider's recorded traffic behind.

What the provider said was recorded by public projects (tests/wire/README.md); the expected words stand here.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import openai
import orjson
import pytest
from tests.gateway.scripted import answer, scripting
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY
from tests.wire.recordings import SHARED, Recording, read

RESULT = "17 degrees and fog, says station 4711"
QUESTION = "What is it like out there?"


@dataclass(frozen=True)
class Talk:
    """Two recorded turns: one that calls a tool, one that answers."""

    dialect: str
    source: str  # how the path of the recording ends
    tool: str
    arguments: dict[str, Any]
    says: str  # a part of the second answer
    tokens: tuple[int, int]  # of the second answer: in, out


TALKS = (
    Talk(
        "anthropic",
        "opus_4_7/messages_adaptive_thinking_streaming_tool_roundtrip_smoke.yaml",
        "get_weather",
        {"city": "Tokyo"},
        "Pack **sunscreen**! 🌞",
        (1036, 179),
    ),
    Talk(
        "gemini",
        "hook_stress_streaming/streaming_active_tools_narrowing_filters_a_tool.yaml",
        "add",
        {"x": 12, "y": 8},
        "I can compute 12 + 8 = 20.",
        (205, 32),
    ),
    Talk(
        "bedrock",
        "amazon_nova-2-lite-v1_0_can_use_tools_with_multi-turn_streaming_conversations.yml",
        "weather",
        {"latitude": "52.5200", "longitude": "13.4050"},
        "is **15°C** with a wind speed of **10 km/h**.",
        (1078, 33),
    ),
    Talk(
        "cohere",
        "cohere/streaming_tools/streaming_tool_call_roundtrip.yaml",
        "subtract",
        {"x": 2, "y": 5},
        "The result of 2 - 5 is -3.",
        (1689, 24),
    ),
)


def recorded(talk: Talk) -> list[Recording]:
    """The two turns; the test is skipped where the recordings are not at hand."""
    file = SHARED / f"{talk.dialect}.jsonl.xz"
    if not file.exists():
        pytest.skip(f"the recordings are not at hand: {file.name}")
    found = [r for r in read(file) if r.data["source_path"].endswith(talk.source)]
    return sorted(found, key=lambda r: r.data["index"])[:2]


def replayed(recording: Recording) -> bytes:
    """The recorded answer as HTTP."""
    coded = recording.data["response_encoding"] == "base64"
    body = base64.b64decode(recording.text) if coded else recording.body
    return answer(body, content_type=recording.headers["content-type"])


async def say(client: openai.AsyncOpenAI, messages: list[Any], name: str) -> tuple[dict[str, Any], list[Any]]:
    """(the assistant's message as a client of OpenAI puts it together, the chunks)."""
    parameters = {"type": "object", "properties": {"place": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": name, "description": "It.", "parameters": parameters}}
    stream = await client.chat.completions.create(
        model="m", messages=messages, tools=[tool], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    said: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
    for delta in (choice.delta for chunk in chunks for choice in chunk.choices):
        said["content"] += delta.content or ""
        said.setdefault("reasoning_details", []).extend(getattr(delta, "reasoning_details", None) or [])
        for piece in delta.tool_calls or []:
            if piece.index == len(said["tool_calls"]):
                function = {"name": "", "arguments": ""}
                said["tool_calls"].append({"id": piece.id, "type": "function", "function": function})
            function = said["tool_calls"][piece.index]["function"]
            function["name"] += piece.function.name or ""
            function["arguments"] += piece.function.arguments or ""
    return said, chunks


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.dialect)
async def test_a_conversation_with_a_tool_goes_on_whatever_the_provider_speaks(tmp_path, talk):
    first, second = recorded(talk)
    async with scripting() as upstream:
        section = provider(upstream.url, ("m", "m"), dialect=talk.dialect)
        async with running(tmp_path, {"providers": {"house": section}}) as stage:
            upstream.play(replayed(first), replayed(second))
            url = f"http://127.0.0.1:{stage.port}/v1"
            async with openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
                messages: list[Any] = [{"role": "user", "content": QUESTION}]
                said, chunks = await say(client, messages, talk.tool)
                (call,) = said["tool_calls"]
                assert call["function"]["name"] == talk.tool
                assert json.loads(call["function"]["arguments"]) == talk.arguments
                assert [c.finish_reason for c in chunks[-2].choices] == ["tool_calls"]
                result = {"role": "tool", "tool_call_id": call["id"], "content": RESULT}
                said, chunks = await say(client, [*messages, said, result], talk.tool)
                assert talk.says in said["content"]
                assert [c.finish_reason for c in chunks[-2].choices] == ["stop"]
                usage = chunks[-1].usage
                assert (usage.prompt_tokens, usage.completion_tokens) == talk.tokens
        sent = orjson.dumps(upstream.seen[1].body).decode()
        assert QUESTION in sent and RESULT in sent and talk.tool in sent
