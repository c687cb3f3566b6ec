"""Recorded chats of Cohere's API, version 2: answers, streams, errors and requests."""

import json
from typing import Any

import cohere as sdk
from cohere.types.chat_message_v2 import ChatMessageV2
from cohere.types.response_format_v2 import ResponseFormatV2
from pydantic import BaseModel, TypeAdapter, ValidationError
from tests.wire import faults, reading
from tests.wire.foreign import Judge, Said
from tests.wire.judges import chat
from tests.wire.recordings import Recording
from tests.wire.verdict import Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import cohere

Json = dict[str, Any]

FINISHES = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
# The SDK's types of the request's fields (`cohere.v2.client.V2Client.chat`).
TYPES: dict[str, Any] = {
    "messages": list[ChatMessageV2],
    "tools": list[sdk.ToolV2],
    "documents": list[str | sdk.Document],
    "citation_options": sdk.CitationOptions,
    "response_format": ResponseFormatV2,
    "thinking": sdk.Thinking,
    "stop_sequences": list[str],
    "safety_mode": str,
    "tool_choice": str,
    "model": str,
    **dict.fromkeys(("stream", "strict_tools", "logprobs"), bool),
    **dict.fromkeys(("max_tokens", "seed", "k", "priority"), int),
    **dict.fromkeys(("temperature", "p", "frequency_penalty", "presence_penalty"), float),
}


def check(recording: Recording) -> None:
    """The answer, then the request that led to it."""
    if recording.status >= 400:
        faults.check(recording)
        info = cohere.error_of(recording.status, recording.headers, recording.body)
        word = json.loads(recording.text).get("error_type")
        expect(info.code == word, f"another code: {info.code}, not {word}")
    else:
        JUDGE.check(recording)
    _request(recording)


def _whole(text: str) -> Said:
    body = json.loads(text)
    if not isinstance(body.get("message"), dict):
        return Said(unreadable="it has no message")
    said = Said(ids=[body["id"]])
    one = said.choice(0)
    message = body["message"]
    for part in message.get("content") or []:
        one.text += part.get("text") or ""
        one.reasoning += part.get("thinking") or ""
    one.reasoning += message.get("tool_plan") or ""
    for call in message.get("tool_calls") or []:
        one.tools.append(reading.Tool(call["function"]["name"], call["function"]["arguments"], call["id"]))
    for citation in message.get("citations") or []:
        _cited(said, citation)
    one.finish = FINISHES.get(body["finish_reason"])
    if one.finish is None:
        said.error = ""
    _used(said, body.get("usage"))
    return said


def _stream(text: str) -> Said:
    said = Said()
    one = said.choice(0)
    for _, data in reading.events(text):
        if data.strip() == "[DONE]":
            break
        event = json.loads(data)
        kind, delta = event["type"], event.get("delta") or {}
        message = delta.get("message") or {}
        if kind == "message-start":
            said.ids.append(event["id"])
        elif kind in ("content-start", "content-delta"):
            one.text += message["content"].get("text") or ""
            one.reasoning += message["content"].get("thinking") or ""
        elif kind == "tool-plan-delta":
            one.reasoning += message["tool_plan"]
        elif kind == "tool-call-start":
            call = message["tool_calls"]
            one.tools.append(
                reading.Tool(call["function"]["name"], call["function"].get("arguments") or "", call["id"])
            )
        elif kind == "tool-call-delta":
            one.tools[-1].arguments += message["tool_calls"]["function"]["arguments"]
        elif kind == "citation-start":
            _cited(said, message["citations"])
        elif kind == "message-end":
            _end(said, delta)
    if not (one.text or one.reasoning or one.tools or one.finish):
        said.choices.clear()
    return said


def _end(said: Said, delta: Json) -> None:
    said.choice(0).finish = FINISHES.get(delta["finish_reason"])
    if said.choice(0).finish is None:
        said.error = delta.get("error") or ""
    said.closed = said.error is None
    _used(said, delta.get("usage"))


def _cited(said: Said, citation: Json) -> None:
    if citation.get("type", "TEXT_CONTENT") != "TEXT_CONTENT":
        return
    found: list[str] = []
    for source in citation.get("sources") or []:
        held = source.get("document") or source.get("tool_output") or {}
        for value in (held.get("url"), held.get("link"), held.get("id"), source.get("id")):
            if str(value).startswith("http"):
                found.append(value)
                break
    said.annotations += dict.fromkeys(found)


