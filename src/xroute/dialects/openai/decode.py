"""A provider's whole answer as a valid ChatCompletion."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import calls, codec, envelope, logprobs, message, tokens, words, wrapped
from xroute.dialects.openai.body import lone_object
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.fault import embedded, error_of
from xroute.dialects.openai.tokens import usage_of
from xroute.wire.usage import Usage

__all__ = ["decode", "error_of", "usage_of"]

KIND = "chat.completion"


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = lone_object(raw)
    if info := embedded(body):
        raise ErrorBody(info)
    if quirks.unwrap:
        body = wrapped.whole(body, quirks.unwrap)
    if "choices" not in body:
        raise Malformed("the provider's answer has no choices")
    try:
        return _tidied(body, model, request_id, created, quirks)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None


def _tidied(body: Json, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    own: Any = body.get("usage")
    used = tokens.plain(own) if own.__class__ is dict else None
    if used is None:
        own = tokens.find(body, quirks)
    envelope.tidy(body, KIND, request_id, created, model)
    choices = body["choices"] = codec.objects(body["choices"])
    held = False
    for position, choice in enumerate(choices):
        held = _choice(choice, position, request_id, quirks) or held
    if used is None:
        used = _usage(body, own)
    return Answer(body, used, held)


def _usage(body: Json, own: Json | None) -> Usage | None:
    """What the provider's `own` usage says, wherever it stood; it gets OpenAI's place and form."""
    if own is not None:
        body["usage"] = tokens.tidy(own)
        return tokens.read(own)
    if body.get("usage") is not None:
        body["usage"] = None
    return None


def _choice(choice: Json, position: int, request_id: str, quirks: Quirks) -> bool:
    """Tidies one choice; whether it holds anything of an answer."""
    if choice.get("index").__class__ is not int:
        choice["index"] = position
    said: Any = choice.get("message")
    if said.__class__ is not dict:
        said = choice["message"] = _said(choice)
    said["role"] = "assistant"
    if message.is_text(said):
        held = bool(said.setdefault("content", None))
    else:
        held = _message(said, f"{request_id}:{position}", quirks)
    if choice.get("logprobs") is not None:
        logprobs.tidy(choice)
    _finish(choice, said)
    return held


def _said(choice: Json) -> Json:
    """The message of a choice that has none under its name."""
    said = choice.get("delta")
    return said if codec.is_object(said) else {"content": choice.get("text")}


def _message(said: Json, seed: str, quirks: Quirks) -> bool:
    """Tidies a message that holds more than text; whether it holds anything of an answer."""
    said.setdefault("content", None)
    message.tidy(said, quirks.reasoning_field)
    calls.tidy(said, seed)
    if said.get("audio") is not None:
        _audio(said)
    if codec.is_object(call := said.get("function_call")):
        call["name"], call["arguments"] = call.get("name") or "", call.get("arguments") or "{}"
    return message.substance(said)[0]


def _audio(said: Json) -> None:
    """OpenAI's types ask for all four fields; one without data is none."""
    audio = said["audio"]
    if not codec.is_object(audio):
        said["audio"] = None
        return
    for name in ("id", "data", "transcript"):
        if not isinstance(audio.get(name), str):
            audio[name] = ""
    audio["expires_at"] = tokens.count(audio.get("expires_at")) or 0


def _finish(choice: Json, said: Json) -> None:
    own = choice.get("finish_reason")
    if own.__class__ is str and own in words.OPENAI:
        return
    choice["finish_reason"] = words.translate(own) or ("tool_calls" if said.get("tool_calls") else "stop")
    choice.setdefault("native_finish_reason", own)
