"""What was recorded here of a provider: every attempt of a span of days, out of the database."""

from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from xroute.money.price import Price, Rates
from xroute.store.calls import of_all
from xroute.store.db import Database
from xroute.store.lines import read_attempts
from xroute.store.reconcile.drift import Attempted
from xroute.store.tables import calls, prices

OUTPUT: Final = 16_384  # tokens an answer that broke off can have had, where no hold says it
DAY_MS: Final = 86_400_000
_CUT = frozenset({"upstream_cut", "timed_out"})


async def attempts(
    db: Database,
    providers: Collection[str],
    since: date,
    until: date,
    zone: str,
    credentials: Collection[str] = (),
) -> AsyncGenerator[Attempted]:
    """Attempts at any of `providers` in the days `since` to `until` of a time zone, and those over the edges.

    Without `credentials` those made with a workspace's own are left out: they are on another bill.
    """
    start = int(datetime.combine(since, datetime.min.time(), ZoneInfo(zone)).timestamp() * 1000)
    end = int(datetime.combine(until, datetime.min.time(), ZoneInfo(zone)).timestamp() * 1000) + DAY_MS
    known = await _prices(db)
    async with db.read() as connection:
        found = await connection.stream(_query(providers, start - DAY_MS, end + DAY_MS))
        async for row in found.mappings():
            for attempt in _of_call(row, frozenset(providers), frozenset(credentials), known):
                yield attempt


def _query(providers: Collection[str], start: int, end: int) -> Any:
    mentions = [calls.c.attempts.contains(f'"{provider}"', autoescape=True) for provider in providers]
    return (
        select(
            *(calls.c[name] for name in ("id", "at", "asked", "model", "provider", "outcome", "byok")),
            *(calls.c[name] for name in ("held_nano", "duration_ms", "price", "attempts", "cost_nano")),
        )
        .where(of_all(start, end))
        .where(or_(calls.c.provider.in_(providers), calls.c.outcome == "lost", *mentions))
    )


def _of_call(
    row: Mapping[Any, Any], providers: frozenset[str], credentials: frozenset[str], known: dict[str, Price]
) -> list[Attempted]:
    tries = read_attempts(row["attempts"])
    if not tries:
        return _lost(row, providers, credentials)
    last = len(tries) - 1
    return [
        _attempt(row, one, index == last, known)
        for index, one in enumerate(tries)
        if one["provider"] in providers and _is_theirs(row, one, credentials)
    ]


def _is_theirs(row: Mapping[Any, Any], one: dict[str, Any], credentials: frozenset[str]) -> bool:
    """Whether an attempt is on the bill that is looked at."""
    return one.get("credential") in credentials if credentials else not row["byok"]


def _lost(row: Mapping[Any, Any], providers: frozenset[str], credentials: frozenset[str]) -> list[Attempted]:
    """A call whose process died before it told of an attempt; nobody knows where it was sent to."""
    if row["outcome"] != "lost" or row["byok"] or credentials or row["provider"] not in (*providers, ""):
        return []
    at = _time(row["at"])
    nano = row["cost_nano"] if row["provider"] else 0
    model = row["model"] or row["asked"]
    return [Attempted(at, at, model, nano, worst_nano=row["held_nano"], doubt="lost")]


def _attempt(
    row: Mapping[Any, Any], one: dict[str, Any], is_last: bool, known: dict[str, Price]
) -> Attempted:
    began = row["at"] + one.get("began_ms", 0)
    usage: dict[str, Any] = one.get("usage") or {}
    price = known.get(row["price"]) if is_last else None
    doubt = _doubt(row["outcome"], one, is_last)
    worst = row["held_nano"] or (
        price.most(usage.get("input", 0), OUTPUT, price.of_any(usage.get("input", 0)))
        if price and doubt
        else 0
    )
    return Attempted(
        began=_time(began),
        ended=_time(began + one.get("duration_ms", 0)),
        model=one["model"],
        nano=one.get("cost_nano"),
        worst_nano=worst,
        tokens_in=usage.get("input", 0),
        tokens_out=usage.get("output", 0),
        cached=usage.get("cached", 0),
        estimated=bool(usage.get("estimated")),
        doubt=doubt,
        ref=one.get("upstream_id", ""),
        price=price,
    )


def _doubt(outcome: str, one: dict[str, Any], is_last: bool) -> str:
    if one.get("failure"):
        status = one.get("status")
        return "" if status is not None and status >= 400 else "retried"  # an error is not billed
    if not is_last:
        return ""
    return "cut" if outcome in _CUT else outcome if outcome in ("lost", "client_gone") else ""


def _time(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


async def _prices(db: Database) -> dict[str, Price]:
    async with db.read() as connection:
        rows = (await connection.execute(select(prices.c.id, prices.c.data))).all()
    return {id_: _price(data) for id_, data in rows}


def _price(data: dict[str, Any]) -> Price:
    """The inverse of Price.data()."""
    return Price(
        base=Rates(**data["base"]),
        tiers=tuple((start, Rates(**rates)) for start, rates in data.get("tiers", ())),
        request=data.get("request", 0),
        source=data.get("source", ""),
    )
