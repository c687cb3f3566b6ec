"""What a key may ask about itself and its calls, as OpenRouter has it: its limits, its credit, one call."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

from sqlalchemy import select

from xroute.dialects.openai import codec
from xroute.errors import InvalidRequest, NotFound
from xroute.gateway.reply import Headers
from xroute.limits.gate import Engine, Gate
from xroute.money.nano import as_number
from xroute.store import tables
from xroute.store.calls import call
from xroute.store.db import Database
from xroute.store.spans import DAY_MS, Spans
from xroute.store.usage import Question, usage
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request
from xroute.wire.who import Who

PATIENCE_S: Final = 2.0  # how long a call that has just ended may take into the database
PAUSE_S: Final = 0.05
MONEY = frozenset({"money", "credit"})
Json = dict[str, Any]


class Account:
    """Handlers of /v1/credits, /v1/key and /v1/generation."""

    def __init__(self, db: Database, engine: Engine, now: Callable[[], float] = time.time) -> None:
        self._db = db
        self._engine = engine
        self._now = now

    async def credits(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/credits: all that the workspace was ever given, and all that it has spent."""
        who = _who(request)
        rows = select(tables.accounts.c.account, tables.accounts.c.nano).where(
            tables.accounts.c.workspace == who.workspace
        )
        async with self._db.read() as connection:
            nano = {row.account: row.nano for row in await connection.execute(rows)}
        used = nano.get("usage", 0)
        balance = nano.get("credit", 0) + nano.get("held", 0)
        data = {"total_credits": as_number(balance + used), "total_usage": as_number(used)}
        more = {"balance": as_number(balance), "held": as_number(nano.get("held", 0))}
        await _answer(reply, {"data": data | more})

    async def key(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/key: the key's own limits, what is left of them, and what it has spent."""
        who, now = _who(request), self._now()
        gates: tuple[Gate, ...] = who.rules.gates("", "", now) if who.rules is not None else ()
        left = {gate: gate.limit - await self._taken(gate) for gate in gates if gate.kind == "purse"}
        budgets = [gate for gate in left if gate.measure in MONEY and gate.hard]
        tightest = min(budgets, key=lambda gate: left[gate], default=None)
        data: Json = {
            "label": who.name,
            "limit": as_number(tightest.limit) if tightest else None,
            "limit_remaining": as_number(max(0, left[tightest])) if tightest else None,
            "limit_reset": _reset(tightest),
            "is_free_tier": False,
            "is_management_key": False,
            "include_byok_in_limit": True,
            **await self._usage(who, now),
            "rate_limit": _rate(gates),
            "limits": [_gate(gate, left.get(gate, 0)) for gate in gates],
        }
        if who.expires != float("inf"):
            data["expires_at"] = _iso(who.expires * 1000)
        await _answer(reply, {"data": data})

    async def generation(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/generation?id=: everything about one call of this key."""
        who = _who(request)
        query: bytes = request.scope.get("query_string", b"")
        id_ = (parse_qs(query.decode("latin-1")).get("id") or [""])[-1]
        if not id_:
            raise InvalidRequest(
                "Say which call: `?id=` and its x-request-id.", param="id", code="id_missing"
            )
        until = time.monotonic() + PATIENCE_S
        while (found := await call(self._db, who.workspace, id_[:100])) is None:
            if time.monotonic() >= until:
                break
            await asyncio.sleep(PAUSE_S)
        if found is None or found["key"] != who.id:
            raise NotFound(
                f"This key has made no call {id_[:100]!r}.", code="generation_not_found", param="id"
            )
        await _answer(reply, {"data": told(found)})

    async def _taken(self, gate: Gate) -> int:
        """What is spent and held of a purse."""
        found = self._engine.taken(gate.key)
        return found if isinstance(found, int) else await found

    async def _usage(self, who: Who, now: float) -> Json:
        """Dollars of the key in all, and since the day, the week and the month (of UTC) began."""
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begins = {
            "": datetime(1970, 1, 1, tzinfo=UTC),
            "_daily": today,
            "_weekly": today - timedelta(days=today.weekday()),
            "_monthly": today.replace(day=1),
        }
        end = int(today.timestamp() * 1000) + DAY_MS
        found: Json = {}
        for suffix, begin in begins.items():
            spans = Spans((int(begin.timestamp() * 1000),), end)
            sums = (await usage(self._db, Question(who.workspace, spans, where={"key": [who.id]}))).totals
            found[f"usage{suffix}"] = as_number(sums.charged_nano)
        return found


def told(found: Mapping[str, Any]) -> Json:
    """A call as OpenRouter tells it, and beside that what only we know: attempts, overhead, the price.

    https://openrouter.ai/docs/api/api-reference/generations/get-generation, read 2026-11-21.
    """
    last: Json = found["attempts"][-1] if found["attempts"] else {}
    ttft = found["ttft_ms"]
    return {
        "id": found["id"],
        "upstream_id": last.get("upstream_id") or None,
        "created_at": _iso(found["at"]),
        "model": found["model"],
        "provider_name": found["provider"] or None,
        "api_type": found["operation"],
        "streamed": found["stream"],
        "cancelled": found["outcome"] == "client_gone",
        "finish_reason": found["finish"] or None,
        "latency": found["duration_ms"] if ttft is None else ttft,
        "generation_time": found["duration_ms"] if ttft is None else found["duration_ms"] - ttft,
        "tokens_prompt": found["tokens_in"],
        "tokens_completion": found["tokens_out"],
        "native_tokens_prompt": found["tokens_in"],
        "native_tokens_completion": found["tokens_out"],
        "native_tokens_reasoning": found["reasoning"],
        "native_tokens_cached": found["cached"],
        "native_tokens_completion_images": found["image_out"],
        "total_cost": _dollars(found["charged_nano"]),
        "usage": _dollars(found["charged_nano"]),
        "upstream_inference_cost": _dollars(found["cost_nano"]),
        "is_byok": found["byok"],
        "external_user": found["user"] or None,
        "session_id": found["session"] or None,
        "outcome": found["outcome"],
        "error_type": found["error_type"] or None,
        "estimated": found["estimated"],
        "held": as_number(found["held_nano"]),
        "overhead_us": found["overhead_us"],
        "metadata": found["tags"],
        "price": found["price"],
        "attempts": [_try(each) for each in found["attempts"]],
    }


def _try(each: Json) -> Json:
    cost = each.pop("cost_nano", None)
    return {**each, "cost": _dollars(cost)}


def _gate(gate: Gate, left: int) -> Json:
    facts: Json = {"subject": gate.subject, "measure": gate.measure, "window": gate.window}
    is_money = gate.measure in MONEY
    facts["limit"] = as_number(gate.limit) if is_money else gate.limit
    if gate.kind == "purse":
        facts["remaining"] = as_number(max(0, left)) if is_money else max(0, left)
        facts["resets_at"] = None if gate.until == float("inf") else _iso(gate.until * 1000)
    return facts if gate.hard else facts | {"hard": False}


def _reset(gate: Gate | None) -> str | None:
    """When the tightest budget begins anew, in OpenRouter's words."""
    words = {"day": "daily", "week": "weekly", "month": "monthly"}
    return words.get(gate.window) if gate is not None else None


def _rate(gates: tuple[Gate, ...]) -> Json:
    rates = [gate for gate in gates if gate.kind == "rate" and gate.measure == "requests"]
    tightest = min(rates, key=lambda gate: gate.limit, default=None)
    return {"requests": tightest.limit if tightest else -1, "interval": "1m"}


def _dollars(nano: int | None) -> float | None:
    return None if nano is None else as_number(nano)


def _iso(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _who(request: Request) -> Who:
    assert request.who is not None  # the table of access says that these routes need a key
    return request.who


async def _answer(reply: AsgiReply, body: Json) -> None:
    headers: Headers = [f"x-request-id: {reply.request_id}"]
    await reply.answer(200, headers, codec.write(body))
