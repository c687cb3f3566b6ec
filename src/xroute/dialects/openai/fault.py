"""Errors in any provider's words."""

import re
from collections.abc import Mapping
from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec, words
from xroute.dialects.openai.codec import Json

MAX_TEXT = 300  # characters shown of a body that is not JSON
MAX_PLAIN = 64 * 1024  # bytes of it that are looked at
MAX_DEPTH = 4  # errors wrapped in errors
SILENT = ErrorInfo("the provider reported an error without a message")

_FINE = (None, "stop", *(words.OPENAI - {"stop"}))  # finish reasons that are no failure, nearly all of them
_SIGNS = frozenset({"base_resp", "success", "message", "detail", "errors"})  # of an error without that field
_MESSAGES = ("message", "msg", "detail", "error_message", "error_description", "error", "reason", "title")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)
_NOISE = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.I | re.S)


def error_of(status: int, headers: Mapping[str, str], raw: bytes) -> ErrorInfo:
    """What an error answer says, whatever its form; the message is never empty."""
    try:
        value = codec.read(raw)
    except ValueError:
        return ErrorInfo(_plain(raw, headers.get("content-type", "")) or _silent(status))
    return _info(value) or ErrorInfo(_silent(status))


def embedded(body: Json) -> ErrorInfo | None:
    """The error inside what should be an answer or a chunk of one; None where there is none."""
    if body.get("error"):
        return _info(body) or SILENT
    choices: Any = body.get("choices")
    if not choices or choices.__class__ is not list:
        return _bare(body)
    for choice in choices:
        if choice.__class__ is not dict or ("error" not in choice and choice.get("finish_reason") in _FINE):
            continue
        if found := _of_choice(choice):
            return found
    return None


def _of_choice(choice: Json) -> ErrorInfo | None:
    if choice.get("error"):
        return _info(choice) or SILENT
    if words.translate(choice.get("finish_reason")) == words.ERROR:
        return ErrorInfo("the provider ended the answer with an error", type="error")
    return None


def _bare(body: Json) -> ErrorInfo | None:
    """An error without the `error` field; a body that could be something else is left alone."""
    if _SIGNS.isdisjoint(body) and body.get("type") != "error" and body.get("object") != "error":
        return None
    status = body.get("base_resp")
    if codec.is_object(status) and status.get("status_code"):
        return ErrorInfo(str(status.get("status_msg") or "unknown"), code=str(status["status_code"]))
    says = body.get("object") == "error" or body.get("type") == "error" or body.get("success") is False
    coded = isinstance(body.get("message"), str) and ("code" in body or "type" in body)
    if "choices" not in body and (says or coded or body.get("detail") or body.get("errors")):
        return _info(body) or (SILENT if says else None)
    return None


def _info(value: Any, depth: int = 0) -> ErrorInfo | None:
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        return ErrorInfo(value.strip()) if value.strip() else None
    if codec.is_list(value):
        return next((found for item in value if (found := _info(item, depth + 1))), None)
    return _object(value, depth) if codec.is_object(value) else None


def _object(value: Json, depth: int) -> ErrorInfo | None:
    for key in ("error", "errors", "detail"):
        if (inner := value.get(key)) and not isinstance(inner, str) and (found := _info(inner, depth + 1)):
            return _completed(found, value)
    message = next((text for key in _MESSAGES if (text := _text(value.get(key)))), "")
    if isinstance(value.get("loc"), list) and message:  # a validation error of pydantic
        message = ".".join(str(part) for part in value["loc"]) + ": " + message
    found = _completed(ErrorInfo(message), value)
    return _unwrapped(found, value) if found.message else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _completed(info: ErrorInfo, around: Json) -> ErrorInfo:
    """`info` with what the object around it says and it does not."""
    code, status = _code(around.get("code"))
    if code is None and isinstance(word := around.get("error"), str) and word != info.message:
        code = word
    named = _code(around.get("status"))[1] or _code(around.get("status_code"))[1]
    return ErrorInfo(
        message=info.message,
        code=info.code or code,
        type=info.type or _text(around.get("type")) or None,
        param=info.param or _text(around.get("param")) or None,
        status=info.status or status or named,
    )


def _code(value: Any) -> tuple[str | None, int | None]:
    """(code, status): some providers put the HTTP status into `code`, as a number or as text."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    status = int(text) if len(text) == 3 and text.isdecimal() and 400 <= int(text) <= 599 else None
    return text or None, status


def _unwrapped(info: ErrorInfo, value: Json) -> ErrorInfo:
    """An aggregator's error joined with that of the provider behind it, given in metadata.raw.

    https://openrouter.ai/docs/api-reference/errors, read 2026-11-21.
    """
    metadata = value.get("metadata")
    raw = metadata.get("raw") if codec.is_object(metadata) else None
    if isinstance(raw, str) and raw[:1] in ("{", "["):
        try:
            raw = codec.read(raw.encode("utf-8", "replace"))
        except ValueError:
            return info
    inner = _info(raw)
    if inner is None or inner.message in info.message:
        return info
    message = f"{info.message}: {inner.message}"
    code = inner.code if inner.code and (info.code is None or info.status) else info.code
    return ErrorInfo(message, code, info.type or inner.type, info.param or inner.param, info.status)


def _plain(raw: bytes, content_type: str) -> str:
    """A short line of a body that is not JSON: the title of a page, or the text without its tags."""
    text = raw[:MAX_PLAIN].decode("utf-8", "replace")
    if "html" in content_type or text.lstrip()[:1] == "<":
        title = _TITLE.search(text)
        text = title.group(1) if title else _NOISE.sub(" ", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) <= MAX_TEXT and len(raw) <= MAX_PLAIN:
        return text
    # Not in the middle of a word: a part of our credential would not be known for one, and not be masked.
    whole = text[:MAX_TEXT].rpartition(" ")[0]
    return f"{whole}..." if whole else ""


def _silent(status: int) -> str:
    return f"the provider answered {status} without a message"
