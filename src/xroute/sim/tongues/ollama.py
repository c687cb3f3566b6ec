"""Ollama's own chat, a JSON object a line: https://docs.ollama.com/api/chat, read 2026-11-21."""

from collections.abc import Iterator
from typing import Any

import orjson

from xroute.sim import frames
from xroute.sim.answer import Answer, Call
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import entries, load, table
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.tongue import Json, Tongue
from xroute.sim.tongues.written import Piece, pieces, text_of, thought_of

_REASONS = {"stop": "stop", "length": "length", "tool_calls": "stop"}
_WHEN = "2025-01-01T00:00:00Z"
# fault -> status, text: what clients match on, as seen in recorded traffic
_SAID = {
    "context_length_exceeded": (400, "the input length exceeds the context length"),
    "content_policy_violation": (400, "the request was refused by the content policy"),
    "insufficient_quota": (403, "this model requires a subscription, upgrade for access"),
    "status_401": (401, "unauthorized"),
    "status_404": (404, "model '{model}' not found"),
    "status_429": (429, "too many requests"),
    "status_503": (503, "server busy, please try again. maximum pending requests exceeded"),
    "error_event": (500, "an error was encountered while running the model"),
}


class Chat(Tongue):
    """POST /api/chat, which streams unless it is told not to."""

    framing = frames.LINES
    media = "application/json; charset=utf-8"
    marker = b'"content":"'

    def read(self) -> Json:
        given = load(self.request.body)
        options = table(given.get("options"))
        body: Json = {
            **given,
            "stream": given.get("stream") is not False,
            "max_tokens": _positive(options.get("num_predict")),
            "stop": options.get("stop"),
            "seed": options.get("seed"),
            "reasoning": _thinking(given.get("think")),
            "response_format": _format(given.get("format")),
            "tools": [{"type": "function", **table(tool)} for tool in entries(given.get("tools"))],
        }
        if isinstance(given.get("messages"), list):
            body["messages"] = [_message(table(message)) for message in entries(given["messages"])]
        return tidy(body, parallel=True)

    def write(self, said: Answer, body: Json) -> bytes:
        choice = said.choices[0]
        message: Json = {"role": "assistant", "content": text_of(choice)}
        if choice.reasoning:
            message["thinking"] = thought_of(choice)
        if choice.calls:
            message["tool_calls"] = list(map(_call, choice.calls))
        return orjson.dumps({**_frame(said), "message": message, **_end(said)})

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        for piece in pieces(said):
            yield _line(piece, said)

    def refuse(self, problem: Problem) -> Refusal:
        status, text = _error(problem)
        return Refusal(status, orjson.dumps({"error": text}), {})

    def failed(self, problem: Problem) -> bytes:
        return orjson.dumps({"error": _error(problem)[1]}) + b"\n"

    def emptied(self, body: Json) -> Json:
        return {name: value for name, value in body.items() if name != "message"}


def _line(piece: Piece, said: Answer) -> bytes:
    """A call comes whole, when its last argument is known."""
    message: Json = {"role": "assistant", "content": ""}
    if piece.kind == "end":
        return orjson.dumps({**_frame(said), "message": message, **_end(said)}) + b"\n"
    if piece.kind == "thought":
        message["thinking"] = piece.text
    elif piece.kind == "text":
        message["content"] = piece.text
    elif piece.call is not None and piece.is_last:
        message["tool_calls"] = [_call(piece.call)]
    else:
        return b""
    return orjson.dumps({**_frame(said), "message": message, "done": False}) + b"\n"


def _frame(said: Answer) -> Json:
    return {"model": said.model, "created_at": _WHEN}


def _end(said: Answer) -> Json:
    """The counts; what was cached is not evaluated again, and is not told. Times are in nanoseconds."""
    choice = said.choices[0]
    return {
        "done": True,
        "done_reason": _REASONS[choice.finish],
        "total_duration": 3_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": said.prompt_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": choice.tokens,
        "eval_duration": 1_000_000,
    }


def _call(call: Call) -> Json:
    return {"id": call.id, "function": {"name": call.name, "arguments": call.value}}


def _error(problem: Problem) -> tuple[int, str]:
    status, text = _SAID.get(problem.kind, (problem.status, ""))
    return status, problem.say(text)


def _message(message: Json) -> Json:
    """Results of tools are known by the tool's name; arguments are objects."""
    made: Json = {"role": message.get("role"), "content": message.get("content")}
    if message.get("images"):
        text = {"type": "text", "text": message.get("content") or ""}
        images: list[Json] = [{"type": "image_url", "image_url": {}} for _ in entries(message["images"])]
        made["content"] = [text, *images]
    if message.get("tool_calls"):
        made["tool_calls"] = [_told(table(call)) for call in entries(message["tool_calls"])]
    if made["role"] == "tool":
        made["tool_call_id"] = str(message.get("tool_call_id") or message.get("tool_name") or "")
    return made


def _told(call: Json) -> Json:
    function = table(call.get("function"))
    arguments = orjson.dumps(function.get("arguments")).decode()
    return {**call, "type": "function", "function": {**function, "arguments": arguments}}


def _positive(value: Any) -> int | None:
    """Ollama's -1 is no limit."""
    return value if isinstance(value, int) and value > 0 else None


def _thinking(think: Any) -> Json | None:
    if isinstance(think, str):
        return {"effort": think}
    return {"enabled": True} if think is True else None


def _format(given: Any) -> Json | None:
    if given == "json":
        return {"type": "json_object"}
    if isinstance(given, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": given}}
    return None
