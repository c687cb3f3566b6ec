"""Recorded requests to the Responses API, through canonical form and back: nothing of them may be lost."""

import json
from typing import Any

from openai.types.responses import response_create_params as asked
from openai.types.responses.response_input_param import ResponseInputParam
from openai.types.responses.tool_param import ToolParam
from pydantic import TypeAdapter, ValidationError
from tests.wire.recordings import Recording
from tests.wire.responses import CALLS
from tests.wire.verdict import Failed, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import openai_responses as dialect
from xroute.dialects.openai_responses.parse import parse
from xroute.errors import InvalidRequest

Json = dict[str, Any]

UPSTREAM = "upstream"  # without a maker: reasoning counts as OpenAI's
SAME = ("temperature", "top_p", "user", "service_tier", "prompt_cache_key", "safety_identifier", "truncation")
NEUTRAL = {"truncation": ("disabled",)}
OFFERS = ("additional_tools", "tool_search_output")  # items whose tools join the others

TYPES: dict[str, TypeAdapter[Any]] = {
    "input": TypeAdapter(ResponseInputParam),
    "tools": TypeAdapter(list[ToolParam]),
    "tool_choice": TypeAdapter(asked.ToolChoice),
    "text": TypeAdapter(asked.ResponseTextConfigParam),
    "reasoning": TypeAdapter(asked.Reasoning),
}


def check(recording: Recording) -> None:
    """Raises Failed where the request that goes out says less than the one that came in."""
    given = _request(recording)
    if given is None:
        return
    try:
        call = parse(json.dumps(given).encode())
    except InvalidRequest as error:
        expect(_is_stored(given), f"the request was refused: {error.message}")
        return
    sent = dialect.encode(call.body, upstream=UPSTREAM, quirks=Quirks(developer_role=True)).body
    sent = json.loads(json.dumps(sent))
    _typed(given, sent)
    _same_items(given, sent)
    _same_tools(given, sent)
    _same_wishes(given, sent)


def _request(recording: Recording) -> Json | None:
    """The recorded request; None where there is none."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return None
    try:
        given = json.loads(recording.data.get("request_body") or "")
    except ValueError:
        return None
    return given if isinstance(given, dict) and "model" in given else None


def _is_stored(given: Json) -> bool:
    """Whether it builds on what only that provider has stored, so that xroute has to refuse it."""
    items = given.get("input") if isinstance(given.get("input"), list) else []
    stored = any(given.get(name) for name in ("conversation", "prompt", "previous_response_id"))
    return stored or not given.get("input") or any(item.keys() <= {"type", "id"} for item in items)


def _typed(given: Json, sent: Json) -> None:
    """OpenAI's own types take each part whose original they take."""
    for name, adapter in TYPES.items():
        if name not in sent:
            continue
        try:
            adapter.validate_python(given.get(name))
        except ValidationError:
            continue
        try:
            adapter.validate_python(_completed(sent[name]) if name == "input" else sent[name])
        except ValidationError as error:
            first = error.errors()[0]
            raise Failed(f"{name} is not of OpenAI's types: {first['loc']} {first['msg']}") from None


def _completed(items: list[Json]) -> list[Json]:
    """With the ids that the API does without and its types ask for."""
    out: list[Json] = []
    for item in items:
        if item["type"] == "message" and item["role"] == "assistant" and isinstance(item["content"], list):
            parts = [{"annotations": [], **part} for part in item["content"]]
            out.append({"id": "msg_1", "status": "completed", **item, "content": parts})
        else:
            out.append({"id": "rs_1", **item} if item["type"] == "reasoning" else item)
    return out


def _same_items(given: Json, sent: Json) -> None:
    told = given.get("input") or []
    items = [{"role": "user", "content": told}] if isinstance(told, str) else told
    if isinstance(before := given.get("instructions"), str) and before:
        items = [{"role": "system", "content": before}, *items]
    wanted = [found for item in items if (found := _item(item)) is not None]
    got = [found for item in sent["input"] if (found := _item(item)) is not None]
    for old, new in zip(wanted, got, strict=False):
        expect(old == new, f"another item: {repr(new)[:150]}, not {repr(old)[:150]}")
    expect(len(got) == len(wanted), f"{len(got)} items, not {len(wanted)}")


