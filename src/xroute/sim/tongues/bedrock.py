"""Amazon's Converse and ConverseStream, the stream in AWS's binary frames.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read 2026-11-21.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from xroute.sim import frames
from xroute.sim.answer import Answer, Choice
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import entries, load, table
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.tongue import Json, Tongue, signature
from xroute.sim.tongues.written import Piece, billed, pieces, text_of, thought_of

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors,
# read 2026-11-21; the first of 401 stands in recorded traffic.
_NAMES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
# fault -> status, text: what clients match on, as seen in recorded traffic
_SAID = {
    "context_length_exceeded": (400, "Input is too long for requested model."),
    "content_policy_violation": (
        400,
        "The model returned the following errors: Output blocked by content filtering policy",
    ),
    "insufficient_quota": (
        403,
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: a valid payment instrument is needed.",
    ),
    "status_401": (401, "The security token included in the request is invalid."),
    "status_403": (403, "You don't have access to the model with the specified model ID."),
    "status_429": (429, "Too many requests, please wait before trying again."),
    "status_503": (503, "Bedrock is unable to process your request."),
}
_ORIGIN = ":http://internal.amazon.com/coral/com.amazon.bedrock/"
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_CHOICES = {"auto": "auto", "any": "required"}
_THINKING = ("thinking", "reasoning_config", "reasoningConfig")


class Converse(Tongue):
    """POST /model/{model}/converse and /model/{model}/converse-stream."""

    identity = "x-amzn-requestid"
    framing = frames.MESSAGES

    def read(self) -> Json:
        given = load(self.request.body)
        config = table(given.get("inferenceConfig"))
        body: Json = {
            "model": self._model,
            "messages": _messages(given),
            "stream": self._action.endswith("stream"),
            "max_tokens": config.get("maxTokens"),
            "stop": config.get("stopSequences"),
            "temperature": config.get("temperature"),
            "top_p": config.get("topP"),
            **_tools(table(given.get("toolConfig"))),
            **_wishes(table(given.get("additionalModelRequestFields"))),
        }
        form = table(table(table(given.get("outputConfig")).get("textFormat")).get("structure"))
        if named := table(form.get("jsonSchema")):
            schema = load(str(named.get("schema") or "").encode())
            named = {"name": named.get("name") or "answer", "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return tidy(body, parallel=True)

    def write(self, said: Answer, body: Json) -> bytes:
        choice = said.choices[0]
        made: Json = {
            "output": {"message": {"role": "assistant", "content": _blocks(choice)}},
            "stopReason": _reason(choice),
            "usage": _usage(said),
            "metrics": {"latencyMs": 1},
        }
        return orjson.dumps(made)

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        writer = _Writer(said)
        for piece in pieces(said):
            yield writer.write(piece)

    def refuse(self, problem: Problem) -> Refusal:
        return refuse(problem)

    def failed(self, problem: Problem) -> bytes:
        return failed(problem)

    def nothing(self) -> bytes:
        return _event("messageStart", {"role": "assistant"})

    def emptied(self, body: Json) -> Json:
        return body | {"output": {}}


class _Writer:
    """The frames of one stream."""

    def __init__(self, said: Answer) -> None:
        self._said = said
        self._block = -1
        self._open = ""  # kind of the block that is open

    def write(self, piece: Piece) -> bytes:
        """The frames of one piece."""
        if piece.kind == "begin":
            return _event("messageStart", {"role": "assistant"})
        if piece.kind == "end":
            return self._stop() + self._end()
        if piece.kind == "call":
            return self._begin_call(piece)
        out = b""
        if piece.kind not in ("argument", self._open):
            out = self._next(piece.kind)
        return out + self._delta(piece)

    def _delta(self, piece: Piece) -> bytes:
        if piece.kind == "text":
            return self._more({"text": piece.text})
        if piece.kind == "argument":
            return self._more({"toolUse": {"input": piece.text}})
        out = self._more({"reasoningContent": {"text": piece.text}})
        if piece.is_last:
            out += self._more({"reasoningContent": {"signature": signature(self._said.choices[0])}})
        return out

    def _begin_call(self, piece: Piece) -> bytes:
        assert piece.call is not None
        use = {"toolUseId": piece.call.id, "name": piece.call.name}
        out = self._next("call")
        return out + _event(
            "contentBlockStart", {"contentBlockIndex": self._block, "start": {"toolUse": use}}
        )

    def _next(self, kind: str) -> bytes:
        """The end of the block before; text and thinking begin without an event of their own."""
        out = self._stop()
        self._block += 1
        self._open = kind
        return out

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("contentBlockStop", {"contentBlockIndex": self._block})

    def _more(self, delta: Json) -> bytes:
        return _event("contentBlockDelta", {"contentBlockIndex": self._block, "delta": delta})

    def _end(self) -> bytes:
        stop = {"stopReason": _reason(self._said.choices[0])}
        counts = {"usage": _usage(self._said), "metrics": {"latencyMs": 1}}
        return _event("messageStop", stop) + _event("metadata", counts)


def _event(name: str, body: Json) -> bytes:
    return frames.message(
        orjson.dumps(body), event_type=name, content_type="application/json", message_type="event"
    )


def _reason(choice: Choice) -> str:
    return "stop_sequence" if choice.met else _REASONS[choice.finish]


def _usage(said: Answer) -> Json:
    """The input without what was cached: the total holds both."""
    given, written = billed(said)
    made: Json = {"inputTokens": given, "outputTokens": written, "totalTokens": said.prompt_tokens + written}
    if said.cached_tokens:
        made |= {"cacheReadInputTokens": said.cached_tokens, "cacheWriteInputTokens": 0}
    return made


def _blocks(choice: Choice) -> list[Json]:
    found: list[Json] = []
    if choice.reasoning:
        text = {"text": thought_of(choice), "signature": signature(choice)}
        found.append({"reasoningContent": {"reasoningText": text}})
    if choice.pieces:
        found.append({"text": text_of(choice)})
    for call in choice.calls:
        found.append({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.value}})
    return found


def refuse(problem: Problem) -> Refusal:
    """An error answer: the exception's name stands in a header."""
    status, name, text = _error(problem)
    return Refusal(status, orjson.dumps({"message": text}), {"x-amzn-errortype": name + _ORIGIN})


