"""Columns as all tables have them, and the one list of tables."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, MetaData, String, Text, false

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself for INTEGER alone


def id_() -> Column[str]:
    """The primary key: a short text with a prefix."""
    return Column("id", String, primary_key=True)


def of_workspace() -> Column[str]:
    """The workspace that a row belongs to."""
    return Column("workspace", String, ForeignKey("workspaces.id"), nullable=False, index=True)


def text(name: str) -> Column[str]:
    """A text, empty where nothing is said."""
    return Column(name, Text, nullable=False, server_default="")


def time(name: str) -> Column[int]:
    """Milliseconds since 1970 UTC."""
    return Column(name, BigInteger, nullable=False)


def maybe_time(name: str) -> Column[int]:
    """Milliseconds since 1970 UTC, or NULL."""
    return Column(name, BigInteger)


def flag(name: str) -> Column[bool]:
    """True or false; false where nothing is said."""
    return Column(name, Boolean, nullable=False, server_default=false())


def count(name: str) -> Column[int]:
    """A whole number from zero."""
    return Column(name, BigInteger, nullable=False, server_default="0")
