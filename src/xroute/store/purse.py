"""The purse that a budget counts in now, and what is in it when the budget begins."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.limits.calendar import window
from xroute.limits.pattern import is_match
from xroute.limits.rules import gate_key, window_key
from xroute.store import spent, tables

EACH = "*"
CHUNK = 1000  # rows of one statement
TOP = 100  # end users that are shown of a budget of each


class Span(NamedTuple):
    """The window a budget is in."""

    label: str  # in the purse's key: limits.rules.window_key
    start_ms: int
    end_ms: int | None  # None = never


def span(budget: Mapping[str, Any], now_ms: int) -> Span:
    """The window of a row of `budgets` at a time."""
    found = window(budget["window"], now_ms / 1000, budget["tz"])
    label = window_key(found.label, budget["tz"], budget["model"])
    if budget["window"] == "total":
        return Span(label, 0, None)
    return Span(label, int(found.start * 1000), int(found.end * 1000))


def key(budget: Mapping[str, Any], label: str, user: str = "") -> str:
    """limits.gate.Gate.key of its purse."""
    return gate_key(budget["id"], "money", user if is_each(budget) else "", label)


def is_each(budget: Mapping[str, Any]) -> bool:
    """Has every end user one of their own?"""
    return budget["scope"] == "user" and budget["subject"].startswith(EACH)


async def begin(connection: AsyncConnection, budget: Mapping[str, Any], now_ms: int) -> None:
    """Puts into a new budget's purses what was charged since its window began.

    Calls that are under way now have passed no gate of it: they count in no purse of its first window.
    """
    now = span(budget, now_ms)
    pattern: str = budget["model"]
    if budget["scope"] == "user":
        found = await spent.of_users(
            connection,
            budget["workspace"],
            budget["subject"],
            (lambda model: is_match(pattern, model)) if pattern else None,
            now.start_ms,
        )
    else:
        ids = [budget["subject"]]
        if budget["scope"] == "key":
            ids = await lineage(connection, budget["subject"])
        found = {
            "": await spent.since(
                connection,
                budget["workspace"],
                budget["scope"],
                ids,
                lambda model: not pattern or is_match(pattern, model),
                now.start_ms,
            )
        }
    await forget(connection, budget["id"])
    purses: dict[str, int] = {}
    for user, nano in found.items():
        name = key(budget, now.label, user)
        purses[name] = purses.get(name, 0) + nano
    rows = [{"key": name, "spent": nano, "until": now.end_ms} for name, nano in purses.items() if nano]
    for start in range(0, len(rows), CHUNK):
        await connection.execute(insert(tables.purses), rows[start : start + CHUNK])


async def forget(connection: AsyncConnection, budget_id: str) -> None:
    """Empties all purses of a budget."""
    mine = tables.purses.c.key.startswith(f"{budget_id}:", autoescape=True)
    await connection.execute(delete(tables.purses).where(mine))


async def read(
    connection: AsyncConnection, budgets: Sequence[Mapping[str, Any]], now_ms: int
) -> dict[str, int]:
    """What is spent of budgets in their windows, by budget; those of each end user are left out."""
    keys = {key(row, span(row, now_ms).label): row["id"] for row in budgets if not is_each(row)}
    found: dict[str, int] = {}
    purses = tables.purses.c
    for some in _chunks(keys):
        query = select(purses.key, purses.spent).where(purses.key.in_(some))
        found |= {keys[name]: amount for name, amount in (await connection.execute(query)).all()}
    return found


async def top(connection: AsyncConnection, budget: Mapping[str, Any], now_ms: int) -> list[tuple[str, int]]:
    """The end users that have spent most of a budget of each, and how much."""
    purses, label = tables.purses.c, span(budget, now_ms).label
    before, after = f"{budget['id']}:money:", f":{label}"
    query = (
        select(purses.key, purses.spent)
        .where(purses.key.startswith(before, autoescape=True), purses.key.endswith(after, autoescape=True))
        .order_by(purses.spent.desc(), purses.key)
        .limit(TOP)
    )
    rows = (await connection.execute(query)).all()
    return [(unquote(name[len(before) : -len(after)]), amount) for name, amount in rows]


async def lineage(connection: AsyncConnection, key_id: str) -> list[str]:
    """A key, and those that it took the place of by rotation."""
    keys, found, last = tables.keys.c, [key_id], [key_id]
    while last:
        rows = (await connection.execute(select(keys.id).where(keys.next.in_(last)))).scalars()
        last = [each for each in rows if each not in found]
        found += last
    return found


def _chunks(keys: Iterable[str]) -> list[list[str]]:
    every = list(keys)
    return [every[start : start + CHUNK // 2] for start in range(0, len(every), CHUNK // 2)]
