"""Errors as Anthropic writes them, with xroute's own words beside.

https://platform.claude.com/docs/en/api/errors, read 2026-11-21.
"""

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.surface import error_object
from xroute.errors import CallError, ContextLength

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

# By these words in a message Claude Code knows that it has to compact its conversation:
# https://github.com/Menci/Floway/pull/166, read 2026-11-21.
TOO_LONG = ("prompt is too long", "input length and `max_tokens` exceed context limit")


def refuse(error: CallError, request_id: str) -> bytes:
    """The body of an error answer."""
    return codec.write(_body(error, request_id))


def error_event(error: CallError, request_id: str) -> bytes:
    """The event of an error inside a stream."""
    return b"event: error\ndata: %b\n\n" % codec.write(_body(error, request_id))


def _body(error: CallError, request_id: str) -> Json:
    own = error_object(error, request_id)
    told: Json = {
        "type": _TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error"),
        "message": _message(error),
        "error_type": error.error_type,
        "code": own["code"],
        "param": own["param"],
        "metadata": own["metadata"],
    }
    if error.provider:
        told["provider"] = error.provider
    return {"type": "error", "error": told, "request_id": request_id}


def _message(error: CallError) -> str:
    if error.error_type != ContextLength.error_type or any(w in error.message.lower() for w in TOO_LONG):
        return error.message
    return f"prompt is too long: {error.message}"
