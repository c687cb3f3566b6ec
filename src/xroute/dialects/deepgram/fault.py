"""Errors: {err_code, err_msg} or {category, message, details}, each with a request_id.

https://developers.deepgram.com/docs/errors, read 2026-11-21.
"""

from collections.abc import Mapping

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec
from xroute.dialects.openai import fault as openai


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says; the message is never empty."""
    try:
        body = codec.read(raw)
    except ValueError:
        body = None
    if codec.is_object(body):
        message, code = body.get("err_msg"), body.get("err_code")
        if message is None and isinstance(body.get("category"), str):
            message = ": ".join(str(body[name]) for name in ("message", "details") if body.get(name))
            code = body["category"]
        if isinstance(message, str) and message:
            return ErrorInfo(message, code if isinstance(code, str) else None)
    return openai.error_of(status, headers, raw)
