"""One call under way: what was asked, what was tried, what came of it."""

import re
from dataclasses import dataclass, field

from xroute.config.settings import PartialTimeouts
from xroute.dialects.translated import Translated
from xroute.gateway.reply import Headers, Reply
from xroute.gateway.settle import Outcome
from xroute.gateway.verdict import Failed
from xroute.routing.deployment import Deployment
from xroute.wire.call import Call
from xroute.wire.http import Target
from xroute.wire.surface import Encoder
from xroute.wire.usage import Usage

MOST_NAMES = 64  # of dropped fields in a header
MAX_TOLD = 2048  # characters of them
_ODD = re.compile(r"[^ -~]")


@dataclass(slots=True, eq=False)
class Run:
    """State of a call; belongs to one task."""

    call: Call
    reply: Reply
    deadline: float  # monotonic seconds
    timeouts: PartialTimeouts | None  # of the route
    untried: list[Deployment]
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
    cost_nano: int | None = 0  # None: the price is not known
    outcome: Outcome = "failed"
    is_settled: bool = False
    error_type: str = ""

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
        if self.dropped:
            headers.append(("x-xroute-dropped", _told(self.dropped)))
        return headers


def _told(names: tuple[str, ...]) -> str:
    """Names of the client's own fields, as a header can hold them."""
    text = ", ".join(names[:MOST_NAMES])[:MAX_TOLD]
    return text if text.isascii() and text.isprintable() else _ODD.sub("?", text)
