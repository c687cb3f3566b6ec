"""What can go wrong with an attempt, in the words that policy decides by."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "rate_limit",  # this credential was too fast for this deployment; Retry-After says how long
    "overloaded",  # the provider has no capacity now: 503, 529
    "timeout",  # no answer, no first token, or silence beyond the limit
    "connect",  # no connection, or one that ended before anything was answered
    "credentials",  # the provider does not accept our key: the operator must know
    "payment",  # our account at the provider has no credit left
    "rejected",  # the caller's fault: every provider would say so
    "unsupported",  # cannot take a parameter that must not be dropped
    "not_found",  # the provider does not serve this model (any more)
    "content_policy",  # the provider's safety rules refused the request
    "context_length",  # longer than this deployment's window
    "malformed",  # an answer that is no answer: broken JSON, empty, HTML
    "cut",  # the stream ended before it was finished
    "server",  # the provider failed: 5xx
]


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt. `message` is safe to show: it is the provider's text without our credential."""

    kind: Kind
    message: str
    status: int | None = None  # the provider's HTTP status, None where there was no answer
    code: str | None = None  # the provider's own code
    param: str | None = None
    retry_after_s: float | None = None
    is_impatience: bool = False  # a limit that the caller itself set, shorter than the deployment's