def _item(item: Json) -> Any:
    """What of an item may not be lost; None for one that says nothing or goes elsewhere."""
    kind = item.get("type") or "message"
    if kind == "message" and item["role"] == "assistant":
        parts = _parts(item["content"])
        text = "".join(value for word, value, *_ in parts if word == "text")
        return ("assistant", text, item.get("phase")) if text or len(parts) > 1 else None
    if kind == "message":
        return item["role"], _parts(item["content"])
    if kind == "reasoning":
        shown = [part["text"] for part in item.get("content") or []]
        return (
            (kind, item.get("encrypted_content"), shown) if item.get("encrypted_content") or shown else None
        )
    if kind in CALLS:
        name = None if item.get("namespace") or "__" in item["name"] else item["name"]
        return kind, item["call_id"], name, item.get("arguments"), item.get("input")
    if kind.endswith("_output") and kind.startswith(("function", "custom")):
        return kind, item["call_id"], _parts(item["output"])
    return None if kind in OFFERS else json.dumps(item, sort_keys=True)


def _parts(content: Any) -> list[tuple[Any, ...]]:
    if isinstance(content, str):
        return [("text", content, None)]
    out: list[tuple[Any, ...]] = []
    for part in content:
        kind = part["type"]
        if "text" in part:
            out.append(("text", part["text"], part.get("prompt_cache_breakpoint")))
        elif kind == "input_image":
            out.append((kind, part.get("image_url") or part.get("file_id"), part.get("detail") or "auto"))
        elif kind == "input_file":
            out.append((kind, _data(part), part.get("file_url"), part.get("file_id")))
        else:
            out.append((kind, json.dumps(part, sort_keys=True)))
    return out


def _data(part: Json) -> str:
    return (part.get("file_data") or "").rpartition(",")[2]


def _same_tools(given: Json, sent: Json) -> None:
    wanted = [found for tool in given.get("tools") or [] for found in _tools(tool)]
    got = [found for tool in sent.get("tools") or [] for found in _tools(tool)]
    for tool in wanted:
        expect(tool in got, f"a tool was lost: {repr(tool)[:200]}")


def _tools(tool: Json) -> list[Any]:
    kind = tool["type"]
    if kind == "namespace":
        return [found for inner in tool["tools"] for found in _tools({**inner, "name": ""})]
    if kind in ("function", "custom"):
        tool = {**tool, **(tool.get("function") or {})}
        name = "" if "__" in tool["name"] else tool["name"]
        schema = tool.get("parameters") or {"type": "object", "properties": {}}
        return [(kind, name, tool.get("description"), schema, bool(tool.get("strict")), tool.get("format"))]
    if kind.startswith("web_search"):
        return [{**{name: value for name, value in tool.items() if value is not None}, "type": "web_search"}]
    return [{"container": {"type": "auto"}, **tool} if kind == "code_interpreter" else tool]


def _same_wishes(given: Json, sent: Json) -> None:
    for name in SAME:
        value = given.get(name)
        if value is not None and value not in NEUTRAL.get(name, ()):
            expect(sent.get(name) == value, f"another {name}: {sent.get(name)!r}, not {value!r}")
    if limit := given.get("max_output_tokens"):
        expect(sent.get("max_output_tokens") == max(limit, 16), "another limit of the output")
    format_ = (given.get("text") or {}).get("format") or {"type": "text"}
    if format_["type"] != "text":
        got = (sent.get("text") or {}).get("format") or {}
        expect(all(got.get(k) == v for k, v in format_.items() if v is not None), "another form of the text")
    effort = (given.get("reasoning") or {}).get("effort")
    if effort:
        expect((sent.get("reasoning") or {}).get("effort") == effort, f"another effort than {effort}")
    choice = given.get("tool_choice")
    if choice is not None and given.get("tools"):
        same = sent.get("tool_choice") == choice or "web_search" in str(choice) or "__" in str(sent)
        expect(same, f"another tool_choice: {sent.get('tool_choice')!r}, not {choice!r}")
    if given.get("parallel_tool_calls") is not None and given.get("tools"):
        expect(sent.get("parallel_tool_calls") == given["parallel_tool_calls"], "parallel_tool_calls")


__all__ = ["check"]
