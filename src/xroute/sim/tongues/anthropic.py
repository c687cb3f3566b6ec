"""Anthropic's Messages, also as Vertex AI serves them."""

from base64 import b64encode
from collections.abc import Iterator

import orjson

from xroute.dialects.anthropic.parse import parse
from xroute.dialects.anthropic.words import FORMAT
from xroute.sim import frames
from xroute.sim.answer import Answer, Choice
from xroute.sim.bodies import usage
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import load, table
from xroute.sim.tongues import bedrock
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.tongue import Json, Surfaced, signature

# https://platform.claude.com/docs/en/api/errors, read 2026-11-21
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
# fault -> status, text: what clients match on, as seen in recorded traffic
_SAID = {
    "context_length_exceeded": (400, "prompt is too long: 215874 tokens > 200000 maximum"),
    "content_policy_violation": (400, "Output blocked by content filtering policy"),
    "insufficient_quota": (
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade "
        "or purchase credits.",
    ),
    "status_401": (401, "invalid x-api-key"),
    "status_404": (404, "model: {model}"),
    "status_429": (429, "This request would exceed the rate limit for your organization"),
    "status_500": (500, "Internal server error"),
    "status_529": (529, "Overloaded"),
    "error_event": (500, "Internal server error"),
}
_BLANK = b'"usage":{"input_tokens":0,"output_tokens":0}'


class Messages(Surfaced):
    """POST /v1/messages, and a publisher's model with rawPredict in its path."""

    identity = "request-id"

    def read(self) -> Json:
        given = load(self.request.body)
        if self._model:
            given = {**given, "model": self._model, "stream": self.is_stream()}
        call = parse(orjson.dumps(given), self.request.headers)
        self.surface = call.surface
        self._is_hidden = table(given.get("thinking")).get("display") == "omitted"
        return tidy(call.body, parallel=True)

    def is_stream(self) -> bool:
        """Whether the path asks for a stream, where it is the path that does."""
        return self._action.startswith("stream")

    def details(self, choice: Choice, text: str, *, last: bool) -> list[Json]:
        """A signed block; a thought that is not to be shown is empty and signed."""
        made: Json = {"type": "reasoning.text", "format": FORMAT, "index": 0}
        made["text"] = "" if self._is_hidden else text
        return [made | {"signature": signature(choice)} if last else made]

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        """Anthropic tells what was read at the beginning of a stream."""
        first = True
        for part in super().parts(said, body):
            yield part.replace(_BLANK, b'"usage":%b' % orjson.dumps(_begun(said)), 1) if first else part
            first = False

    def refuse(self, problem: Problem) -> Refusal:
        status, body = self._error(problem)
        again = "true" if status in (408, 409, 429) or status >= 500 else "false"
        return Refusal(status, orjson.dumps(body), {"x-should-retry": again})

    def failed(self, problem: Problem) -> bytes:
        return b"event: error\ndata: %b\n\n" % orjson.dumps(self._error(problem)[1])

    def _error(self, problem: Problem) -> tuple[int, Json]:
        status, text = _SAID.get(problem.kind, (problem.status, ""))
        kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        error = {"type": kind, "message": problem.say(text)}
        return status, {"type": "error", "error": error, "request_id": self.named}

    def nothing(self) -> bytes:
        return b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def emptied(self, body: Json) -> Json:
        return {name: value for name, value in body.items() if name != "content"}


class Invoked(Messages):
    """POST /model/{model}/invoke and /model/{model}/invoke-with-response-stream: Claude on Amazon Bedrock.

    Its stream is that of Anthropic, an event in each of AWS's frames.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
    read 2026-11-21.
    """

    identity = "x-amzn-requestid"
    framing = frames.MESSAGES

    def is_stream(self) -> bool:
        return self._action.endswith("stream")

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        for part in super().parts(said, body):
            yield b"".join(map(_framed, frames.SSE.units(part))) if part else b""

    def refuse(self, problem: Problem) -> Refusal:
        return bedrock.refuse(problem)

    def failed(self, problem: Problem) -> bytes:
        return bedrock.failed(problem)

    def nothing(self) -> bytes:
        return _framed(super().nothing())


def _framed(event: bytes) -> bytes:
    data = event.partition(b"\ndata: ")[2].strip()
    payload = orjson.dumps({"bytes": b64encode(data).decode()})
    return frames.message(payload, event_type="chunk", content_type="application/json", message_type="event")


def _begun(said: Answer) -> Json:
    """The usage in message_start."""
    cached = usage(said)["prompt_tokens_details"]["cached_tokens"]
    return {
        "input_tokens": said.prompt_tokens - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": 1,
    }
