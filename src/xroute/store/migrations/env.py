"""Alembic's environment: the connection is handed in by store.migrate, within its transaction."""

from alembic import context

from xroute.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,  # SQLite cannot change a column in place
)
context.run_migrations()
