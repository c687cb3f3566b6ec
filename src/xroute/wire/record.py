"""What became of one call and of each of its attempts: the usage event, as it is journaled and stored.

Times are unix milliseconds, durations milliseconds, money whole nano-dollars.
"""

from dataclasses import dataclass, field
from typing import Literal

from xroute.wire.usage import Usage

Outcome = Literal[
    "completed",
    "failed",
    "refused",
    "client_gone",
    "upstream_cut",
    "timed_out",
    "cached",  # answered from what an earlier call had got
    "lost",  # the process died under it; settled by whoever found its hold
]


@dataclass(slots=True)
class Try:
    """One attempt."""

    deployment: str
    provider: str
    model: str  # our id
    credential: str  # the id of ours, never the secret
    began_ms: int  # after the call's start
    duration_ms: int = 0
    ttft_ms: int | None = None
    failure: str = ""  # routing.failure's kind; "" = it answered
    status: int | None = None  # HTTP status of the provider
    upstream_id: str = ""  # the provider's id of its answer
    usage: Usage | None = None
    cost_nano: int | None = 0  # what the provider bills; None = not known


@dataclass(slots=True)
class Record:
    """One call from admission to settlement. `id` is unique: a record that comes twice counts once.

    As it is held, it says what is to be done should the process die: `charges` and `held_nano` are the worst
    case, `usage` is what was estimated for it, `cost_nano` and `charged_nano` are those of the input alone.
    """

    id: str
    at: int  # when the request came
    workspace: str = ""
    project: str = ""
    key: str = ""
    member: str = ""
    user: str = ""  # the end user that the request names
    session: str = ""
    tags: dict[str, str] = field(default_factory=lambda: {})
    surface: str = ""  # the client's dialect
    operation: str = ""
    asked: str = ""  # the model's name as the client wrote it
    model: str = ""  # what answered
    provider: str = ""  # "" when nobody answered
    stream: bool = False
    outcome: Outcome = "failed"
    error_type: str = ""
    finish: str = ""  # finish_reason
    usage: Usage | None = None  # None: nothing was generated
    cost_nano: int | None = 0  # what the providers bill for all its attempts; None = the price is not known
    charged_nano: int | None = 0  # what the client pays: the cost with the mark-up, 0 with its own credential
    price: str = ""  # id of the price that was used: money.price.Price.id
    byok: bool = False  # answered with the workspace's own credential
    held_nano: int = 0
    # (purse, what the call takes of it, unix seconds at which the purse is over; None or inf = never)
    charges: list[tuple[str, int, float | None]] = field(default_factory=lambda: [])
    duration_ms: int = 0
    ttft_ms: int | None = None
    overhead_us: int = 0  # our own part of the time to the answer
    attempts: list[Try] = field(default_factory=lambda: [])  # list[Try]() takes eight times as long
