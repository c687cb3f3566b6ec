"""Errors in Google's form: {"error": {code, message, status, details}}, alone or in a list of one.

https://cloud.google.com/apis/design/errors, read 2026-11-21.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec
from xroute.dialects.openai import fault as openai
from xroute.dialects.openai.codec import Json

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")  # a google.protobuf.Duration as JSON

# The reason of an ErrorInfo says more than its status; here in the words that `upstream.failure` knows.
_REASONS = {
    "API_KEY_INVALID": "invalid_api_key",
    "API_KEY_EXPIRED": "invalid_api_key",
    "API_KEY_SERVICE_BLOCKED": "invalid_api_key",
    "ACCESS_TOKEN_EXPIRED": "invalid_api_key",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": "invalid_api_key",
    "CREDENTIALS_MISSING": "invalid_api_key",
    "BILLING_DISABLED": "insufficient_quota",
    "RATE_LIMIT_EXCEEDED": "rate_limit_exceeded",
    "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
}


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says; the status word, or a telling reason in the details, is its code."""
    info = openai.error_of(status, headers, raw)
    try:
        found = error_in(codec.read(raw))
    except ValueError:
        return info
    return _named(info, found) if found else info


def embedded(body: Any) -> ErrorInfo | None:
    """The error inside what should be an answer or an event of one; None where there is none."""
    found = error_in(body)
    if found is None:
        return None
    return _named(openai.embedded({"error": found}) or openai.SILENT, found)


def error_in(body: Any) -> Json | None:
    """The error object of a body."""
    if codec.is_list(body):
        return next((found for item in body if (found := error_in(item))), None)
    if not codec.is_object(body):
        return None
    error = body.get("error")
    if codec.is_object(error):
        return error
    return {"message": str(error)} if error else None


def retry_after_s(error: Json) -> float | None:
    """Seconds to wait, as a google.rpc.RetryInfo says them."""
    for detail in _details(error):
        delay: Any = detail.get("retryDelay")
        if isinstance(delay, str) and (found := _DELAY.fullmatch(delay)):
            return float(found[1])
    return None


def _named(info: ErrorInfo, error: Json) -> ErrorInfo:
    reasons = [_word(detail.get("reason")) for detail in _details(error)]
    status = _word(error.get("status"))
    code = next((_REASONS[word] for word in (*reasons, status) if word in _REASONS), status)
    return replace(
        info,
        code=code or info.code,
        type=info.type or status or None,
        retry_after_s=info.retry_after_s or retry_after_s(error),
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _details(error: Json) -> list[Json]:
    details: Any = error.get("details")
    return [item for item in details if codec.is_object(item)] if codec.is_list(details) else []