def _used(said: Said, usage: Json | None) -> None:
    if not usage or not usage.get("tokens"):
        return
    tokens, billed = usage["tokens"], usage["billed_units"]
    said.usage = {
        "prompt_tokens": tokens["input_tokens"] + tokens.get("image_tokens", 0),
        "completion_tokens": tokens["output_tokens"],
        "tokens": tokens,
        "billed_units": billed,
    }
    if "cached_tokens" in usage:
        said.usage["prompt_tokens_details.cached_tokens"] = usage["cached_tokens"]
    if "reasoning_tokens" in tokens:
        said.usage["completion_tokens_details.reasoning_tokens"] = tokens["reasoning_tokens"]
    said.billed = (billed["input_tokens"], billed["output_tokens"])


JUDGE = Judge(cohere, _whole, _stream)


def _request(recording: Recording) -> None:
    """The recorded request in canonical form and back again says the same."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return
    given = json.loads(recording.data["request_body"])
    canonical = canonical_of(given)
    before = json.dumps(canonical)
    sent, dropped, *_ = cohere.encode(canonical, upstream=given["model"], quirks=Quirks())
    expect(json.dumps(canonical) == before, "encode changed the client's body")
    expect(not dropped, f"dropped {dropped}")
    if not _problem(given):
        expect(not _problem(sent), f"not a request of the SDK: {_problem(sent)}")
    old, new = _meant(given), _meant(json.loads(json.dumps(sent)))
    for name in old | new:
        expect(
            old.get(name) == new.get(name), f"another {name}: {new.get(name)!r}, not {old.get(name)!r}"[:400]
        )


def canonical_of(given: Json) -> Json:
    """A request of Cohere's as an OpenAI client would write it."""
    body = dict(given)
    body["messages"] = [_message(said) for said in given["messages"]]
    for theirs, name in (("p", "top_p"), ("k", "top_k"), ("stop_sequences", "stop")):
        if theirs in body:
            body[name] = body.pop(theirs)
    if "tool_choice" in body:
        body["tool_choice"] = body["tool_choice"].lower()
    form = body.get("response_format")
    if form and "json_schema" in form:
        schema = {"name": "answer", "schema": form["json_schema"]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _message(said: Json) -> Json:
    """Thinking and plans as reasoning_details, all else as it is."""
    said = dict(said)
    content = said.get("content")
    details: list[Json] = []
    if isinstance(content, list):
        thoughts = [part["thinking"] for part in content if part["type"] == "thinking"]
        said["content"] = [part for part in content if part["type"] != "thinking"]
        details = [{"type": "reasoning.text", "text": text} for text in thoughts]
    if plan := said.pop("tool_plan", None):
        details.append({"type": "reasoning.text", "text": plan, "id": "tool_plan"})
    if details:
        said["reasoning_details"] = [
            {**item, "format": "cohere-v2", "index": place} for place, item in enumerate(details)
        ]
    return said


def _meant(request: Json) -> Json:
    """What a request says, without differences that mean nothing."""
    meant = {name: value for name, value in request.items() if value not in (None, [], {})}
    meant["messages"] = [_said(message) for message in request["messages"]]
    if "tool_choice" in meant:
        meant["tool_choice"] = meant["tool_choice"].upper()
        if not meant.get("tools") and meant["tool_choice"] == "REQUIRED":
            del meant["tool_choice"]
    if meant.get("response_format", {}).get("type") == "json_schema":
        meant["response_format"] = {**meant["response_format"], "type": "json_object"}
    return meant


def _said(message: Json) -> Json:
    said = {name: value for name, value in message.items() if value not in (None, [], "")}
    if isinstance(said.get("content"), str):
        said["content"] = [{"type": "text", "text": said["content"]}]
    said["content"] = [part for part in said.get("content") or [] if part.get("text") != ""]
    return said


def _problem(request: Json) -> str:
    """Why the SDK's types refuse a request; "" where they take it, each field of it known."""
    for name, value in request.items():
        if name not in TYPES:
            return f"{name} is unknown"
        try:
            read = TypeAdapter(TYPES[name]).validate_python(value)
        except ValidationError as error:
            return f"{name}: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
        if extra := _extra(read):
            return f"{name} holds {extra}"
    return ""


def _extra(value: Any) -> set[str]:
    """Names that the SDK's models do not know."""
    if isinstance(value, list):
        return set().union(*map(_extra, value))
    if not isinstance(value, BaseModel):
        return set()
    found = set(value.model_extra or {})
    return found.union(*(_extra(getattr(value, name)) for name in type(value).model_fields))


def older(recording: Recording) -> None:
    """Version 1 of the API; another provider's chat at the same path speaks OpenAI's form."""
    if recording.status >= 400:
        faults.check(recording)
    elif '"choices"' in recording.text:
        chat.check(recording)
    else:
        raise Skipped("Cohere v1 is not spoken")


ENDPOINTS = {"cohere.v2.chat": check, "cohere.v1.chat": older}
