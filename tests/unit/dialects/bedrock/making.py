"""Canonical requests of the tests, and what Bedrock's encoder makes of them."""

import copy
from typing import Any

from tests.wire.converse import complaints

from xroute.catalog.entries import Quirks
from xroute.dialects.bedrock import encode

Json = dict[str, Any]

SONNET = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_46 = "us.anthropic.claude-sonnet-4-6"
CLAUDE_5 = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
ASK: Json = {"messages": [{"role": "user", "content": "hi"}]}
PNG = "iVBORw0KGgo="
WEATHER: Json = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}},
}
CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Ulm"}'},
}
TOLD: list[Json] = [
    {"role": "user", "content": "Ulm?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
]
SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
FORM: Json = {"type": "json_schema", "json_schema": {"name": "shape", "schema": SCHEMA}}


def sent(body: Json, upstream: str = SONNET, dropped: tuple[str, ...] = (), **options: Any) -> Json:
    """The request, after AWS's own model accepted it; `dropped` is what had to be left out."""
    before = copy.deepcopy(body)
    encoded = encode(body, upstream=upstream, quirks=Quirks(), **options)
    assert body == before
    assert encoded.dropped == dropped
    assert complaints(encoded.body) == ""
    return encoded.body


def fields(body: Json, upstream: str, dropped: tuple[str, ...] = (), **options: Any) -> Any:
    """The model's own fields in the request for ASK with `body` over it; None where there are none."""
    return sent({**ASK, **body}, upstream, dropped, **options).get("additionalModelRequestFields")


def turn(parts: Any, upstream: str = SONNET, dropped: tuple[str, ...] = ()) -> list[Json]:
    """The blocks of one user message."""
    return sent({"messages": [{"role": "user", "content": parts}]}, upstream, dropped)["messages"][0][
        "content"
    ]
