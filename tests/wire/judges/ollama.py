"""Recorded traffic of Ollama's own API: chats, single prompts, and the requests that led to them."""

import json
from typing import Any

from tests.wire import faults, reading
from tests.wire.foreign import Judge, Said
from tests.wire.judges import chat
from tests.wire.recordings import Recording
from tests.wire.verdict import expect

from xroute.catalog.entries import Quirks
from xroute.dialects import ollama

Json = dict[str, Any]
IMAGE = "data:image/png;base64,"
OPTIONS = {"num_predict": "max_tokens", "temperature": "temperature", "seed": "seed", "stop": "stop"}


def check(recording: Recording) -> None:
    """The answer, then the request that led to it."""
    if recording.status >= 400:
        faults.check(recording)
    elif recording.endpoint == "ollama.chat" and '"choices"' in recording.text:
        chat.check(recording)  # something else in front of Ollama
    else:
        JUDGE.check(recording)
    if recording.endpoint == "ollama.chat":
        _request(recording)


def _whole(text: str) -> Said:
    body = json.loads(text)
    if not isinstance(body, dict) or not ("message" in body or "response" in body):
        return Said(unreadable="it has no message")
    said = Said()
    _add(said, body)
    return said


def _stream(text: str) -> Said:
    said = Said()
    for line in text.splitlines():
        if line.strip():
            _add(said, json.loads(line))
    return said


def _add(said: Said, body: Json) -> None:
    if body.get("error"):
        said.error = body["error"]
        return
    message = body.get("message") or {"content": body.get("response")}
    one = said.choice(0)
    one.text += message.get("content") or ""
    one.reasoning += message.get("thinking") or body.get("thinking") or ""
    for call in message.get("tool_calls") or []:
        arguments = json.dumps(call["function"].get("arguments") or {})
        one.tools.append(reading.Tool(call["function"]["name"], arguments, call.get("id") or ""))
    if body.get("done"):
        said.closed = True
        one.finish = "length" if body.get("done_reason") == "length" else "stop"
        if one.tools and one.finish == "stop":
            one.finish = "tool_calls"
        if "eval_count" in body:
            said.usage = {
                "prompt_tokens": body.get("prompt_eval_count", 0),
                "completion_tokens": body["eval_count"],
                "eval_count": body["eval_count"],
                "total_duration": body.get("total_duration"),
            }


JUDGE = Judge(ollama, _whole, _stream, as_values=True)


def _request(recording: Recording) -> None:
    """The recorded request in canonical form and back again says the same."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return
    given = json.loads(recording.data["request_body"])
    canonical = canonical_of(given)
    before = json.dumps(canonical)
    sent, dropped, *_ = ollama.encode(canonical, upstream=given["model"], quirks=Quirks())
    expect(json.dumps(canonical) == before, "encode changed the client's body")
    expect(not dropped, f"dropped {dropped}")
    expect(sent["truncate"] is given.get("truncate", False), "a long prompt would be cut silently")
    expect(sent["stream"] is given.get("stream", False), f"stream is {sent['stream']}")
    old, new = _meant(given), _meant(json.loads(json.dumps(sent)))
    for name in old | new:
        was, is_ = old.get(name), new.get(name)
        expect(was == is_, f"another {name}: {chat._short(is_)}, not {chat._short(was)}")


def canonical_of(given: Json) -> Json:
    """A request of Ollama's as an OpenAI client would write it."""
    body = {name: value for name, value in given.items() if name not in ("options", "format", "think")}
    body["messages"] = [_message(said) for said in given["messages"]]
    options = dict(given.get("options") or {})
    for theirs, name in OPTIONS.items():
        if theirs in options:
            body[name] = options.pop(theirs)
    if options:
        body["options"] = options
    if given.get("format") == "json":
        body["response_format"] = {"type": "json_object"}
    elif given.get("format"):
        schema = {"name": "answer", "schema": given["format"]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    think = given.get("think")
    if isinstance(think, bool):
        body["reasoning"] = {"enabled": think}
    elif think:
        body["reasoning_effort"] = think
    return body


def _message(said: Json) -> Json:
    written = {name: said[name] for name in ("role", "tool_call_id") if name in said}
    written["content"] = said.get("content", "")
    if images := said.get("images"):
        parts = [{"type": "image_url", "image_url": {"url": IMAGE + image}} for image in images]
        text = [{"type": "text", "text": said["content"]}] if said.get("content") else []
        written["content"] = [*text, *parts]
    if said.get("thinking"):
        written["reasoning"] = said["thinking"]
    if "tool_name" in said:
        written["name"] = said["tool_name"]
    if said.get("tool_calls"):
        written["tool_calls"] = [_call(call) for call in said["tool_calls"]]
    return written


def _call(call: Json) -> Json:
    function = {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}
    return {**call, "type": "function", "function": function}


def _meant(request: Json) -> Json:
    """What a request says, without differences that mean nothing."""
    own = {name: value for name, value in request.items() if value not in (None, [], {}, "")}
    own["messages"] = [_said(message) for message in request["messages"]]
    if isinstance(own.get("options", {}).get("stop"), str):
        own["options"]["stop"] = [own["options"]["stop"]]
    return {name: value for name, value in own.items() if name not in ("truncate", "stream")}


def _said(message: Json) -> Json:
    said = {name: value for name, value in message.items() if value not in (None, [], "")}
    said["tool_calls"] = [
        {"id": call.get("id"), "name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        for call in message.get("tool_calls") or []
    ]
    return said


ENDPOINTS = {"ollama.chat": check, "ollama.generate": check}
