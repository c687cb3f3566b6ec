"""A whole response as a valid ChatCompletion."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import codec, envelope, logprobs, tokens
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses import fault, usage
from xroute.dialects.openai_responses.message import Message

KIND = "chat.completion"

LENGTH, FILTER = "length", "content_filter"

# What a response repeats of its request, or what stands elsewhere in a chat completion.
_ECHO = frozenset(
    {
        "background", "completed_at", "context_management", "conversation", "created_at", "error",
        "frequency_penalty", "include", "input", "instructions", "max_output_tokens", "max_tool_calls",
        "model", "object", "output", "output_text", "parallel_tool_calls", "presence_penalty",
        "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "safety_identifier", "status", "store", "stream",
        "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage",
        "user",
    }
)  # fmt: skip


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where the response failed.

    Several messages become one text, with an empty line between them (see `order`).
    """
    response = load(raw)
    try:
        return _answer(response, model, request_id, created)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None


def load(raw: bytes) -> Json:
    """The response object, finished or begun; Malformed or ErrorBody otherwise."""
    response = object_of(raw)
    if info := fault.embedded(response):
        raise ErrorBody(info)
    if not codec.is_list(response.get("output")):
        raise Malformed("the provider's answer has no output")
    return response


def is_begun(response: Json) -> bool:
    """Whether the provider has only begun: it works in the background, and nothing asked it to."""
    return response.get("status") in ("queued", "in_progress")


def _answer(response: Json, model: str, request_id: str, created: int) -> Answer:
    if is_begun(response):
        raise Malformed(f"the provider's answer is not finished: its status is {response['status']}")
    said = Message(model, request_id)
    for item in response["output"]:
        if codec.is_object(item):
            said.add(item)
    reason, native = finish(response, bool(said.calls))
    choice: Json = {"index": 0, "message": said.body(), "finish_reason": reason, "logprobs": None}
    if native != reason:
        choice["native_finish_reason"] = native
    if said.logprobs:
        choice["logprobs"] = {"content": said.logprobs, "refusal": None}
        logprobs.tidy(choice)
    body = kept(response) | {
        "created": response.get("created_at"),
        "model": response.get("model"),
        "choices": [choice],
    }
    if counted := usage.body_of(response.get("usage")):
        body["usage"] = tokens.tidy(counted)
    envelope.tidy(body, KIND, request_id, created, model)
    return Answer(body, tokens.read(counted) if counted else None, said.holds)


def kept(response: Json) -> Json:
    """The provider's own fields that say something of the answer; its moderation has a form of its own."""
    own = {name: value for name, value in response.items() if name not in _ECHO and value is not None}
    if (moderation := own.pop("moderation", None)) is not None:
        own["native_moderation"] = moderation
    return own


def finish(response: Json, called: bool) -> tuple[str, str]:
    """(OpenAI's finish reason, the provider's own word) of a finished response."""
    status = response.get("status")
    if status == "incomplete":
        details: Any = response.get("incomplete_details")
        own: Any = details.get("reason") if codec.is_object(details) else None
        return (FILTER if own == FILTER else LENGTH), own if isinstance(own, str) else status
    word = "tool_calls" if called else "stop"
    return word, status if isinstance(status, str) else word