def failed(problem: Problem) -> bytes:
    """An exception in the place of an event; its name begins with a small letter there."""
    _, name, text = _error(problem)
    return frames.message(
        orjson.dumps({"message": text}),
        exception_type=name[0].lower() + name[1:],
        content_type="application/json",
        message_type="exception",
    )


def _error(problem: Problem) -> tuple[int, str, str]:
    """(status, the exception's name, text)."""
    status, text = _SAID.get(problem.kind, (problem.status, ""))
    name = _NAMES.get(status, "InternalServerException" if status >= 500 else "ValidationException")
    return status, name, problem.say(text)


# The request.


def _messages(given: Json) -> Any:
    if not isinstance(given.get("messages"), list):
        return given.get("messages")
    found: list[Any] = []
    if system := _parts(entries(given.get("system"))):
        found.append({"role": "system", "content": system})
    for message in entries(given["messages"]):
        found += _turn(table(message))
    return found


def _turn(message: Json) -> list[Json]:
    """Results of tools as messages of their own, before the rest."""
    blocks = [table(block) for block in entries(message.get("content"))]
    results = [_result(table(block["toolResult"])) for block in blocks if "toolResult" in block]
    calls = [_call(table(block["toolUse"])) for block in blocks if "toolUse" in block]
    parts = _parts(blocks)
    if results and not parts:
        return results
    made: Json = {"role": message.get("role"), "content": parts}
    if calls:
        made["tool_calls"] = calls
    return [*results, made]


def _result(block: Json) -> Json:
    texts = [
        part.get("text") or orjson.dumps(part.get("json")).decode() for part in entries(block.get("content"))
    ]
    return {"role": "tool", "tool_call_id": str(block.get("toolUseId")), "content": "".join(map(str, texts))}


def _call(block: Json) -> Json:
    function = {"name": block.get("name"), "arguments": orjson.dumps(block.get("input")).decode()}
    return {"id": block.get("toolUseId"), "type": "function", "function": function}


def _parts(blocks: list[Any]) -> list[Json]:
    found: list[Json] = []
    for block in map(table, blocks):
        if isinstance(block.get("text"), str):
            found.append({"type": "text", "text": block["text"]})
        elif "image" in block:
            found.append({"type": "image_url", "image_url": {}})
        elif "document" in block:
            found.append({"type": "file", "file": {}})
    return found


def _tools(config: Json) -> Json:
    specs = [table(table(tool).get("toolSpec")) for tool in entries(config.get("tools"))]
    made: Json = {"tools": [_function(spec) for spec in specs if spec] or None}
    for kind, own in table(config.get("toolChoice")).items():
        named = {"type": "function", "function": {"name": table(own).get("name")}}
        made["tool_choice"] = _CHOICES.get(kind, named)
    return made


def _function(spec: Json) -> Json:
    function: Json = {"name": spec.get("name"), "parameters": table(spec.get("inputSchema")).get("json")}
    if spec.get("description"):
        function["description"] = spec["description"]
    return {"type": "function", "function": function}


def _wishes(extra: Json) -> Json:
    """How much to think, in the words of the model's maker."""
    effort = extra.get("reasoning_effort") or table(extra.get("output_config")).get("effort")
    for name in _THINKING:
        own = table(extra.get(name))
        effort = effort or own.get("maxReasoningEffort")
        if own.get("type") in ("enabled", "adaptive"):
            return {"reasoning": {"enabled": True, "max_tokens": own.get("budget_tokens"), "effort": effort}}
    return {"reasoning_effort": effort} if effort else {}
