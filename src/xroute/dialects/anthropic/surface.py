"""The Anthropic client's side: messages, streams of events, counts and errors."""

from typing import Any

from xroute.dialects.anthropic import cite, reply, seal
from xroute.dialects.anthropic.events import NOTHING, MessagesEncoder
from xroute.dialects.anthropic.refusal import refuse
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.errors import CallError

__all__ = ["MessagesSurface", "refuse", "surface_of", "write_count"]


class MessagesSurface:
    """Messages. The same object serves every call with the same wishes.

    `shown`: other makers' reasoning is for the client to see; see `MessagesEncoder`.
    """

    dialect = "anthropic"

    def __init__(self, *, shown: bool, stops: tuple[str, ...] = ()) -> None:
        self._shown = shown
        self._stops = stops  # the client's stop sequences

    def __repr__(self) -> str:
        return f"<MessagesSurface, other makers' reasoning {'shown' if self._shown else 'sealed'}>"

    def write(self, body: Json) -> bytes:
        choices: Any = body.get("choices") or [{}]
        choice: Json = choices[0]
        said: Json = choice.get("message") or {}
        content = _blocks(said, self._shown)
        refusal = None if body.get("stop_details") else said.get("refusal")
        called = bool(said.get("tool_calls"))
        reason, met = reply.stop(choice, self._stops, called)
        if refusal:
            content.append({"type": "text", "text": refusal})
        if said.get("refusal") and not called:
            reason, met = "refusal", None
        message: Json = {
            "id": reply.message_id(body.get("id")),
            "type": "message",
            "role": "assistant",
            "model": body.get("model") or "",
            "content": content,
            "stop_reason": reason,
            "stop_sequence": met,
            "usage": reply.usage(body.get("usage")),
            **reply.beside(body),
        }
        return codec.write(message)

    def encoder(self, request_id: str, created: int) -> MessagesEncoder:
        return MessagesEncoder(request_id, shown=self._shown, stops=self._stops)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)


_SHOWN, _SEALED = MessagesSurface(shown=True), MessagesSurface(shown=False)


def surface_of(given: Json) -> MessagesSurface:
    """The surface that a request wants, by its thinking and its stop sequences.

    A client that has not asked for thinking expects text first, so others' reasoning is kept from it.
    """
    thinking: Json = given.get("thinking") or {}
    asked = thinking.get("type") not in (None, "disabled", "between_tools")
    shown = asked and thinking.get("display") != "omitted"
    if stops := given.get("stop_sequences"):
        return MessagesSurface(shown=shown, stops=tuple(stops))
    return _SHOWN if shown else _SEALED


def write_count(tokens: int) -> bytes:
    """The answer to a count of tokens."""
    return b'{"input_tokens":%d}' % tokens


def _blocks(said: Json, shown: bool) -> list[Json]:
    """The content blocks of a whole message."""
    if "native_content" in said and (native := reply.natives(said)):
        return list(native)
    calls = [_call(call) for call in said.get("tool_calls") or ()]
    if not said.get("reasoning") and "reasoning_details" not in said:
        return _texts(said) + calls
    items = codec.objects(said.get("reasoning_details"))
    own = [_own(item) for item in items if seal.is_own(item)]
    others = [item for item in items if not seal.is_own(item)]
    text = "" if own else said.get("reasoning") or "".join(map(seal.text_of, others))
    if shown:
        return own + _thought(text, others) + _texts(said) + calls
    return own + _texts(said) + (_sealed(text, others) if calls else []) + calls


def _own(item: Json) -> Json:
    if item.get("type") == "reasoning.encrypted":
        return {"type": "redacted_thinking", "data": item.get("data") or ""}
    signature = item.get("signature") or ""
    return {"type": "thinking", "thinking": item.get("text") or "", "signature": signature}


def _thought(text: str, items: list[Json]) -> list[Json]:
    return [_thinking(text, seal.seal(items, text))] if text or seal.is_worth(items) else []


def _sealed(text: str, items: list[Json]) -> list[Json]:
    if text and not any(map(seal.text_of, items)):
        items = [seal.plain(text), *items]
    return [_thinking("", seal.seal(items, ""))] if items else []


def _thinking(text: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def _texts(said: Json) -> list[Json]:
    text = said.get("content")
    if not isinstance(text, str) or not text:
        return []
    cited = reply.citations(said)
    if cited and all("citation" in item for item in said.get("annotations") or ()):
        return cite.texts(text, said)
    block: Json = {"type": "text", "text": text}
    return [{**block, "citations": cited} if cited else block]


def _call(call: Json) -> Json:
    function: Json = call.get("function") or call.get("custom") or {}
    free = function.get("input")
    return {
        "type": "tool_use",
        "id": call.get("id") or "",
        "name": function.get("name") or "",
        "input": _input(function.get("arguments") or "") if free is None else {"input": free},
    }


def _input(arguments: str) -> Json:
    """The arguments as an object; what is none, as a model has cut it short, stays readable."""
    if arguments.strip() in ("", NOTHING):
        return {}
    try:
        found: Any = codec.read(arguments.encode("utf-8", "surrogatepass"))
    except ValueError:
        found = None
    return found if codec.is_object(found) else {"arguments": arguments}
