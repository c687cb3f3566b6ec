"""A provider's whole answer as a valid ChatCompletion."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import calls, codec, envelope, logprobs, message, tokens, words, wrapped
from xroute.dialects.openai.body import lone_object
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.fault import embedded, error_of
from xroute.dialects.openai.tokens import usage_of

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
    own = tokens.find(body, quirks)
    envelope.tidy(body, KIND, request_id, created, model)
    body["choices"] = _choices(body["choices"], request_id, quirks)
    _usage(body, own)
    usage = None if own is None else tokens.read(own)
    return Answer(body, usage, any(message.substance(c["message"])[0] for c in body["choices"]))


def _usage(body: Json, own: Json | None) -> None:
    """OpenAI's place and form for usage, wherever the provider has its `own`."""
    if own is not None:
        body["usage"] = tokens.tidy(own)
    elif body.get("usage") is not None:
        body["usage"] = None


def _choices(value: Any, request_id: str, quirks: Quirks) -> list[Json]:
    given: list[Any] = value if codec.is_list(value) else []
    choices = [choice for choice in given if codec.is_object(choice)]
    for position, choice in enumerate(choices):
        _choice(choice, position, f"{request_id}:{position}", quirks)
    return choices


def _choice(choice: Json, position: int, seed: str, quirks: Quirks) -> None:
    if choice.get("index").__class__ is not int:
        choice["index"] = position
    said = _message(choice)
    message.tidy(said, quirks.reasoning_field)
    calls.tidy(said, seed)
    _audio(said)
    if codec.is_object(call := said.get("function_call")):
        call["name"], call["arguments"] = call.get("name") or "", call.get("arguments") or "{}"
    logprobs.tidy(choice)
    _finish(choice, said)


def _message(choice: Json) -> Json:
    """The choice's message, wherever it stands; content and role are always there."""
    said = choice.get("message")
    if not codec.is_object(said):
        said = choice.get("delta")
        said = said if codec.is_object(said) else {"content": choice.get("text")}
    choice["message"] = said
    said["role"] = "assistant"
    said.setdefault("content", None)
    return said


def _audio(said: Json) -> None:
    """OpenAI's types ask for all four fields; one without data is none."""
    audio = said.get("audio")
    if audio is None:
        return
    if not codec.is_object(audio):
        said["audio"] = None
        return
    for name in ("id", "data", "transcript"):
        if not isinstance(audio.get(name), str):
            audio[name] = ""
    audio["expires_at"] = tokens.count(audio.get("expires_at")) or 0


def _finish(choice: Json, said: Json) -> None:
    own = choice.get("finish_reason")
    if isinstance(own, str) and own in words.OPENAI:
        return
    choice["finish_reason"] = words.translate(own) or ("tool_calls" if said.get("tool_calls") else "stop")
    choice.setdefault("native_finish_reason", own)
