"""Recorded answers of Cloudflare's `run`: wrapped in `result`, the text under `response`."""

import json
from typing import Any

from tests.wire import faults, reading
from tests.wire.foreign import Judge, Said
from tests.wire.recordings import Recording

from xroute.catalog.entries import Quirks
from xroute.dialects import openai

Json = dict[str, Any]


def check(recording: Recording) -> None:
    (faults.check if recording.status >= 400 else JUDGE.check)(recording)


def _whole(text: str) -> Said:
    body = json.loads(text)
    said = Said()
    _add(said, body["result"])
    _finish(said)
    return said


def _stream(text: str) -> Said:
    said = Said()
    for _, data in reading.events(text):
        if data.strip() == "[DONE]":
            said.closed = True
            break
        _add(said, json.loads(data))
    if said.closed and said.holds:
        _finish(said)
    return said


def _add(said: Said, body: Json) -> None:
    one = said.choice(0)
    text = body.get("response")
    if text is not None:
        one.text += text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))
    for call in body.get("tool_calls") or []:
        function = call.get("function") or call
        arguments = function.get("arguments")
        arguments = arguments if isinstance(arguments, str) else json.dumps(arguments or "")
        if function.get("name"):
            one.tools.append(reading.Tool(function["name"], "", call.get("id") or ""))
        one.tools[-1].arguments += "" if arguments == '""' else arguments
    if usage := body.get("usage"):
        said.usage = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _finish(said: Said) -> None:
    one = said.choice(0)
    one.finish = "tool_calls" if one.tools else "stop"


JUDGE = Judge(openai, _whole, _stream, as_values=True, quirks=Quirks(unwrap="result"))
ENDPOINTS = {"cloudflare.run": check}
