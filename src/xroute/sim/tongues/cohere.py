"""Cohere's chat, version 2: https://docs.cohere.com/reference/chat and /docs/streaming, read 2026-11-21."""

from collections.abc import Iterator

import orjson

from xroute.sim.answer import Answer, Choice
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import entries, load, table
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.tongue import Json, Tongue, uuid_of
from xroute.sim.tongues.written import Piece, pieces, text_of, thought_of

_REASONS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_CHOICES = {"REQUIRED": "required", "NONE": "none"}
# fault -> status, text, error_type: what clients match on, as seen in recorded traffic
_SAID = {
    "context_length_exceeded": (
        400,
        "too many tokens: size limit exceeded by 25836 tokens. Try using shorter or fewer inputs. The limit "
        "for this model is 288000 tokens.",
        "TOO_MANY_TOKENS",
    ),
    "content_policy_violation": (400, "invalid request: the messages violate our usage policy", ""),
    "insufficient_quota": (402, "Please add or update your payment method to continue", ""),
    "status_401": (401, "invalid api token", ""),
    "status_404": (404, "model '{model}' not found, make sure the correct model ID was used", ""),
    "status_422": (422, "No valid response generated. Try updating messages", ""),
    "status_500": (500, "internal server error", ""),
    "error_event": (500, "internal server error", ""),
}
ID = "5e7a11e5-0000-4000-8000-000000000000"  # of an answer that is none


class Chat(Tongue):
    """POST /v2/chat."""

    identity = "x-debug-trace-id"

    def read(self) -> Json:
        given = load(self.request.body)
        body: Json = {
            **given,
            "top_p": given.get("p"),
            "stop": given.get("stop_sequences"),
            "tool_choice": _CHOICES.get(str(given.get("tool_choice"))),
            "response_format": _format(table(given.get("response_format"))),
        }
        if isinstance(given.get("messages"), list):
            body["messages"] = [_message(table(message)) for message in entries(given["messages"])]
        if table(given.get("thinking")).get("type") == "enabled":
            budget = table(given["thinking"]).get("token_budget")
            body["reasoning"] = {"enabled": True, "max_tokens": budget}
        return tidy(body, parallel=True)

    def write(self, said: Answer, body: Json) -> bytes:
        choice = said.choices[0]
        made: Json = {
            "id": uuid_of(said),
            "finish_reason": _reason(choice),
            "message": _whole(choice),
            "usage": _usage(said),
        }
        return orjson.dumps(made)

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        writer = _Writer(said)
        for piece in pieces(said):
            yield writer.write(piece)

    def refuse(self, problem: Problem) -> Refusal:
        status, text, word = _error(problem)
        body = {"id": ID, "message": text}
        return Refusal(status, orjson.dumps({**body, "error_type": word} if word else body), {})

    def failed(self, problem: Problem) -> bytes:
        """The end of the message says that it failed."""
        return _event("message-end", delta={"finish_reason": "ERROR", "error": _error(problem)[1]})

    def nothing(self) -> bytes:
        return _begin(ID)

    def emptied(self, body: Json) -> Json:
        return {name: value for name, value in body.items() if name != "message"}


class _Writer:
    """The events of one stream: the parts of the content are numbered, and so are the calls."""

    def __init__(self, said: Answer) -> None:
        self._said = said
        self._part = -1
        self._open = ""  # kind of the part that is open

    def write(self, piece: Piece) -> bytes:
        """The events of one piece."""
        match piece.kind:
            case "begin":
                return _begin(uuid_of(self._said))
            case "call" | "argument":
                return self._call(piece)
            case "end":
                finish = _reason(self._said.choices[0])
                delta = {"finish_reason": finish, "usage": _usage(self._said)}
                return _event("message-end", delta=delta)
            case _:
                return self._content(piece)

    def _content(self, piece: Piece) -> bytes:
        name = "thinking" if piece.kind == "thought" else "text"
        out = b""
        if self._open != name:
            self._open, self._part = name, self._part + 1
            out = self._event("content-start", {"type": name, name: ""})
        out += self._event("content-delta", {name: piece.text})
        return out + (_event("content-end", index=self._part) if piece.is_last else b"")

    def _event(self, kind: str, content: Json) -> bytes:
        return _event(kind, index=self._part, delta={"message": {"content": content}})

    def _call(self, piece: Piece) -> bytes:
        assert piece.call is not None
        call = {"id": piece.call.id, "type": "function"}
        kind, own = "tool-call-delta", {"function": {"arguments": piece.text}}
        if piece.kind == "call":
            kind, own = "tool-call-start", {**call, "function": {"name": piece.call.name, "arguments": ""}}
        out = _event(kind, index=piece.place, delta={"message": {"tool_calls": own}})
        return out + (_event("tool-call-end", index=piece.place) if piece.is_last else b"")


def _event(kind: str, **more: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **more}))


def _begin(id_: str) -> bytes:
    message: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return _event("message-start", id=id_, delta={"message": message})


def _whole(choice: Choice) -> Json:
    content: list[Json] = []
    if choice.reasoning:
        content.append({"type": "thinking", "thinking": thought_of(choice)})
    if choice.pieces:
        content.append({"type": "text", "text": text_of(choice)})
    made: Json = {"role": "assistant", "content": content}
    if choice.calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for call in choice.calls
        ]
    return made


def _reason(choice: Choice) -> str:
    return "STOP_SEQUENCE" if choice.met else _REASONS[choice.finish]


def _usage(said: Answer) -> Json:
    choice = said.choices[0]
    counted: Json = {"input_tokens": said.prompt_tokens, "output_tokens": choice.tokens}
    made: Json = {"billed_units": counted, "tokens": dict(counted), "cached_tokens": said.cached_tokens}
    if choice.reasoning:
        made["tokens"]["reasoning_tokens"] = len(choice.reasoning)
    return made


def _error(problem: Problem) -> tuple[int, str, str]:
    """(status, text, error_type or "")."""
    status, text, word = _SAID.get(problem.kind, (problem.status, "", ""))
    return status, problem.say(text), word


def _message(message: Json) -> Json:
    """Documents in the place of texts are what tools answer with."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(table(part)) for part in entries(content)]}


def _part(part: Json) -> Json:
    if part.get("type") != "document":
        return part
    return {"type": "text", "text": orjson.dumps(part.get("document")).decode()}


def _format(given: Json) -> Json | None:
    if given.get("type") != "json_object":
        return None
    if schema := table(given.get("json_schema") or given.get("schema")):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return {"type": "json_object"}
