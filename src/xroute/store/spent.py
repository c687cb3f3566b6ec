"""What was charged since a moment, from calls and their roll-ups: what a new budget begins with."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.store import tables
from xroute.store.rollups import DAY_MS, HOUR_MS, clean

Matches = Callable[[str], bool]
_COLUMNS = {"project": "project", "key": "key", "member": "member"}


async def since(
    connection: AsyncConnection,
    workspace: str,
    scope: str,
    ids: Iterable[str],
    matches: Matches,
    start_ms: int,
) -> int:
    """Nano-dollars charged to a subject for models that match. `ids` are the subject's, of a key also those
    of the keys that it took the place of."""
    hour, day = -(-start_ms // HOUR_MS), -(-start_ms // DAY_MS)
    spans: list[tuple[Table, ColumnElement[bool]]] = [
        (tables.daily, tables.daily.c.day >= day),
        (tables.hourly, (tables.hourly.c.hour >= hour) & (tables.hourly.c.hour < day * 24)),
        (tables.calls, _calls(start_ms, hour * HOUR_MS)),
    ]
    total = 0
    for table, within in spans:
        columns = table.c
        query = select(columns.model, func.sum(columns.charged_nano)).group_by(columns.model)
        query = query.where(columns.workspace == workspace, within)
        if scope in _COLUMNS:
            query = query.where(columns[_COLUMNS[scope]].in_(list(ids)))
        rows = (await connection.execute(query)).all()
        total += sum(int(nano or 0) for model, nano in rows if matches(model))
    return total


async def of_users(
    connection: AsyncConnection, workspace: str, subject: str, matches: Matches | None, start_ms: int
) -> dict[str, int]:
    """Nano-dollars charged for each end user: for one, for all (`*`), or for all of a project or key (`*id`).

    `matches` is None for every model. By model, project or key there are single calls alone to add up.
    """
    calls, ended = tables.calls.c, tables.ended.c
    within: list[Any] = [calls.workspace == workspace, calls.user != ""]
    users: list[Any] = [ended.workspace == workspace]
    if not subject.startswith("*"):
        within.append(calls.user == clean(subject))
        users.append(ended.user == clean(subject))
    elif len(subject) > 1:
        within.append((calls.project == subject[1:]) | (calls.key == subject[1:]))
    found: dict[str, int] = {}
    if matches is None and (subject == "*" or not subject.startswith("*")):
        day = -(-start_ms // DAY_MS)
        query = select(ended.user, func.sum(ended.charged_nano)).where(*users, ended.day >= day)
        _add(found, (await connection.execute(query.group_by(ended.user))).all())
        within.append(_calls(start_ms, day * DAY_MS))
    else:
        within.append(_calls(start_ms, None))
    query = select(calls.user, calls.model, func.sum(calls.charged_nano)).where(*within)
    rows = (await connection.execute(query.group_by(calls.user, calls.model))).all()
    _add(found, ((user, nano) for user, model, nano in rows if matches is None or matches(model)))
    return found


def _add(found: dict[str, int], rows: Iterable[Any]) -> None:
    for user, nano in rows:
        found[user] = found.get(user, 0) + int(nano or 0)


def _calls(start_ms: int, end_ms: int | None) -> ColumnElement[bool]:
    """Between two moments; the days let PostgreSQL leave the other partitions alone."""
    calls = tables.calls.c
    within = (calls.at >= start_ms) & (calls.day >= start_ms // DAY_MS)
    if end_ms is None:
        return within
    return within & (calls.at < end_ms) & (calls.day <= end_ms // DAY_MS)
