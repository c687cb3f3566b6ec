"""Errors: {"detail": {status, message}}, or a list of what is wrong with which field.

https://elevenlabs.io/docs/eleven-api/resources/errors, read 2026-11-21.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec
from xroute.dialects.openai import fault as openai

# Their words -> those that `upstream.failure` knows.
_WORDS = {"quota_exceeded": "insufficient_quota", "too_many_concurrent_requests": "rate_limit_exceeded"}


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says, its word as the code; the message is never empty."""
    info = openai.error_of(status, headers, raw)
    try:
        body = codec.read(raw)
    except ValueError:
        return info
    detail: Any = body.get("detail") if codec.is_object(body) else None
    word = (detail.get("status") or detail.get("code")) if codec.is_object(detail) else None
    return replace(info, code=_WORDS.get(word, word)) if isinstance(word, str) and word else info
