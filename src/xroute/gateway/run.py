"""One call under way: what was asked, what was tried, what came of it."""

import re

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
from xroute.wire.record import Record, Try
from xroute.wire.surface import Encoder
from xroute.wire.usage import Usage

MOST_NAMES = 64  # of dropped fields in a header
MAX_TOLD = 2048  # characters of them
CHATS = frozenset({"chat", "completions"})
UNFINISHED = ("", "error")  # of a record's `finish`
_ODD = re.compile(r"[^ -~]")


class Run:
    """State of a call; belongs to one task."""

    __slots__ = (
        "attempts", "call", "charged_nano", "cost_nano", "deadline", "decoder", "deployment", "dropped",
        "encoder", "failed", "hold", "is_admitted", "is_limited", "is_settled", "own", "own_hold",
        "own_model", "price", "record", "reply", "strict", "target", "timeouts", "ttft_s", "untried",
        "upstream_s", "usage",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        reply: Reply,
        deadline: float,
        timeouts: PartialTimeouts | None,
        untried: list[Deployment],
        record: Record,
        strict: bool,
    ) -> None:
        self.call = call
        self.reply = reply
        self.deadline = deadline  # monotonic seconds
        self.timeouts = timeouts  # of the route
        self.untried = untried
        self.record = record
        self.strict = strict  # no parameter may get lost
        self.failed: list[Failed] = []
        self.attempts = 0
        self.deployment: Deployment | None = None  # of the attempt under way, or of the answer
        self.dropped: tuple[str, ...] = ()
        self.target: Target | None = None  # of the attempt under way, with the credential that was sent
        self.upstream_s = 0.0  # time spent waiting for providers before the answer began
        self.ttft_s: float | None = None
        self.decoder: Translated | None = None  # of the stream under way
        self.encoder: Encoder | None = None  # of the stream, once one is open
        self.usage: Usage | None = None
        self.cost_nano: int | None = 0  # of the answer, at its provider; None: the price is not known
        self.charged_nano: int | None = 0  # what the client pays for it
        self.price = ""  # id of its price
        self.hold: Hold | None = None  # what was taken of limits and budgets for it
        self.own: dict[str, tuple[Gate, ...]] = {}  # of each model alone
        self.own_model = ""  # the model of which these are taken
        self.own_hold: Hold | None = None  # what was taken of them
        self.is_admitted = False
        self.is_limited = False  # its maximum of output is ours
        self.is_settled = False

    @property
    def is_insured(self) -> bool:
        """An answer with no output and no end of its own costs its client nothing.

        As OpenRouter has it: https://openrouter.ai/docs/features/zero-completion-insurance, read 2026-11-21.
        """
        usage = self.usage
        if usage is None or usage.output or self.record.finish not in UNFINISHED:
            return False
        return self.call.operation in CHATS

    @property
    def holds(self) -> list[Hold]:
        """All that was taken for it."""
        if self.own_hold is None:
            return [] if self.hold is None else [self.hold]
        return [self.own_hold] if self.hold is None else [self.hold, self.own_hold]

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

    def headers(self, deployment: Deployment, now: float) -> Headers:
        """What a client learns of the way of its call, which this deployment answers."""
        reply, hold = self.reply, self.hold
        spent_ms = (now - reply.started - self.upstream_s) * 1000
        headers = [
            f"x-request-id: {reply.request_id}",
            f"x-xroute-attempts: {self.attempts}",
            f"x-xroute-overhead-ms: {spent_ms:.2f}",
            f"x-xroute-provider: {deployment.provider}",
            f"x-xroute-model: {deployment.model}",
        ]
        if hold is not None and hold.levels:
            headers += limit_headers(hold.levels)
        if self.is_limited:
            headers.append(f"x-xroute-max-tokens: {self.call.max_tokens}")
        if self.dropped:
            headers.append(f"x-xroute-dropped: {_told(self.dropped)}")
        return headers


def _told(names: tuple[str, ...]) -> str:
    """Names of the client's own fields, as a header can hold them."""
    text = ", ".join(names[:MOST_NAMES])[:MAX_TOLD]
    return text if text.isascii() and text.isprintable() else _ODD.sub("?", text)
