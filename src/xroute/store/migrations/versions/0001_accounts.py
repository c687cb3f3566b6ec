"""The first tables: workspaces, people, keys, limits, money, calls."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs the statements as they were when the tables were first made."""
    kind = op.get_bind().dialect.name
    script = Path(__file__).with_name(f"0001_{kind}.sql").read_text("utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
