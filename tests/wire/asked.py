"""A recorded request to the Messages API, read in and written again: nothing of it may be lost."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from anthropic.types import message_create_params as plain
from anthropic.types.beta import message_create_params as beta
from pydantic import TypeAdapter, ValidationError
from tests.wire.recordings import Recording
from tests.wire.verdict import expect

from xroute.catalog.entries import Quirks
from xroute.dialects.anthropic import encode, native, parse
from xroute.errors import CallError

Json = dict[str, Any]

# Fields that a model of the recording's day took and that today's table may leave out, with notice.
BILLING = "x-anthropic-billing-header:"  # of Claude Code, not meant for the model

SOFT = frozenset({"temperature", "top_p", "top_k"})


@dataclass
class Asked:
    """What a request says."""

    texts: list[str] = field(default_factory=list)  # of system prompt, users and assistants
    calls: list[Any] = field(default_factory=list)  # (id, name, input)
    results: list[Any] = field(default_factory=list)  # (id, is_error)
    media: list[str] = field(default_factory=list)  # data or address of images and documents
    signed: list[str] = field(default_factory=list)  # signatures and data of thinking
    tools: list[Any] = field(default_factory=list)  # (name, schema)
    others: list[str] = field(default_factory=list)  # types of blocks that only Anthropic has
    markers: int = 0  # of caching


def check(recording: Recording) -> None:
    """Raises Failed where the request written again says less than the recorded one, or is none."""
    given = _given(recording)
    if given is None:
        return
    raw = json.dumps(given).encode()
    try:
        call = parse(raw)
    except CallError as error:
        expect(recording.status >= 400, f"the request was refused: {error.message}")
        return
    upstream = str(given["model"])
    encoded = encode(call.body, upstream=upstream, quirks=Quirks(developer_role=True))
    if _fits(given):
        expect(_fits(encoded.body), f"the SDK does not take the request: {_why(encoded.body)}")
    _same(given, encoded.body, set(encoded.dropped))
    passed = json.loads(native.encode(call, upstream=upstream, quirks=Quirks()))
    expect(passed == json.loads(call.raw), "a native request was changed")


def _given(recording: Recording) -> Json | None:
    """The recorded request with a model in it; None where there is none that asks for an answer."""
    if recording.data.get("request_encoding") != "text" or recording.status >= 400:
        return None
    if "elided-json" in (recording.data.get("request_notes") or []):
        return None
    try:
        body = json.loads(recording.data["request_body"])
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or "max_tokens" not in body:
        return None
    body.pop("anthropic_version", None)
    body.pop("anthropic_beta", None)
    body.setdefault("model", "claude-sonnet-4-5")
    return body


@cache
def _adapters() -> list[TypeAdapter[Any]]:
    return [TypeAdapter(kind.MessageCreateParamsNonStreaming) for kind in (plain, beta)]


def _fits(body: Json) -> bool:
    return not all(_refusal(adapter, body) for adapter in _adapters())


def _why(body: Json) -> str:
    return str(_refusal(_adapters()[0], body))


def _refusal(adapter: TypeAdapter[Any], body: Json) -> str:
    try:
        _walk(adapter.validate_python({key: value for key, value in body.items() if key != "stream"}))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{first['loc']} {first['msg']}"
    return ""


def _walk(value: Any) -> None:
    """pydantic looks into iterables only when they are iterated."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) or hasattr(value, "__next__"):
        for one in value:
            _walk(one)


def read(body: Json) -> Asked:
    """What a request in Anthropic's format says."""
    asked = Asked(markers=json.dumps(body.get("messages")).count('"cache_control": {'))
    _content(asked, body.get("system"))
    for message in body["messages"]:
        _content(asked, message.get("content"))
    for tool in body.get("tools") or []:
        asked.tools.append((tool.get("name"), tool.get("input_schema")))
    return asked


def _content(asked: Asked, content: Any) -> None:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for block in content or []:
        _block(asked, block)


def _block(asked: Asked, block: Json) -> None:
    kind = block.get("type")
    if kind == "text":
        asked.texts.append(block.get("text") or "")
    elif kind in ("image", "document"):
        _media(asked, block.get("source") or {})
    elif kind == "tool_use":
        asked.calls.append((block["id"], block["name"], block["input"]))
    elif kind == "tool_result":
        asked.results.append((block["tool_use_id"], bool(block.get("is_error"))))
        _content(asked, block.get("content"))
    elif kind == "thinking":
        asked.signed.append(block.get("signature") or "")
    elif kind == "redacted_thinking":
        asked.signed.append(block["data"])
    elif kind == "search_result":
        _content(asked, block.get("content"))
    else:
        asked.others.append(str(kind))


