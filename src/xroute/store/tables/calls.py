"""Calls, and what is kept of responses."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    event,
)

from xroute.store.tables.column import metadata, time

calls = Table(  # wire.record.Record; on PostgreSQL partitioned by `day`
    "calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("day", Integer, primary_key=True),  # days since 1970 UTC
    time("at"),
    *(Column(name, String, nullable=False) for name in ("workspace", "project", "key", "member", "user")),
    *(Column(name, String, nullable=False) for name in ("session", "surface", "operation", "asked")),
    *(Column(name, String, nullable=False) for name in ("model", "provider")),
    Column("stream", Boolean, nullable=False),
    *(Column(name, String, nullable=False) for name in ("outcome", "error_type", "finish")),
    Column("cost_nano", BigInteger),  # NULL = the price is not known
    Column("charged_nano", BigInteger),
    Column("price", String, nullable=False),
    Column("byok", Boolean, nullable=False),
    Column("held_nano", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("ttft_ms", BigInteger),
    Column("overhead_us", BigInteger, nullable=False),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("tokens_in", "tokens_out", "cached", "cache_write", "reasoning")
    ),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("audio_in", "audio_out", "image_in", "image_out")
    ),
    Column("estimated", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tags", Text, nullable=False),  # JSON object, "" = none
    Column("attempts", Text, nullable=False),  # store.lines.write_attempts
    Index("ix_calls_workspace_at", "workspace", "at"),
    postgresql_partition_by="RANGE (day)",
)
event.listen(  # for days that have no partition of their own, so that none is refused
    calls,
    "after_create",
    DDL("CREATE TABLE calls_default PARTITION OF calls DEFAULT").execute_if(dialect="postgresql"),
)
responses = Table(  # of the Responses API, for who comes back to them
    "responses",
    metadata,
    Column("owner", String, primary_key=True),  # keys.id
    Column("id", String, primary_key=True),
    Column("previous", String, nullable=False),  # the one that it continues
    Column("process", String, nullable=False),  # journals.id of who makes it
    time("created"),
    Column("size", BigInteger, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Index("ix_responses_created", "created"),
    Index("ix_responses_owner_created", "owner", "created"),
)
response_items = Table(  # whose ids do not tell which response they are of
    "response_items",
    metadata,
    Column("owner", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("response", String, nullable=False),
    ForeignKeyConstraint(["owner", "response"], ["responses.owner", "responses.id"], ondelete="CASCADE"),
    Index("ix_response_items_owner_response", "owner", "response"),
)
