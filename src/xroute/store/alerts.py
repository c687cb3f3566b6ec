"""Alerts that spending raises: a budget's threshold is passed, a workspace's credit runs low."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import orjson

from xroute.money.nano import as_text
from xroute.store.statements import Many, Query, Work, listed

_BUDGETS = (
    'SELECT id, workspace, scope, subject, nano, "window", alerts FROM budgets WHERE id IN_LIST AND nano > 0'
)
_SPENT = "SELECT key, spent FROM purses WHERE key IN_LIST"
_TOLD = "SELECT ref FROM alerts WHERE ref IN_LIST"
_TELL = (
    "INSERT INTO alerts (workspace, at, kind, ref, text) VALUES (?, ?, ?, ?, ?) ON CONFLICT (ref) DO NOTHING"
)
_LOW = "SELECT id, slug, low_nano FROM workspaces WHERE low_nano IS NOT NULL AND id IN_LIST"
_LEFT = (
    "SELECT workspace, SUM(nano) FROM accounts "
    "WHERE account IN ('credit', 'held') AND workspace IN_LIST GROUP BY workspace"
)
# An alert about low credit is told again when credit has been added since.
_ADDED = (
    "SELECT workspace, MAX(id) FROM entries "
    "WHERE workspace IN_LIST AND kind IN ('topup', 'grant', 'refund') GROUP BY workspace"
)
_NAMES = {  # of a budget's subject
    "key": "SELECT name FROM keys WHERE id = ?",
    "project": "SELECT name FROM projects WHERE id = ?",
    "workspace": "SELECT slug FROM workspaces WHERE id = ?",
    "member": 'SELECT email FROM users JOIN members ON members."user" = users.id WHERE members.id = ?',
}


@dataclass(frozen=True, slots=True)
class _Budget:
    workspace: str
    scope: str
    subject: str
    nano: int
    window: str
    alerts: tuple[int, ...]  # percent


@dataclass(frozen=True, slots=True)
class _Passed:
    """A threshold that is passed."""

    ref: str
    purse: str
    percent: int
    spent: int
    budget: _Budget


def rule_of(purse: str) -> str:
    """The id of the budget or limit that a purse is of; "credit" for a workspace's own."""
    return purse.partition(":")[0]


def measure_of(purse: str) -> str:
    """What is counted in it: "money", "tokens", ...; for a workspace's own "credit"."""
    rule, _, rest = purse.partition(":")
    return rule if rule == "credit" else rest.partition(":")[0]


def tell(purses: Iterable[str], spent: Iterable[str], now: int) -> Work[None]:
    """Adds the alerts that are due, each once; `purses` by key, `spent` by workspace."""
    if keys := [key for key in purses if measure_of(key) == "money"]:
        yield from _tell_budgets(keys, now)
    if workspaces := list(spent):
        yield from _tell_low(workspaces, now)


def _tell_budgets(keys: list[str], now: int) -> Work[None]:
    rows = yield Query(_BUDGETS, (listed({rule_of(key) for key in keys}),))
    budgets = {row[0]: _Budget(*row[1:6], alerts=_percents(row[6])) for row in rows}
    watched = [key for key in keys if rule_of(key) in budgets and budgets[rule_of(key)].alerts]
    if not watched:
        return
    rows = yield Query(_SPENT, (listed(watched),))
    passed = [each for key, spent in rows for each in _passed(key, spent, budgets[rule_of(key)])]
    if not passed:
        return
    told = {row[0] for row in (yield Query(_TOLD, (listed(each.ref for each in passed),)))}
    fresh: list[tuple[Any, ...]] = []
    for each in sorted(passed, key=lambda each: each.ref):
        if each.ref not in told:
            name = yield from _name(each)
            fresh.append((each.budget.workspace, now, "budget", each.ref, _text(each, name)))
    if fresh:
        yield Many(_TELL, fresh)


def _passed(purse: str, spent: int, budget: _Budget) -> list[_Passed]:
    return [
        _Passed(f"{purse}:{percent}", purse, percent, spent, budget)
        for percent in budget.alerts
        if spent * 100 >= budget.nano * percent
    ]


def _name(passed: _Passed) -> Work[str]:
    scope, subject = passed.budget.scope, passed.budget.subject
    if scope not in _NAMES:
        parts = passed.purse.split(":")
        return f"{scope} {':'.join(parts[2:-1]) or subject}"
    rows = yield Query(_NAMES[scope], (subject,))
    return f"{scope} {rows[0][0] if rows else subject}"


def _text(passed: _Passed, name: str) -> str:
    budget = passed.budget
    span = "in all" if budget.window == "total" else f"a {budget.window}"
    return (
        f"{passed.percent}% of the budget of {name} is spent: "
        f"${as_text(passed.spent)} of ${as_text(budget.nano)} {span}"
    )


def _tell_low(workspaces: list[str], now: int) -> Work[None]:
    limits = {row[0]: (row[1], row[2]) for row in (yield Query(_LOW, (listed(workspaces),)))}
    if not limits:
        return
    left = {row[0]: int(row[1]) for row in (yield Query(_LEFT, (listed(limits),)))}
    low = {id_ for id_, (_, least) in limits.items() if left.get(id_, 0) < least}
    if not low:
        return
    added = {row[0]: row[1] for row in (yield Query(_ADDED, (listed(low),)))}
    rows = [
        (id_, now, "low_balance", f"low:{id_}:{added.get(id_, 0)}", _low_text(limits[id_], left.get(id_, 0)))
        for id_ in sorted(low)
    ]
    yield Many(_TELL, rows)


def _low_text(limit: tuple[str, int], left: int) -> str:
    slug, least = limit
    return f"The credit of workspace {slug} is ${as_text(left)}, below ${as_text(least)}"


def _percents(value: Any) -> tuple[int, ...]:
    """A JSON column, as one driver gives its text and the other its value."""
    return tuple(cast("list[int]", orjson.loads(value) if isinstance(value, str) else value))
