"""Usage as the API shows it: sums, single calls and their attempts."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, Field

from xroute.store.spans import Step
from xroute.store.usage import By, Sums
from xroute.web.api.shapes import moment, usd


class Figures(BaseModel):
    """What calls come to. Durations are means."""

    calls: int
    errors: int
    streams: int
    tries: int = Field(description="Attempts of these calls.")
    estimated: int = Field(description="Calls whose tokens were counted here, as the provider said nothing.")
    unpriced: int = Field(description="Calls whose price is not known: they are not in the cost.")
    tokens_in: int
    tokens_out: int
    cached: int = Field(description="Part of tokens_in.")
    reasoning: int = Field(description="Part of tokens_out.")
    cost_usd: float | None = Field(description="What providers bill; null where a mark-up keeps it private.")
    charged_usd: float
    duration_ms: float | None
    ttft_ms: float | None = Field(description="Time to the first token.")
    overhead_us: float | None = Field(description="Of it, xroute's own part.")


class Point(Figures):
    """What one group came to in one span."""

    start: str
    group: str | None = Field(description="Its id; null: all others, or nothing was told apart.")


class Group(Figures):
    """What one group came to in all."""

    id: str | None
    name: str


class Usage(BaseModel):
    """Sums, with the spans that they were widened to."""

    since: str
    until: str
    step: Step
    tz: str
    by: By | None
    data: list[Point]
    groups: list[Group]
    totals: Figures
    next: None


class Attempt(BaseModel):
    """One try of a call."""

    deployment: str
    provider: str
    model: str
    credential: str | None
    began_ms: int
    duration_ms: int
    ttft_ms: int | None
    failure: str
    status: int | None
    upstream_id: str
    usage: dict[str, Any] | None
    cost_usd: float | None


class Call(BaseModel):
    """One call."""

    id: str
    at: str
    project: str
    key: str
    member: str
    user: str
    session: str
    surface: str
    operation: str
    asked: str
    model: str
    provider: str
    stream: bool
    outcome: str
    error_type: str
    finish: str
    tokens_in: int
    tokens_out: int
    cached: int
    cache_write: int
    reasoning: int
    audio_in: int
    audio_out: int
    image_in: int
    image_out: int
    estimated: bool
    cost_usd: float | None
    charged_usd: float | None
    held_usd: float
    byok: bool
    duration_ms: int
    ttft_ms: int | None
    overhead_us: int
    tries: int
    tags: dict[str, str]


class WholeCall(Call):
    """One call with all that is known of it."""

    attempts: list[Attempt]
    price: dict[str, Any] | None


class Calls(BaseModel):
    """A page of calls; it may be short, or empty, and have a `next` all the same."""

    data: list[Call]
    next: str | None


def whole(found: Mapping[str, Any], sees_cost: bool) -> dict[str, Any]:
    """A call with its attempts and its price."""
    attempts = [
        {
            **{name: value for name, value in attempt.items() if name != "cost_nano"},
            "credential": attempt["credential"] if sees_cost else None,
            "cost_usd": _dollars(attempt["cost_nano"]) if sees_cost else None,
        }
        for attempt in found["attempts"]
    ]
    price = found["price"] if sees_cost else None
    return {**shown(found, sees_cost), "attempts": attempts, "price": price}


def figures(sums: Sums, sees_cost: bool) -> dict[str, Any]:
    """Sums as `Figures`."""
    return {
        "calls": sums.calls,
        "errors": sums.errors,
        "streams": sums.streams,
        "tries": sums.tries,
        "estimated": sums.estimated,
        "unpriced": sums.unpriced,
        "tokens_in": sums.tokens_in,
        "tokens_out": sums.tokens_out,
        "cached": sums.cached,
        "reasoning": sums.reasoning,
        "cost_usd": usd(sums.cost_nano) if sees_cost else None,
        "charged_usd": usd(sums.charged_nano),
        "duration_ms": _mean(sums.duration_ms, sums.calls),
        "ttft_ms": _mean(sums.ttft_ms, sums.ttfts),
        "overhead_us": _mean(sums.overhead_us, sums.calls),
    }


def shown(row: Mapping[str, Any], sees_cost: bool) -> dict[str, Any]:
    """A row of `calls` as `Call`."""
    plain = {name: row[name] for name in Call.model_fields if name in row}
    tags = row["tags"]
    return plain | {
        "at": moment(row["at"]),
        "cost_usd": _dollars(row["cost_nano"]) if sees_cost else None,
        "charged_usd": _dollars(row["charged_nano"]),
        "held_usd": usd(row["held_nano"]),
        "tags": orjson.loads(tags or "{}") if isinstance(tags, str) else tags,
    }


def _dollars(value: int | None) -> float | None:
    return None if value is None else usd(value)


def _mean(total: int, count: int) -> float | None:
    return round(total / count, 1) if count > 0 else None
