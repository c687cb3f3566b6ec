"""Every way in which a call can end: one row each, its entries, and what the provider has written down."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import books
from tests.chaos.books import Books, Sold
from tests.chaos.crowd import Crowd, Seen
from tests.chaos.site import INPUT_NANO, KEY, OUTPUT_NANO, WORKSPACE, Site, site

SIM = {"output_tokens": 400, "ttft_ms": 30, "tokens_per_s": 100}
MODELS = {
    "acme": {
        "any": "acme/model",
        "cut#fault=cut_mid_stream&after=20": "acme/cut",
        "reset#fault=reset_mid_stream&after=20": "acme/reset",
        "hang#fault=hang_mid_stream&after=20": "acme/hang",
        "slow#ttft_ms=5000": "acme/slow",
        "mute#fault=hang_before_headers": "acme/mute",
        "error#fault=error_event&after=20": "acme/error",
        "empty#fault=empty_stream": "acme/empty",
        "role#fault=end_mid_stream&after=1": "acme/role",
        "bad#fault=status_400": "acme/bad",
        "down#fault=status_500": "acme/retried",
    },
    "spare": {"any": "acme/retried"},
}
POOR = "sk-poor"
TOKENS = 60
LEAST, MOST = 0.6, 2.5  # an estimate by characters, as a share of the tokens that were really sent

Begin = Callable[["Stand"], Awaitable[Seen]]


@dataclass(slots=True)
class Stand:
    """Where calls are made: the callers of two keys."""

    place: Site
    rich: Crowd
    poor: Crowd
    seen: dict[str, Seen] = field(default_factory=dict[str, Seen])


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end. `cost`: `whole` by the provider's count, `part` by our estimate, `insured`, `free`."""

    name: str
    outcome: str
    cost: str
    begin: Begin
    tries: int = 1
    how: str | None = "end"  # what the provider has written; None = nothing at all


def ask(model: str = "acme/model", *, stream: bool = True, **more: Any) -> Begin:
    async def begin(stand: Stand) -> Seen:
        name = more.pop("user")
        return await stand.rich.call(name, tokens=TOKENS, stream=stream, model=model, **more)

    return begin


def leave(name: str, *, stream: bool) -> Begin:
    """A client that is gone as soon as the provider has its request, and long before there is an answer."""

    async def begin(stand: Stand) -> Seen:
        calling = asyncio.create_task(ask("acme/slow", stream=stream, user=name)(stand))
        while name not in books.sales(stand.place.served):
            await asyncio.sleep(0.01)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        [seen] = [each for each in stand.rich.seen if each.user == name]
        return seen

    return begin


def endings() -> list[Ending]:
    """All of them; the name is the user of the call."""
    found = [
        ("streamed", "completed", "whole", {}, 1, "end"),
        ("whole", "completed", "whole", {"stream": False}, 1, "end"),
        ("left", "client_gone", "part", {"leave_after": 4000}, 1, "left"),
        ("cut", "upstream_cut", "part", {"model": "acme/cut"}, 1, "cut"),
        ("reset", "upstream_cut", "part", {"model": "acme/reset"}, 1, "reset"),
        ("timeout", "timed_out", "part", {"model": "acme/hang"}, 1, "left"),
        ("error", "failed", "part", {"model": "acme/error"}, 1, "end"),
        ("mute", "timed_out", "free", {"model": "acme/mute"}, 2, "left"),
        ("empty", "failed", "free", {"model": "acme/empty"}, 2, "end"),
        ("role", "failed", "free", {"model": "acme/role"}, 2, "end"),
        ("bad", "failed", "free", {"model": "acme/bad"}, 1, None),
        ("retried", "completed", "whole", RETRIED, 2, "end"),
    ]
    made = [
        Ending(name, outcome, cost, ask(**{**more, "user": name}), tries, how)
        for name, outcome, cost, more, tries, how in found
    ]
    gone = [
        Ending("gone", "client_gone", "insured", leave("gone", stream=True), 1, "left"),
        Ending("gone early", "client_gone", "insured", leave("gone early", stream=False), 1, "left"),
    ]
    return [*made, *gone, Ending("poor", "refused", "free", _poor, 0, None)]


