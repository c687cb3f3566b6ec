"""Errors in Anthropic's words.

https://platform.claude.com/docs/en/api/errors, read 2026-11-21.
"""

from collections.abc import Mapping
from dataclasses import replace

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import fault
from xroute.dialects.openai.codec import Json

# `error.type` -> the HTTP status it comes with; inside a stream there is no other.
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    # Of InvokeModelWithResponseStream, in the frames of its stream:
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html
    "validationException": 400,
    "throttlingException": 429,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
}


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says, whatever its form; the message is never empty."""
    return fault.error_of(status, headers, raw)


def embedded(body: Json) -> ErrorInfo | None:
    """The error inside what should be an answer or an event; None where there is none."""
    info = fault.embedded(body)
    return _coded(info) if info else None


def _coded(info: ErrorInfo) -> ErrorInfo:
    """The status that the error's type stands for, where the body names none: the gateway goes by it."""
    status = STATUSES.get(info.type or "")
    return info if status is None or info.status is not None else replace(info, status=status)
