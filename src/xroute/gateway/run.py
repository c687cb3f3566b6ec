"""One call under way: what was asked, what was tried, what came of it."""

import re
from dataclasses import dataclass, field

from xroute.config.settings import PartialTimeouts
from xroute.dialects.translated import Translated
from xroute.gateway.reply import Headers, Reply
from xroute.gateway.verdict import Failed
from xroute.limits.gate import Gate, Hold
from xroute.limits.headers import headers as limit_headers
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.wire.call import Call
from xroute.wire.http import Target
from xroute.wire.record import Outcome, Record, Try
from xroute.wire.surface import Encoder
from xroute.wire.usage import Usage

MOST_NAMES = 64  # of dropped fields in a header
MAX_TOLD = 2048  # characters of them
CHATS = frozenset({"chat", "completions"})
_ODD = re.compile(r"[^ -~]")


@dataclass(slots=True, eq=False)
class Run:
    """State of a call; belongs to one task."""

    call: Call
    reply: Reply
    deadline: float  # monotonic seconds
    timeouts: PartialTimeouts | None  # of the route
    untried: list[Deployment]
    record: Record
    strict: bool = False  # no parameter may get lost
    failed: list[Failed] = field(default_factory=list[Failed])
    attempts: int = 0
    deployment: Deployment | None = None  # of the attempt under way, or of the answer
    dropped: tuple[str, ...] = ()
    target: Target | None = None  # of the attempt under way, with the credential that was sent
    upstream_s: float = 0.0  # time spent waiting for providers before the answer began
    ttft_s: float | None = None
    decoder: Translated | None = None  # of the stream under way
    encoder: Encoder | None = None  # of the stream, once one is open
    usage: Usage | None = None
    cost_nano: int | None = 0  # of the answer, at its provider; None: the price is not known
    charged_nano: int | None = 0  # what the client pays for it
    price: str = ""  # id of its price
    finish: str = ""  # why the answer ended
    hold: Hold | None = None  # what was taken of limits and budgets for it
    own: dict[str, tuple[Gate, ...]] = field(
        default_factory=dict[str, tuple[Gate, ...]]
    )  # of each model alone
    own_model: str = ""  # the model of which these are taken
    own_hold: Hold | None = None  # what was taken of them
    is_admitted: bool = False
    is_limited: bool = False  # its maximum of output is ours
    outcome: Outcome = "failed"
    is_settled: bool = False
    error_type: str = ""

    @property
    def is_insured(self) -> bool:
        """An answer with no output and no end of its own costs its client nothing.

        As OpenRouter has it: https://openrouter.ai/docs/features/zero-completion-insurance, read 2026-11-21.
        """
        if self.call.operation not in CHATS or self.usage is None:
            return False
        return not self.usage.output and self.finish in ("", "error")

    @property
    def holds(self) -> list[Hold]:
        """All that was taken for it."""
        return [hold for hold in (self.hold, self.own_hold) if hold is not None]

    def begin_try(self, deployment: Deployment, now: float) -> None:
        """An attempt begins."""
        began = round((now - self.reply.started) * 1000)
        self.record.attempts.append(
            Try(deployment.id, deployment.provider, deployment.model, deployment.credential.id, began)
        )

    def end_try(self, now: float, failure: Failure | None = None) -> Try:
        """It has ended."""
        last = self.record.attempts[-1]
        last.duration_ms = round((now - self.reply.started) * 1000) - last.began_ms
        if failure is not None:
            last.failure, last.status = failure.kind, failure.status
        return last

    def headers(self, now: float) -> Headers:
        """What a client learns of the way of its call."""
        spent_ms = (now - self.reply.started - self.upstream_s) * 1000
        headers = [
            ("x-request-id", self.reply.request_id),
            ("x-xroute-attempts", str(self.attempts)),
            ("x-xroute-overhead-ms", f"{spent_ms:.2f}"),
        ]
        if self.deployment is not None:
            headers.append(("x-xroute-provider", self.deployment.provider))
            headers.append(("x-xroute-model", self.deployment.model))
        if self.hold is not None and self.hold.levels:
            headers += limit_headers(self.hold.levels)
        if self.is_limited:
            headers.append(("x-xroute-max-tokens", str(self.call.max_tokens)))
        if self.dropped:
            headers.append(("x-xroute-dropped", _told(self.dropped)))
        return headers


def _told(names: tuple[str, ...]) -> str:
    """Names of the client's own fields, as a header can hold them."""
    text = ", ".join(names[:MOST_NAMES])[:MAX_TOLD]
    return text if text.isascii() and text.isprintable() else _ODD.sub("?", text)
