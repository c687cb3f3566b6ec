"""What can be wrong with a request, in neutral words; each dialect writes it in its own shape."""

from dataclasses import dataclass

from xroute.errors import InvalidRequest
from xroute.sim.plan import Fault
from xroute.sim.steps import Bytes, End, Head, Step

_RETRY_AFTER_S = 1.0  # of status_429 where the fault sets none
JSON = "application/json"
SIGNED = " (xroute simulator)"  # behind every text of a fault

# kind -> OpenAI's status, type, code, text: platform.openai.com/docs/guides/error-codes, read 2026-11-21
_ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "status_400": (
        400,
        "invalid_request_error",
        None,
        "The simulator was told to find this request invalid.",
    ),
    "status_401": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "status_402": (402, "insufficient_balance", "insufficient_balance", "The account's balance is used up."),
    "status_403": (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported.",
    ),
    "status_404": (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    "status_408": (408, "timeout", "request_timeout", "The request took too long to arrive."),
    "status_409": (409, "conflict_error", "conflict", "The request conflicts with another one."),
    "status_413": (413, "invalid_request_error", "request_too_large", "The request is too large."),
    "status_422": (422, "invalid_request_error", "unprocessable_entity", "The request cannot be processed."),
    "status_429": (429, "requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    "status_500": (500, "server_error", None, "The server had an error while processing your request."),
    "status_502": (502, "server_error", "bad_gateway", "The server got an invalid answer from its upstream."),
    "status_503": (503, "server_error", "service_unavailable", "The engine is currently overloaded."),
    "status_529": (529, "overloaded_error", "overloaded", "Overloaded."),
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in more tokens. "
        "Please reduce the length of the messages.",
    ),
    "content_policy_violation": (
        400,
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
    ),
    "insufficient_quota": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "error_event": (500, "server_error", None, "The server had an error while processing your request."),
}
_PARAMS = {"context_length_exceeded": "messages", "status_404": "model"}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that is to be told, in OpenAI's words; `kind` is the fault, or "rejected"."""

    kind: str
    status: int
    type: str
    code: str | None
    param: str | None
    message: str
    retry_after_s: float | None = None
    model: str = ""  # that was asked for

    def say(self, text: str) -> str:
        """A provider's own text for it; its `{model}` is the one asked for. Without any, OpenAI's."""
        return text.replace("{model}", self.model) + SIGNED if text else self.message


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem as one provider tells it."""

    status: int
    body: bytes
    headers: dict[str, str]


def is_error(fault: Fault) -> bool:
    """Whether the fault is an answer with an error status."""
    return fault.kind in _ERRORS and fault.kind != "error_event"


def of_fault(fault: Fault, model: str) -> Problem:
    """The problem that a fault makes."""
    status, kind, code, message = _ERRORS[fault.kind]
    after = fault.retry_after_s
    if after is None and fault.kind == "status_429":
        after = _RETRY_AFTER_S
    return Problem(fault.kind, status, kind, code, _PARAMS.get(fault.kind), message + SIGNED, after, model)


def of_request(error: InvalidRequest, status: int = 400) -> Problem:
    """The problem with a request that is wrong."""
    return Problem("rejected", status, error.kind, error.code, error.param, error.message)


def whole(status: int, body: bytes, headers: dict[str, str] | None = None, kind: str = JSON) -> list[Step]:
    """An answer whose body is there at once."""
    head = {"content-type": kind, "content-length": str(len(body)), **(headers or {})}
    return [Head(status, head), Bytes(body), End()] if body else [Head(status, head), End()]
