"""Gemini's generateContent, of the Gemini API and of Vertex AI."""

from urllib.parse import parse_qs

import orjson

from xroute.dialects.gemini.parse import parse
from xroute.dialects.gemini.turns import FORMAT
from xroute.sim import frames
from xroute.sim.answer import Choice
from xroute.sim.ask import SimRequest
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import table
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.tongue import Json, Surfaced, signature

_RPC = "type.googleapis.com/google.rpc."
# https://cloud.google.com/apis/design/errors, read 2026-11-21
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}
# fault -> status, text, reason of an ErrorInfo: what clients match on, as seen in recorded traffic
_SAID = {
    "context_length_exceeded": (
        400,
        "The input token count (1198410) exceeds the maximum number of tokens allowed (1048576).",
        "",
    ),
    "content_policy_violation": (
        400,
        "The prompt could not be submitted: it was blocked by the safety settings.",
        "",
    ),
    "insufficient_quota": (403, "This API method requires billing to be enabled.", "BILLING_DISABLED"),
    "status_401": (401, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"),
    "status_404": (404, "models/{model} is not found for API version v1beta.", ""),
    "status_429": (429, "You exceeded your current quota, please check your plan and billing details.", ""),
    "status_500": (500, "An internal error has occurred. Please retry.", ""),
    "status_503": (503, "The model is overloaded. Please try again later.", ""),
    "error_event": (500, "An internal error has occurred. Please retry.", ""),
}


class Generate(Surfaced):
    """POST .../models/{model}:generateContent and :streamGenerateContent."""

    identity = "x-goog-request-id"

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self._streams = self._action.startswith("stream")
        query = parse_qs(self.request.path.partition("?")[2])
        self._sse = query.get("alt") == ["sse"]
        self.framing = frames.SSE if self._sse else frames.ARRAY
        self._hidden = True

    def read(self) -> Json:
        call = parse(self.request.body, self._model, stream=self._streams, sse=self._sse)
        self.surface = call.surface
        self._hidden = table(call.body.get("reasoning")).get("exclude") is True
        return tidy(call.body, parallel=True)

    def shows(self) -> bool:
        return not self._hidden

    def details(self, choice: Choice, text: str, *, last: bool) -> list[Json]:
        """A signature on the first call, or on a part of its own."""
        if not last:
            return []
        made: Json = {"type": "reasoning.encrypted", "data": signature(choice), "format": FORMAT, "index": 0}
        return [made | {"id": choice.calls[0].id} if choice.calls else made]

    def refuse(self, problem: Problem) -> Refusal:
        status, error = _error(problem)
        return Refusal(status, orjson.dumps({"error": error}), {})

    def failed(self, problem: Problem) -> bytes:
        error = orjson.dumps({"error": _error(problem)[1]})
        return b"data: %b\n\n" % error if self._sse else b",%b\r\n]" % error

    def nothing(self) -> bytes:
        body = b'{"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1}}'
        return b"data: %b\n\n" % body if self._sse else b"[%b\r\n]" % body

    def emptied(self, body: Json) -> Json:
        return body | {"candidates": []}


def _error(problem: Problem) -> tuple[int, Json]:
    status, text, reason = _SAID.get(problem.kind, (problem.status, "", ""))
    error: Json = {"code": status, "message": problem.say(text), "status": _STATUSES.get(status, "INTERNAL")}
    details: list[Json] = []
    if reason:
        details.append({"@type": _RPC + "ErrorInfo", "reason": reason, "domain": "googleapis.com"})
    if problem.retry_after_s is not None:
        details.append({"@type": _RPC + "RetryInfo", "retryDelay": f"{problem.retry_after_s:g}s"})
    return status, {**error, "details": details} if details else error
