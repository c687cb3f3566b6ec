"""A whole message of Anthropic's as a valid ChatCompletion."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.anthropic import cite, fault, usage
from xroute.dialects.anthropic.words import ANSWER, FORMAT, finish_of
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text

_ORDER = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}

# Fields of a message that OpenAI's form has another place for, or that are always the same.
_KNOWN = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    try:
        body = object_of(raw)
    except Malformed:
        if not raw.strip():
            raise Malformed("it is empty") from None
        raise
    if info := fault.embedded(body):
        raise ErrorBody(info)
    blocks = body.get("content")
    if not codec.is_list(blocks):
        raise Malformed("the provider's answer has no content")
    try:
        return _answer(body, codec.objects(blocks), model, request_id, created)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None


def _answer(body: Json, blocks: list[Json], model: str, request_id: str, created: int) -> Answer:
    message = _message(blocks, request_id)
    refuse(message, body)
    own = body.get("usage")
    found = usage.tidy(own) if codec.is_object(own) else None
    answer: Json = {
        "id": _text(body.get("id")) or "chatcmpl-" + request_id,
        "object": "chat.completion",
        "created": created,
        "model": _text(body.get("model")) or model,
        "choices": [_choice(body, message)],
        "usage": found,
    }
    if not _KNOWN.issuperset(body):
        answer |= {name: value for name, value in body.items() if name not in _KNOWN and value is not None}
    if codec.is_object(own) and (tier := usage.TIERS.get(str(own.get("service_tier")))):
        answer["service_tier"] = tier
    return Answer(
        answer,
        tokens.read(found) if found else None,
        bool(message.keys() - {"role", "content"} or message["content"]),
    )


def _choice(body: Json, message: Json) -> Json:
    reason = body.get("stop_reason")
    choice: Json = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_of(reason, "tool_calls" in message),
    }
    if reason is not None and reason != choice["finish_reason"]:
        choice["native_finish_reason"] = reason
    if body.get("stop_sequence") is not None:
        choice["stop_sequence"] = body["stop_sequence"]
    return choice


def refuse(message: Json, body: Json) -> None:
    """The reason of a refusal as the message's, where one is given."""
    details = body.get("stop_details")
    if body.get("stop_reason") != "refusal" or not codec.is_object(details):
        return
    if explanation := _text(details.get("explanation")):
        message["refusal"] = explanation


def is_plain(block: Json, before: int) -> int:
    """The rank of a block that canonical form can give back as it is after one of rank `before`; else -1."""
    rank = _ORDER.get(str(block.get("type")), -1)
    caller = block.get("caller")
    if block.get("toolset_name") or (codec.is_object(caller) and caller.get("type") != "direct"):
        return -1
    return rank if rank >= before else -1


def _message(blocks: list[Json], request_id: str) -> Json:
    message: Json = {"role": "assistant", "content": None}
    rank = 0
    for block in blocks:
        _add(message, block, request_id)
        rank = min(rank, -1) if rank < 0 else is_plain(block, rank)
    if rank < 0 and not any(is_answer(block) for block in blocks):
        message["native_content"] = blocks
    return message


def _add(message: Json, block: Json, request_id: str) -> None:
    match block.get("type"):
        case "text":
            _say(message, _text(block.get("text")), block.get("citations"))
        case "thinking" | "redacted_thinking":
            _think(message, block)
        case "tool_use" if is_answer(block):
            _say(message, as_text(block.get("input", {})), None)
        case "tool_use":
            calls: list[Json] = message.setdefault("tool_calls", [])
            calls.append(_call(block, f"{request_id}:0:{len(calls)}"))
        case _:
            pass  # in native_content


def _say(message: Json, text: str, citations: Any) -> None:
    start = len(message["content"] or "")
    message["content"] = (message["content"] or "") + text
    if codec.is_list(citations):
        cite.annotate(message, citations, start, start + len(text))


def _think(message: Json, block: Json) -> None:
    details: list[Json] = message.setdefault("reasoning_details", [])
    detail = detail_of(block, len(details))
    details.append(detail)
    if text := detail.get("text"):
        message["reasoning"] = message.get("reasoning", "") + text


def detail_of(block: Json, index: int) -> Json:
    """A thinking block as an item of reasoning_details."""
    if block.get("type") == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": block.get("data"), "format": FORMAT, "index": index}
    detail: Json = {"type": "reasoning.text", "text": _text(block.get("thinking"))}
    if signature := _text(block.get("signature")):
        detail["signature"] = signature
    return {**detail, "format": FORMAT, "index": index}


def is_answer(block: Json) -> bool:
    """Whether a block is the call that stands for the answer itself."""
    return block.get("type") == "tool_use" and block.get("name") == ANSWER


def _call(block: Json, seed: str) -> Json:
    function: Json = {"name": _text(block.get("name")), "arguments": as_text(block.get("input", {}))}
    return {"id": _text(block.get("id")) or made_id(seed), "type": "function", "function": function}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
