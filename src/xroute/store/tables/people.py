"""Workspaces, the people in them and how they get in, projects."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, String, Table, Text, UniqueConstraint

from xroute.store.tables.column import count, flag, id_, maybe_time, metadata, of_workspace, text, time

workspaces = Table(
    "workspaces",
    metadata,
    id_(),
    Column("name", Text, nullable=False),
    Column("slug", String, nullable=False, unique=True),
    Column("plan", String, nullable=False, server_default="unmetered"),  # unmetered | prepaid | postpaid
    count("credit_line_nano"),  # of postpaid: how far below zero
    Column("markup_ppm", BigInteger, nullable=False, server_default="1000000"),
    Column("low_nano", BigInteger),  # a balance below it is told
    Column("topup", JSON),  # automatic top-up: {below_nano, amount_nano, per_day, customer, method}
    time("created"),
    maybe_time("closed"),
    flag("managed"),
)
users = Table(
    "users",
    metadata,
    id_(),
    Column("email", String, nullable=False, unique=True),  # lower case
    text("name"),
    Column("password", Text),  # argon2id; NULL = signs in elsewhere
    maybe_time("verified"),  # when it was shown that the mail is theirs; NULL = never
    flag("operator"),  # runs this installation: every workspace, credits
    flag("disabled"),
    Column("external_id", String, unique=True),  # SCIM
    time("created"),
    maybe_time("signed_in"),
)
identities = Table(
    "identities",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("user", String, ForeignKey("users.id"), nullable=False, index=True),
    time("created"),
)
members = Table(
    "members",
    metadata,
    id_(),
    of_workspace(),
    Column("user", String, ForeignKey("users.id"), nullable=False, index=True),
    Column("role", String, nullable=False),  # owner | admin | developer | viewer | billing
    Column("external_id", String),  # SCIM
    time("created"),
    UniqueConstraint("workspace", "user"),
)
invitations = Table(
    "invitations",
    metadata,
    id_(),
    of_workspace(),
    Column("email", String, nullable=False),
    Column("role", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    text("by"),
    time("created"),
    time("expires"),
    maybe_time("accepted"),
)
sessions = Table(
    "sessions",
    metadata,
    Column("hash", String, primary_key=True),
    Column("user", String, ForeignKey("users.id"), nullable=False, index=True),
    time("created"),
    time("expires"),
    time("seen"),
    text("address"),
    text("agent"),
)
links = Table(  # one-time links: sign-in of the first owner, password reset
    "links",
    metadata,
    Column("hash", String, primary_key=True),
    Column("kind", String, nullable=False),  # signin | reset
    Column("user", String, ForeignKey("users.id"), nullable=False),
    time("created"),
    time("expires"),
    maybe_time("used"),
)
tokens = Table(  # for the management API
    "tokens",
    metadata,
    id_(),
    Column("workspace", String, ForeignKey("workspaces.id"), index=True),  # NULL = the whole installation
    Column("name", Text, nullable=False),
    Column("role", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    Column("shown", String, nullable=False),  # its first characters
    text("by"),
    time("created"),
    maybe_time("expires"),
    maybe_time("revoked"),
    maybe_time("used"),
)
projects = Table(
    "projects",
    metadata,
    id_(),
    of_workspace(),
    Column("name", String, nullable=False),
    text("route"),
    time("created"),
    maybe_time("archived"),
    flag("managed"),
    UniqueConstraint("workspace", "name"),
)
