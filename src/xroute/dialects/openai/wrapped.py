"""Answers that stand in a field of the body, their text under `response`, as Cloudflare's `run` gives them.

https://developers.cloudflare.com/workers-ai/get-started/rest-api, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

_TEXT, _CALLS = "response", "tool_calls"


def whole(body: Json, field: str) -> Json:
    """The answer inside of `body`, with choices; `body` itself where there is none."""
    inner: Any = body.get(field)
    if not codec.is_object(inner) or "choices" in body:
        return body
    return inner if "choices" in inner else _chosen(inner, "message") or body


def piece(body: Json) -> Json | None:
    """An event of a stream as a chunk with choices; None for one that is no piece of an answer."""
    return _chosen(body, "delta")


def _chosen(given: Json, place: str) -> Json | None:
    if _TEXT not in given and _CALLS not in given:
        return None
    said: Json = {"content": given.get(_TEXT)}
    if calls := given.get(_CALLS):
        said["tool_calls"] = calls
    rest = {name: value for name, value in given.items() if name not in (_TEXT, _CALLS)}
    return {**rest, "choices": [{"index": 0, place: said, "finish_reason": None}]}
