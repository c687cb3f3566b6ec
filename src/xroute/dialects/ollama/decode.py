"""Ollama's whole answer as a ChatCompletion."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.ollama.count import usage_body
from xroute.dialects.openai import calls, codec, fault, logprobs, tokens
from xroute.dialects.openai import message as messages
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.decode import decode as decode_plain

_WORDS = {"stop": "stop", "length": "length"}


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error.

    An answer in OpenAI's form is read as well: what stands in front of Ollama may speak it.
    """
    body = object_of(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    if "choices" in body:
        return decode_plain(raw, model=model, request_id=request_id, created=created, quirks=quirks)
    given = message_of(body)
    if given is None:
        raise Malformed("the provider's answer has no message")
    try:
        choice = _choice(body, given, request_id)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None
    own: Any = body.get("model")
    written: Json = {
        "id": "chatcmpl-" + request_id,
        "object": "chat.completion",
        "created": created,
        "model": own if isinstance(own, str) and own else model,
        "choices": [choice],
    }
    used = usage_body(body)
    if used is not None:
        written["usage"] = used
    return Answer(written, tokens.read(used) if used else None, messages.substance(choice["message"])[0])


def message_of(body: Json) -> Json | None:
    """The message of a chat's answer, or of a single prompt's; None where there is none."""
    given: Any = body.get("message")
    if codec.is_object(given):
        return given
    if isinstance(body.get("response"), str):
        return {"content": body["response"], "thinking": body.get("thinking")}
    return None


def calls_of(given: Json) -> list[Json]:
    """The tool calls of a message: their arguments are objects, their ids may be missing."""
    listed: Any = given.get("tool_calls")
    return [call for call in listed if codec.is_object(call)] if codec.is_list(listed) else []


def finish_of(body: Json, *, called: bool) -> str:
    """OpenAI's finish reason: Ollama says "stop" after tool calls, too."""
    word: Any = body.get("done_reason")
    reason = _WORDS.get(word, "stop") if isinstance(word, str) else "stop"
    return "tool_calls" if called and reason == "stop" else reason


def _choice(body: Json, given: Json, seed: str) -> Json:
    said: Json = {"role": "assistant", "content": None}
    if isinstance(given.get("content"), str):
        said["content"] = given["content"]
    if isinstance(given.get("thinking"), str) and given["thinking"]:
        said["reasoning"] = given["thinking"]
    if own := calls_of(given):
        said["tool_calls"] = own
        calls.tidy(said, seed)
    if given.get("images"):
        said["native_content"] = [{"type": "images", "images": given["images"]}]
    reason = finish_of(body, called=bool(own))
    choice: Json = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
    if isinstance(word := body.get("done_reason"), str) and word != reason:
        choice["native_finish_reason"] = word
    if codec.is_list(body.get("logprobs")):
        choice["logprobs"] = {"content": body["logprobs"], "refusal": None}
        logprobs.tidy(choice)
    return choice
