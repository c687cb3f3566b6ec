"""A budget under a rush: it is never passed, and nearly all of it can be used."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos import books
from tests.chaos.crowd import Crowd
from tests.chaos.site import KEY, WORKSPACE, site

BUDGET_NANO = 10_000_000  # $0.01
TOKENS = 50  # about $0.0005
SIM = {"output_tokens": 200, "ttft_ms": {"median": 60, "p95": 150}, "tokens_per_s": 400}


def config(**more: Any) -> dict[str, Any]:
    """A workspace that pays later, and a key with $0.01 in all."""
    key = {"name": "chaos", "key": KEY, "workspace": WORKSPACE, "budget": {"usd": 0.01, "window": "total"}}
    workspace = {"slug": WORKSPACE, "plan": "postpaid", "credit_line_usd": 1000}
    waits = {"hold_wait_s": 30}  # for money that calls of a slow machine hold
    return {"workspaces": [workspace], "keys": [key], "accounting": waits, **more}


def rush(folder: Path, settings: dict[str, Any], url: str, workers: int, calls: int = 300) -> dict[str, Any]:
    """The figures of so many calls at once. AssertionError where the budget is passed or not usable."""
    with site(folder, settings, SIM, workers) as place:
        crowd = Crowd(place.port, KEY)
        asyncio.run(_all(crowd, calls))
        served = sum(sold.nano for sold in books.sales(place.served).values())
        place.stop()
        found = books.read(url)
        sold = books.sales(place.served)
    told = Counter(f"{seen.status} {seen.error}".strip() for seen in crowd.seen)
    figures = {
        "calls": calls,
        "answers": dict(told),
        "served_nano": served,
        "used": served / BUDGET_NANO,
        "differences": books.differences(found, sold, crowd.seen),
    }
    assert served <= BUDGET_NANO, figures
    assert served >= 0.95 * BUDGET_NANO, figures
    assert set(told) == {"200", "402 budget_exceeded"}, figures
    assert figures["differences"] == [], figures
    return figures


async def _all(crowd: Crowd, calls: int) -> None:
    # Half of them stream, and answers are of different length.
    await asyncio.gather(
        *(crowd.call(f"u-{n}", tokens=TOKENS - n % 7, stream=n % 2 == 0) for n in range(calls))
    )