RETRIED = {"model": "acme/retried", "provider": {"order": ["acme", "spare"]}}


async def _poor(stand: Stand) -> Seen:
    return await stand.poor.call("poor", tokens=TOKENS, stream=True)


def config(**more: Any) -> dict[str, Any]:
    workspace = {"slug": WORKSPACE, "plan": "postpaid", "credit_line_usd": 10}
    rich = {"name": "rich", "key": KEY, "workspace": WORKSPACE, "budget": {"usd": 5, "window": "total"}}
    poor = {"name": "poor", "key": POOR, "workspace": WORKSPACE, "budget": {"usd": 0.0001, "window": "total"}}
    return {
        "workspaces": [workspace],
        "keys": [rich, poor],
        "timeouts": {"between_chunks": 2.5, "first_byte": 2.5},
        "routing": {"max_attempts": 2},
        **more,
    }


def all_of_them(folder: Path, settings: dict[str, Any], url: str, workers: int) -> dict[str, Any]:
    """The figures. AssertionError where a row, an entry or the provider says something else."""
    with site(folder, config(**settings), SIM, workers, MODELS) as place:
        stand = Stand(place, Crowd(place.port, KEY), Crowd(place.port, POOR))
        asyncio.run(_make(stand))
        place.stop()
        log = place.log()
    assert "Traceback" not in log, log
    found, sold = books.read(url), books.sales(place.served)
    for ending in endings():
        _check(ending, found, sold, stand.seen[ending.name])
    _check_replay(found, stand)
    differences = books.differences(found, sold, stand.rich.seen)
    assert differences == [], differences
    return {call.user: (call.outcome, call.charged_nano) for call in found.calls}


async def _make(stand: Stand) -> None:
    async def one(ending: Ending) -> None:
        stand.seen[ending.name] = await ending.begin(stand)

    await asyncio.gather(*(one(ending) for ending in endings()))
    once = {"idempotency-key": "once"}
    for name in ("first", "again"):
        stand.seen[name] = await stand.rich.call("replayed", tokens=TOKENS, headers=once)


def _check(ending: Ending, found: Books, sold: dict[str, Sold], seen: Seen) -> None:
    [call] = [each for each in found.calls if each.user == ending.name]
    answer, moved = sold.get(ending.name), found.moved(call.id)
    shown = (ending.name, call._mapping, answer, dict(moved), seen)
    assert (call.outcome, call.tries) == (ending.outcome, ending.tries), shown
    assert (answer.how if answer else None) == ending.how, shown
    assert moved["hold"] == moved["settle"] + moved["release"], shown
    assert moved["settle"] == call.charged_nano, shown
    if ending.cost in ("free", "insured"):
        assert call.charged_nano == 0, shown
        # What the provider may bill for its input is ours to pay.
        assert call.cost_nano == (call.tokens_in * INPUT_NANO if ending.cost == "insured" else 0), shown
        return
    assert answer is not None and moved["hold"] >= call.charged_nano > 0, shown
    assert call.charged_nano == call.cost_nano, shown
    assert call.charged_nano == call.tokens_in * INPUT_NANO + call.tokens_out * OUTPUT_NANO, shown
    assert bool(call.estimated) == (ending.cost == "part"), shown
    if ending.cost == "whole":
        assert call.cost_nano == answer.nano, shown
    else:
        assert answer.tokens * LEAST <= call.tokens_out <= min(answer.tokens * MOST, TOKENS), shown


def _check_replay(found: Books, stand: Stand) -> None:
    """The same answer a second time, which costs nothing and reaches no provider."""
    first, again = stand.seen["first"], stand.seen["again"]
    assert again.headers["x-xroute-replayed"] == "true" and first.body == again.body
    calls = [found.of(seen.id) for seen in (first, again)]
    assert [(call.outcome, call.charged_nano) for call in calls] == [
        ("completed", first.cost_nano),
        ("cached", 0),
    ]
    assert not found.moved(again.id)
