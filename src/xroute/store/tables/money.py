"""The ledger, prices, vouchers and payments."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, String, Table

from xroute.store.tables.column import (
    Number,
    count,
    flag,
    id_,
    maybe_time,
    metadata,
    of_workspace,
    text,
    time,
)

# credit | held | usage | funding | granted | adjusted | expired
accounts = Table(  # sums of entries, kept in the same transaction
    "accounts",
    metadata,
    Column("workspace", String, primary_key=True),
    Column("account", String, primary_key=True),
    count("nano"),
)
entries = Table(  # append-only; each moves `nano` from account `debit` to account `credit`
    "entries",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("workspace", String, nullable=False),
    time("at"),
    Column("kind", String, nullable=False),  # topup grant hold settle release refund adjust expiry
    Column("debit", String, nullable=False),
    Column("credit", String, nullable=False),
    Column("nano", BigInteger, nullable=False),  # never negative
    Column("call", String),
    Column("ref", String),  # what makes a repeated one count once
    Column("price", String),  # prices.id
    text("by"),
    text("note"),
    Index("ix_entries_workspace_at", "workspace", "at"),
    Index("ix_entries_call", "call"),
)
_has_ref = entries.c.ref.is_not(None)  # most entries are of calls that were settled, and have none
Index("ix_entries_ref", entries.c.ref, unique=True, sqlite_where=_has_ref, postgresql_where=_has_ref)
prices = Table(  # every price that was ever used, as it was
    "prices",
    metadata,
    id_(),  # of its content
    Column("data", JSON, nullable=False),
    time("first"),
)
grants = Table(
    "grants",
    metadata,
    id_(),
    of_workspace(),
    Column("nano", BigInteger, nullable=False),
    Column("left_nano", BigInteger, nullable=False),  # not spent yet; the one that ends first is spent first
    maybe_time("expires"),
    text("note"),
    time("created"),
)
vouchers = Table(
    "vouchers",
    metadata,
    id_(),
    Column("hash", String, nullable=False, unique=True),
    Column("shown", String, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False, server_default="1"),  # left
    maybe_time("expires"),
    Column("credit_days", BigInteger),  # how long the credit lasts; NULL = for ever
    text("by"),
    time("created"),
)
redemptions = Table(
    "redemptions",
    metadata,
    Column("voucher", String, ForeignKey("vouchers.id"), primary_key=True),
    Column("workspace", String, ForeignKey("workspaces.id"), primary_key=True),
    time("at"),
)
payments = Table(
    "payments",
    metadata,
    id_(),
    of_workspace(),
    Column("method", String, nullable=False),  # stripe
    Column("session", String, unique=True),  # Stripe's checkout session
    Column("intent", String, unique=True),  # Stripe's payment intent
    Column("nano", BigInteger, nullable=False),
    count("returned_nano"),  # refunded so far
    Column("state", String, nullable=False),  # open | paid | failed | refunded
    flag("automatic"),  # by the rule in workspaces.topup
    text("by"),
    time("created"),
    maybe_time("changed"),
)
webhooks = Table(  # event ids that have been dealt with
    "webhooks", metadata, id_(), Column("kind", String, nullable=False), time("at")
)
