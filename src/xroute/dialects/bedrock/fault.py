"""Errors of AWS: the body's message, and the exception's name as code.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors,
read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec, fault
from xroute.dialects.openai.codec import Json

# Statuses of the exceptions, for those that come inside a stream.
_STATUSES = {
    "accessdeniedexception": 403,
    "badgatewayexception": 502,
    "internalserverexception": 500,
    "modelerrorexception": 424,
    "modelnotreadyexception": 429,
    "modelstreamerrorexception": 424,
    "modeltimeoutexception": 408,
    "resourcenotfoundexception": 404,
    "servicequotaexceededexception": 400,
    "serviceunavailableexception": 503,
    "throttlingexception": 429,
    "validationexception": 400,
}


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says; its code is the exception's name, such as "ThrottlingException"."""
    try:
        body: Any = codec.read(raw)
    except ValueError:
        body = None
    own: Json = body if codec.is_object(body) else {}
    code = _name(headers.get("x-amzn-errortype")) or _name(own.get("__type")) or _name(own.get("code"))
    info = fault.error_of(status, headers, raw)
    message = _message(own) or info.message
    return ErrorInfo(message, code or info.code, info.type, info.param, info.status)


def embedded(body: Json) -> ErrorInfo | None:
    """The error in a body that came with status 200: {"Output": {"__type"}}, or nothing but a message."""
    inner: Any = body.get("Output")
    found: Json = inner if codec.is_object(inner) else body
    code = _name(found.get("__type"))
    if code is None and not ("output" not in body and _message(found)):
        return None
    return ErrorInfo(_message(found) or f"the provider answered with {code}", code, status=status_of(code))


def event(code: str, raw: bytes, said: str = "") -> ErrorInfo:
    """An exception in a stream; `said` is what its header tells, for one without a body."""
    try:
        body: Any = codec.read(raw)
    except ValueError:
        body = None
    own: Json = body if codec.is_object(body) else {}
    message = _message(own) or said or f"the provider ended its stream with {code or 'an error'}"
    original: Any = own.get("originalMessage")
    if isinstance(original, str) and original.strip() and original not in message:
        message = f"{message}: {original.strip()}"
    return ErrorInfo(message, code or None, status=status_of(code))


def status_of(code: str | None) -> int | None:
    """The HTTP status of an exception; None for one that nobody knows."""
    return _STATUSES.get((code or "").lower())


def _name(value: Any) -> str | None:
    """The bare name in "com.amazon.x#Name", "Name:http://...", "Name"; None for anything else."""
    if not isinstance(value, str):
        return None
    return value.partition(":")[0].rpartition("#")[2].strip() or None


def _message(body: Json) -> str:
    for name in ("message", "Message", "errorMessage"):
        if isinstance(text := body.get(name), str) and text.strip():
            return text.strip()
    return ""
