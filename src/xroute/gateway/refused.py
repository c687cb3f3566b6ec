"""What a client is told when a limit, a budget or its credit does not let a call begin."""

from datetime import UTC, datetime
from typing import Any

from xroute.errors import CallError, PaymentRequired, RateLimited
from xroute.limits.gate import Amounts, Gate, Refused
from xroute.limits.headers import headers
from xroute.money.nano import as_number, as_text

SOON_S = 1.0  # when to try again for what is only in use
# What OpenAI's and Anthropic's clients read: without it they send a 429 again by themselves.
# https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py, read 2026-11-21
NEVER_AGAIN = "x-should-retry: false"
WORDS = {
    "requests": "requests",
    "tokens": "tokens",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "slots": "calls at once",
}


def refusal(found: Refused, amounts: Amounts) -> CallError:
    """429 for what time brings back, 402 for money; both say whose limit it is, and what is missing."""
    gate = found.gate
    if gate.measure in ("money", "credit"):
        return _unpaid(found, amounts)
    if found.retry_after_s is None and (needs := getattr(amounts, gate.measure, 0)) > gate.limit:
        return _too_large(found, needs)
    after_s = found.retry_after_s if found.retry_after_s is not None else SOON_S
    span = "" if gate.kind == "slots" else f" per {gate.window}"
    error = RateLimited(
        f"The limit of {gate.subject} is reached: {gate.limit} {WORDS[gate.measure]}{span}. "
        f"Try again in {after_s:.3g} s.",
        code="concurrency_limit_exceeded" if gate.kind == "slots" else "rate_limit_exceeded",
        retry_after_s=after_s,
        metadata={"limit": _facts(gate, found.left)},
    )
    error.headers = headers(found.levels)
    return error


def _too_large(found: Refused, needs: int) -> CallError:
    """More than the whole limit: the same request never fits, and waiting does not help."""
    gate = found.gate
    what = WORDS[gate.measure]
    error = RateLimited(
        f"This call may take up to {needs} {what}, and the limit of {gate.subject} is {gate.limit} {what} "
        f"per {gate.window}: it never fits. Ask for less: a lower max_tokens, a shorter request.",
        code="request_too_large",
        metadata={"limit": _facts(gate, found.left), "needs": needs},
    )
    error.headers = [*headers(found.levels), NEVER_AGAIN]
    return error


def _unpaid(found: Refused, amounts: Amounts) -> CallError:
    gate = found.gate
    needs = amounts.credit if gate.measure == "credit" else amounts.nano
    left = max(found.left, 0)
    if gate.measure == "credit":
        text, code, way = f"The credit of {gate.subject} is", "insufficient_credits", "Add credit"
    else:
        text, code = f"The budget of {gate.subject} ({_span(gate)}) has", "budget_exceeded"
        way = "Ask for a larger budget"
    verb = "" if gate.measure == "credit" else " left"
    held = " Calls under way hold some of it: try again soon." if found.is_held else ""
    error = PaymentRequired(
        f"{text} ${as_text(left)}{verb}, and this call may cost up to ${as_text(needs)}.{held} "
        f"{way}, or ask for less: a lower max_tokens, a cheaper model.",
        code=code,
        retry_after_s=SOON_S if found.is_held else None,
        metadata={
            "limit": _facts(gate, found.left),
            "needs_usd": as_number(needs),
            "left_usd": as_number(left),
            "missing_usd": as_number(needs - left),
        },
    )
    error.headers = headers(found.levels)
    return error


def _span(gate: Gate) -> str:
    return f"${as_text(gate.limit)} {'in all' if gate.window == 'total' else f'a {gate.window}'}"


def _facts(gate: Gate, left: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"subject": gate.subject, "measure": gate.measure, "window": gate.window}
    if gate.measure in ("money", "credit"):
        facts |= {"limit_usd": as_number(gate.limit), "left_usd": as_number(max(left, 0))}
    else:
        facts |= {"limit": gate.limit, "left": max(left, 0)}
    if gate.kind == "purse" and gate.until != float("inf"):
        facts["resets_at"] = datetime.fromtimestamp(gate.until, UTC).isoformat()
    return facts
