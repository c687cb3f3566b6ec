"""Recorded error answers: status, message and class, judged by a table of their own."""

import json
import re
from typing import Any

from tests.wire.recordings import Recording
from tests.wire.verdict import expect

from xroute.dialects.openai import error_of
from xroute.upstream.failure import classify

# (statuses, pattern of the body, the classes that are right): the first row that fits decides.
TABLE: tuple[tuple[range | tuple[int, ...], str, set[str]], ...] = (
    ((402,), "", {"payment"}),
    ((401,), "", {"credentials"}),
    ((429,), "insufficient_quota|billing|insufficient balance", {"payment"}),
    ((429,), "", {"rate_limit", "overloaded"}),
    ((503, 529), "", {"overloaded"}),
    ((408, 504, 524), "", {"timeout"}),
    (
        (400, 413, 422, 500),
        r"context_length_exceeded|exceeds? the available context|max(imum)? context length|context window"
        r"|context size has been exceeded|too many tokens",
        {"context_length"},
    ),
    ((400, 403), "responsibleaipolicy|content_policy|data_inspection", {"content_policy"}),
    ((400, 404), r"invalid_api_key|api key (not valid|is invalid)|incorrect api key", {"credentials"}),
    ((404, 410), "", {"not_found"}),
    ((403,), "", {"credentials", "not_found", "payment", "content_policy"}),
    ((400, 422), r"model.{0,80}(not found|does not exist|not exist|decommission)", {"not_found", "rejected"}),
    ((400, 422), "", {"rejected", "not_found", "payment"}),
    (range(500, 600), "", {"server"}),
    (range(400, 500), "", {"rejected"}),
)


def check(recording: Recording) -> None:
    """Raises Failed where status, message or class are not kept."""
    info = error_of(recording.status, recording.headers, recording.body)
    failure = classify(recording.status, recording.headers, info)
    expect(failure.status == recording.status, f"status {failure.status}, not {recording.status}")
    expect(failure.message, "an error without a message")
    message = _message(recording.text)
    expect(message in failure.message, f"another message: {failure.message[:80]!r}, not {message[:80]!r}")
    right = _right(recording.status, recording.text)
    expect(
        failure.kind in right, f"{recording.status} is {failure.kind}, not {right}: {failure.message[:200]}"
    )


def _right(status: int, text: str) -> set[str]:
    return next(
        kinds for statuses, pattern, kinds in TABLE if status in statuses and re.search(pattern, text, re.I)
    )


def _message(text: str) -> str:
    """The provider's message where it stands in a usual place, else ""."""
    try:
        body: Any = json.loads(text)
    except ValueError:
        return ""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    for value in (inner.get("message"), error, body.get("detail"), body.get("message")):
        if isinstance(value, str) and value.strip():
            return value.strip()[:1500]
    return ""
