"""Keys, credentials at providers, limits and budgets."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    true,
)

from xroute.store.tables.column import count, flag, id_, maybe_time, metadata, of_workspace, text, time

keys = Table(
    "keys",
    metadata,
    id_(),
    of_workspace(),
    Column("project", String, ForeignKey("projects.id"), index=True),
    Column("member", String, index=True),  # members.id; NULL = a service key
    Column("name", Text, nullable=False),
    Column("shown", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),  # hex of HMAC-SHA-256 under the pepper
    Column("policy", JSON, nullable=False, server_default="{}"),  # fields of wire.who.Policy
    Column("labels", JSON, nullable=False, server_default="{}"),
    text("route"),
    time("created"),
    text("by"),
    maybe_time("expires"),
    flag("disabled"),
    maybe_time("revoked"),
    Column("next", String),  # the key that a rotation made
    maybe_time("used"),
    flag("managed"),
    Index("ix_keys_workspace_created_id", "workspace", "created", "id"),
)
credentials = Table(
    "credentials",
    metadata,
    id_(),
    Column("workspace", String, ForeignKey("workspaces.id"), index=True),  # NULL = ours, for all
    Column("provider", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("host", String, nullable=False),  # the only ones it is sent to: "https://api.openai.com"
    Column("sealed", LargeBinary, nullable=False),  # AES-256-GCM under the master key
    Column("master", String, nullable=False),  # id of that master key
    Column("shown", String, nullable=False),  # masked
    Column("weight_ppm", BigInteger, nullable=False, server_default="1000000"),
    Column("fallback", Boolean, nullable=False, server_default=true()),  # of a workspace's own: ours after it
    flag("disabled"),
    text("by"),
    time("created"),
    maybe_time("changed"),
)

# Limits and budgets. `scope` is workspace | project | member | key | user, `subject` its id. Of scope user,
# "*" is each user of the workspace by itself, "*" and the id of a project or key each user of that.

limits = Table(
    "limits",
    metadata,
    id_(),
    of_workspace(),
    Column("scope", String, nullable=False),
    Column("subject", String, nullable=False),
    text("model"),  # only calls of models that match; "" = all
    Column("rpm", BigInteger),
    Column("tpm", BigInteger),
    Column("tpm_in", BigInteger),
    Column("tpm_out", BigInteger),
    Column("rpd", BigInteger),
    Column("tpd", BigInteger),
    Column("concurrency", BigInteger),
    Column("max_call_nano", BigInteger),  # the most that one call may cost
    Column("tz", String, nullable=False, server_default="UTC"),
    time("created"),
    flag("managed"),
)
budgets = Table(
    "budgets",
    metadata,
    id_(),
    of_workspace(),
    Column("scope", String, nullable=False),
    Column("subject", String, nullable=False),
    text("model"),
    Column("nano", BigInteger, nullable=False),
    Column("window", String, nullable=False),  # day | week | month | total
    Column("tz", String, nullable=False, server_default="UTC"),
    Column("hard", Boolean, nullable=False, server_default=true()),
    Column("alerts", JSON, nullable=False, server_default="[80, 100]"),  # percent
    time("created"),
    flag("managed"),
)
purses = Table(  # what is spent of each gate of kind "purse"; `key` is Gate.key
    "purses",
    metadata,
    Column("key", String, primary_key=True),
    count("spent"),  # nano-dollars, requests or tokens
    Column("until", BigInteger, index=True),  # NULL = for ever
)
