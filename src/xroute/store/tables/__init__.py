"""Every table of the database, for SQLite and PostgreSQL alike.

Times are whole milliseconds since 1970 UTC, money whole nano-dollars, ids short texts with a prefix.
`managed` rows are declared in the config file and changed there only.
"""

from xroute.store.tables.calls import calls, response_items, responses
from xroute.store.tables.column import metadata
from xroute.store.tables.keys import budgets, credentials, keys, limits, purses
from xroute.store.tables.money import (
    accounts,
    entries,
    grants,
    payments,
    prices,
    redemptions,
    vouchers,
    webhooks,
)
from xroute.store.tables.people import (
    identities,
    invitations,
    links,
    members,
    projects,
    sessions,
    tokens,
    users,
    workspaces,
)
from xroute.store.tables.rollups import (
    SUMS,
    daily,
    daily_keys,
    daily_models,
    ended,
    hourly,
    hourly_keys,
    hourly_models,
    tagged,
)
from xroute.store.tables.work import alerts, audit, changes, facts, holds, journals

__all__ = [
    "SUMS",
    "accounts",
    "alerts",
    "audit",
    "budgets",
    "calls",
    "changes",
    "credentials",
    "daily",
    "daily_keys",
    "daily_models",
    "ended",
    "entries",
    "facts",
    "grants",
    "holds",
    "hourly",
    "hourly_keys",
    "hourly_models",
    "identities",
    "invitations",
    "journals",
    "keys",
    "limits",
    "links",
    "members",
    "metadata",
    "payments",
    "prices",
    "projects",
    "purses",
    "redemptions",
    "response_items",
    "responses",
    "sessions",
    "tagged",
    "tokens",
    "users",
    "vouchers",
    "webhooks",
    "workspaces",
]
