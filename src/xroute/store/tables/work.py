"""What processes tell each other, and the logs of changes and alerts."""

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text

from xroute.store.tables.column import Number, count, id_, maybe_time, metadata, of_workspace, text, time

holds = Table(  # of calls that were under way when a batch was written
    "holds",
    metadata,
    id_(),  # the call's
    Column("journal", String, nullable=False, index=True),
    time("at"),
    Column("data", Text, nullable=False),  # JSON of wire.record.Record as it was at admission, or as lost
    count("nano"),  # what its entry `hold` moved
    maybe_time("ended"),  # when it was settled as lost; kept for the truth, should it come yet
)
journals = Table(
    "journals",
    metadata,
    id_(),
    text("host"),
    Column("pid", BigInteger, nullable=False),
    time("started"),
    time("seen"),  # heartbeat
    count("applied"),  # number of the last line that is in the database
    maybe_time("ended"),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    time("at"),
    Column("workspace", String),  # NULL = the installation
    Column("actor_kind", String, nullable=False),  # user | token | admin_token | cli | config | system
    text("actor"),
    text("actor_name"),
    Column("action", String, nullable=False),  # "key.create"
    text("target"),
    Column("before", JSON),
    Column("after", JSON),
    text("address"),
    text("request_id"),
    Index("ix_audit_workspace_at", "workspace", "at"),
)
alerts = Table(
    "alerts",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    of_workspace(),
    time("at"),
    Column("kind", String, nullable=False),  # budget | low_balance | topup | payment | drift
    Column("ref", String, nullable=False, unique=True),  # what makes a repeated one count once
    text("text"),
    maybe_time("seen"),
    maybe_time("told"),  # when it was mailed, or logged where no mail is set up
)
changes = Table(  # what other processes have to read again
    "changes",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    time("at"),
    Column("table", String, nullable=False),
    Column("row", String, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, even when old rows were swept
)
facts = Table(  # about the installation: `pepper` tells which one the keys are hashed under
    "facts", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False)
)
