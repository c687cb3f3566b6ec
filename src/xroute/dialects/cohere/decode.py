"""Cohere's whole answer as a ChatCompletion."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.cohere import citation, count, logprob, thought
from xroute.dialects.cohere.words import finish_of
from xroute.dialects.openai import calls, codec, fault
from xroute.dialects.openai import message as messages
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json

ANSWER = "xroute_answer"  # the tool that carries an answer of a schema beside other tools
_KNOWN = frozenset({"id", "finish_reason", "message", "usage", "logprobs"})
_TOLD = ("text", "thinking", None)  # types of content parts that have a place in OpenAI's message


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = object_of(raw)
    given: Any = body.get("message")
    if not codec.is_object(given) or "role" not in given:
        if info := _failure(body):
            raise ErrorBody(info)
        raise Malformed("the provider's answer has no message")
    if finish_of(body.get("finish_reason")) == "error":
        raise ErrorBody(failure_of(body))
    try:
        choice = _choice(body, given, request_id)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None
    written: Json = {name: value for name, value in body.items() if name not in _KNOWN}
    written |= {
        "id": str(body.get("id") or "chatcmpl-" + request_id),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
    }
    if found := count.usage_body(body.get("usage")):
        written["usage"] = found
    return Answer(written, count.usage_of(found), messages.substance(choice["message"])[0])


def _choice(body: Json, given: Json, seed: str) -> Json:
    said, answered = _message(given, seed)
    native: Any = body.get("finish_reason")
    reason = finish_of(native)
    if reason == "tool_calls" and answered and "tool_calls" not in said:
        reason = "stop"
    choice: Json = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
    if native is not None:
        choice["native_finish_reason"] = native
    if body.get("logprobs") is not None:
        choice |= {"logprobs": logprob.read(body["logprobs"]), "native_logprobs": body["logprobs"]}
    return choice


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says: {"message", "id"}, at times with an `error_type`."""
    info = fault.error_of(status, headers, raw)
    if info.code is None and b'"error_type"' in raw:
        try:
            body: Any = codec.read(raw)
        except ValueError:
            return info
        if codec.is_object(body) and isinstance(word := body.get("error_type"), str):
            return replace(info, code=word)
    return info


def failure_of(body: Json) -> ErrorInfo:
    """The error of an answer that finished with ERROR or TIMEOUT; `body` holds `error`, `error_type`."""
    text, word, reason = body.get("error"), body.get("error_type"), body.get("finish_reason")
    message = text if isinstance(text, str) and text else "the provider ended the answer with an error"
    code = word if isinstance(word, str) and word else None
    return ErrorInfo(message, code=code, type="timeout" if reason == "TIMEOUT" else "error")


def _failure(body: Json) -> ErrorInfo | None:
    """The error in the place of an answer: a message that is a text, or any other provider's form."""
    if isinstance(body.get("message"), str) and "finish_reason" not in body:
        return error_of(200, {}, codec.write(body))
    return fault.embedded(body)


def _message(given: Json, seed: str) -> tuple[Json, bool]:
    """(the message in OpenAI's form, whether its content came as a call of our own tool)."""
    parts: list[Any] = given["content"] if codec.is_list(given.get("content")) else []
    said: Json = {"role": "assistant", "content": _text(given.get("content"), parts)}
    thoughts = thought.read(parts, given.get("tool_plan"))
    if thoughts:
        said["reasoning"] = "".join(item["text"] for item in thoughts)
        said["reasoning_details"] = thoughts
    answered = False
    if codec.is_list(own := given.get("tool_calls")):
        said["tool_calls"] = own
        calls.tidy(said, seed)
        answered = _unwrap(said)
    _cite(said, given.get("citations"), parts)
    others = [part for part in parts if codec.is_object(part) and part.get("type") not in _TOLD]
    if others:
        said["native_content"] = others
    return said, answered


def _text(content: Any, parts: list[Any]) -> str | None:
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in parts if _is_text(part)]
    return "".join(texts) if texts else None


def _is_text(part: Any) -> bool:
    return codec.is_object(part) and isinstance(part.get("text"), str)


def _unwrap(said: Json) -> bool:
    """A call of our own tool back into content; whether there was one."""
    own = [call for call in said["tool_calls"] if _name(call) == ANSWER]
    kept = [call for call in said["tool_calls"] if _name(call) != ANSWER]
    if own:
        said["content"] = (said["content"] or "") + "".join(call["function"]["arguments"] for call in own)
    if kept:
        said["tool_calls"] = kept
    else:
        del said["tool_calls"]
    return bool(own)


def _name(call: Json) -> str:
    return call["function"]["name"] if "function" in call else ""


def _cite(said: Json, given: Any, parts: list[Any]) -> None:
    """All citations whole, and those with an address as OpenAI's annotations."""
    if not codec.is_list(given) or not given:
        return
    said["citations"] = given
    begins, place = dict[int, int](), 0
    for number, part in enumerate(parts):
        begins[number] = place
        place += len(part["text"]) if _is_text(part) else 0
    found = [
        item for one in given for item in citation.annotations(one, begins.get(citation.part_of(one), 0))
    ]
    if found:
        said["annotations"] = found
