"""Errors of the Responses API: in error answers, in failed responses, in a stream's events."""

from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec
from xroute.dialects.openai import fault as chat
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.fault import error_of

__all__ = ["embedded", "error_of", "of_event"]

FAILED = ErrorInfo("the provider's answer failed without a message", code="server_error")
CANCELLED = ErrorInfo("the provider cancelled the answer", code="cancelled")


def embedded(response: Json) -> ErrorInfo | None:
    """The error inside a response object; None where it is an answer, finished or not."""
    if error := response.get("error"):
        return chat.embedded({"error": error}) or FAILED
    status = response.get("status")
    if status in ("failed", "cancelled"):
        return CANCELLED if status == "cancelled" else FAILED
    if "output" not in response:
        return chat.embedded(response)
    return None


def of_event(event: Json) -> ErrorInfo:
    """The error that an `error` event says, flat or in an `error` object of its own."""
    inner: Any = event.get("error")
    said: Any = inner if inner else {name: event[name] for name in event if name != "type"}
    if codec.is_object(said) and not any(said.get(name) for name in ("message", "code", "type")):
        return chat.SILENT
    return chat.embedded({"error": said}) or chat.SILENT