def _media(asked: Asked, source: Json) -> None:
    if source.get("type") == "text":
        asked.texts.append(source["data"])
    elif source.get("type") == "content":
        _content(asked, source.get("content"))
    else:
        asked.media.append(str(source.get("data") or source.get("url") or source.get("file_id")))


def _same(given: Json, sent: Json, dropped: set[str]) -> None:
    old, new = read(given), read(sent)
    said = "\n".join(new.texts)
    for text in old.texts:
        lost = (
            text.strip() and not text.startswith("x-anthropic-billing-header:") and text.rstrip() not in said
        )
        expect(not lost or _prefilled(given, dropped), f"a text was lost: {text[:60]!r}")
    for name in ("calls", "results", "media", "others"):
        expect(getattr(old, name) == getattr(new, name), f"other {name}: {str(getattr(new, name))[:100]}")
    _signed(given, old, new)
    _tools(given, sent, old, new, dropped)
    expect(new.markers >= old.markers, f"{new.markers} cache markers, not {old.markers}")
    for name in ("max_tokens", "stop_sequences", "stream", "container", "mcp_servers", "context_management"):
        expect(not given.get(name) or sent.get(name) == given[name], f"another {name}: {sent.get(name)}")
    for name in SOFT:
        kept = given.get(name) in (None, sent.get(name)) or name in dropped
        expect(kept or (given[name] == 1 and name not in sent), f"{name} was lost without notice")
    _thinking(given, sent, dropped)
    for name in given.keys() - sent.keys() - SOFT - {"thinking", "output_format", "service_tier"}:
        known = name in dropped or not given[name] or name == "tool_choice"
        expect(known, f"{name} was lost without notice")


def _signed(given: Json, old: Asked, new: Asked) -> None:
    """Signed thinking goes back to every model that thinks."""
    if not re.search(r"claude-(3-[05]|3-(opus|haiku|sonnet)|2|instant)", given["model"]):
        expect([s for s in old.signed if s] == new.signed, f"thinking was lost: {new.signed}")


def _prefilled(given: Json, dropped: set[str]) -> bool:
    last = given["messages"][-1]
    return last.get("role") == "assistant" and any(name.startswith("messages[") for name in dropped)


def _tools(given: Json, sent: Json, old: Asked, new: Asked, dropped: set[str]) -> None:
    expect([name for name, _ in old.tools] == [name for name, _ in new.tools], f"other tools: {new.tools}")
    strict = [tool.get("strict") for tool in given.get("tools") or []]
    for (name, schema), (_, other), is_strict in zip(old.tools, new.tools, strict, strict=True):
        expect(is_strict or schema == other or not schema, f"another schema of {name}")
    if new.tools and "tool_choice" not in dropped:
        choice, other = given.get("tool_choice") or {}, sent.get("tool_choice") or {}
        kinds = choice.get("type", "auto"), other.get("type", "auto")
        expect(kinds[0] == kinds[1] and choice.get("name") == other.get("name"), f"another choice: {other}")


def _thinking(given: Json, sent: Json, dropped: set[str]) -> None:
    old, new = given.get("thinking") or {}, sent.get("thinking") or {}
    if old.get("type") in ("enabled", "adaptive") and not dropped & {"reasoning", "reasoning_effort"}:
        expect(new.get("type") in ("enabled", "adaptive"), f"thinking was lost: {new}")
    if old.get("type") == new.get("type") == "enabled":
        expect(old["budget_tokens"] == new["budget_tokens"], f"another budget: {new['budget_tokens']}")


def back(blocks: list[Json], message: Json) -> None:
    """An answer in canonical form, sent back with the next question, is the blocks that it came in."""
    body = {"messages": [{"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}]}
    turns = encode(body, upstream="claude-opus-4-8", quirks=Quirks()).body["messages"]
    said: Any = turns[1]["content"] if len(turns) == 3 else []
    got = [{"type": "text", "text": said}] if isinstance(said, str) else said
    expect(_joined(blocks) == _joined(got), f"the next turn says otherwise: {str(got)[:100]}")


def _joined(blocks: list[Json]) -> list[Json]:
    """Blocks without what says nothing: blanks, unsigned thinking, empty fields, borders between texts."""
    found: list[Json] = []
    for block in blocks:
        kept = {key: value for key, value in block.items() if value not in (None, []) and key != "caller"}
        if kept["type"] == "text" and not kept["text"].strip():
            continue
        if kept["type"] == "thinking" and not kept.get("signature"):
            continue
        last = found[-1] if found else {}
        if last.keys() == kept.keys() == {"type", "text"}:
            last["text"] += kept["text"]
        else:
            found.append(kept)
    return [] if all("thinking" in block["type"] for block in found) else found
