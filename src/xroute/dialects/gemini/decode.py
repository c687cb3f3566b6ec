"""A whole answer of Gemini as a valid ChatCompletion."""

from datetime import datetime
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.gemini import candidate as candidates
from xroute.dialects.gemini import fault, grounding, usage, words
from xroute.dialects.gemini.pieces import Progress, fold
from xroute.dialects.openai import codec, message, tokens
from xroute.dialects.openai.body import lone_object
from xroute.dialects.openai.codec import Json

KIND = "chat.completion"


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = lone_object(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    try:
        choices = _choices(body, request_id)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None
    held = any(map(_holds, choices))
    if not held and (info := _failure(choices)):
        raise ErrorBody(info)
    answer: Json = {**envelope(body, model, request_id, created), "choices": choices}
    if codec.is_object(body.get("promptFeedback")):
        answer["prompt_feedback"] = body["promptFeedback"]
    counted = usage.body_of(body.get("usageMetadata"))
    if counted:
        answer["usage"] = counted
    return Answer(answer, tokens.read(counted) if counted else None, held)


def envelope(body: Json, model: str, request_id: str, created: int, kind: str = KIND) -> Json:
    """The fields around the choices."""
    found: Json = {
        "id": _text(body.get("responseId")) or "chatcmpl-" + request_id,
        "object": kind,
        "created": _seconds(body.get("createTime")) or created,
        "model": _text(body.get("modelVersion")) or model,
    }
    if tier := usage.tier_of(body.get("usageMetadata")):
        found["service_tier"] = tier
    return found


def _choices(body: Json, request_id: str) -> list[Json]:
    given: Any = body.get("candidates")
    found = [item for item in given if codec.is_object(item)] if codec.is_list(given) else []
    if found:
        return [_choice(item, place, request_id) for place, item in enumerate(found)]
    refused = candidates.refusal_of(body)
    if refused is None:
        raise Malformed("the provider's answer has no candidates")
    reason, text = refused
    said = {"role": "assistant", "content": None, "refusal": text}
    return [_ended({"index": 0, "message": said, "logprobs": None}, "content_filter", reason)]


def _choice(candidate: Json, place: int, request_id: str) -> Json:
    index: Any = candidate.get("index")
    index = place if isinstance(index, bool) or not isinstance(index, int) else index
    said: Json = {"role": "assistant", "content": None, "refusal": None}
    progress = Progress(f"{request_id}:{index}")
    for piece in (*progress.read(candidate.get("content")), *progress.end()):
        fold(said, piece)
    said |= candidates.kept(candidate, candidates.MESSAGE)
    if cited := grounding.annotations(candidate, "".join(progress.texts)):
        said["annotations"] = cited
    reason = candidates.reason_of(candidate) or "STOP"
    choice: Json = {"index": index, "message": said, **candidates.kept(candidate, candidates.CHOICE)}
    choice["logprobs"] = candidates.logprobs_of(candidate.get("logprobsResult"))
    return _ended(choice, words.translate(reason, calls=progress.calls > 0), reason)


def _ended(choice: Json, reason: str, native: str) -> Json:
    return {**choice, "finish_reason": reason, "native_finish_reason": native}


def _holds(choice: Json) -> bool:
    said = choice["message"]
    return message.substance(said)[0] or bool(said.get("native_content"))


def _failure(choices: list[Json]) -> ErrorInfo | None:
    """What an answer without content stands for, where the provider says that the model failed."""
    found = (candidates.failure_of(choice["native_finish_reason"], choice) for choice in choices)
    return next((info for info in found if info), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> int | None:
    """A timestamp of protobuf's JSON form, in seconds since 1970."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None
    except ValueError:
        return None
