"""`python -m tests.schemas`: freezes the schema of a release, with rows in every table, as a fixture.

A fixture is a folder: sqlite.sql and postgresql.sql, as that release made the tables, and data.json. Until
revision 0001 is released, its migration is written from the same statements.
"""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, LargeBinary, MetaData, String, create_mock_engine

FOLDER = Path(__file__).parent / "fixtures" / "schemas"
URLS = {"sqlite": "sqlite://", "postgresql": "postgresql+asyncpg://"}


def statements(metadata: MetaData, kind: str) -> list[str]:
    """What makes the tables, in order."""
    found: list[str] = []

    def take(statement: Any, *_: Any, **__: Any) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)).strip().replace("\t", "    "))

    engine = create_mock_engine(URLS[kind], take)
    metadata.create_all(engine, checkfirst=False)
    tidy = ["\n".join(line.rstrip() for line in text.splitlines()) for text in found]
    return [line for _, group in groupby(tidy, _is_index) for line in sorted(group, key=_order)]


def _is_index(statement: str) -> bool:
    return statement.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


def _order(statement: str) -> str:
    """A table's indexes come in no order of their own."""
    return statement if _is_index(statement) else ""


def rows(metadata: MetaData) -> dict[str, list[dict[str, Any]]]:
    """Two rows for each table, which name rows of the others where they must."""
    return {
        table.name: [
            {column.name: _value(column, number) for column in table.columns if _is_given(column)}
            for number in (1, 2)
        ]
        for table in metadata.sorted_tables
    }


def _is_given(column: Column[Any]) -> bool:
    return not (column.primary_key and column.autoincrement is True)


def _value(column: Column[Any], number: int) -> Any:
    for foreign in column.foreign_keys:
        return f"{foreign.column.table.name}.{foreign.column.name} {number}"
    if isinstance(column.type, JSON):
        return {"of": column.name, "list": [number, None, "ü"]}
    if isinstance(column.type, Boolean):
        return number == 2
    if isinstance(column.type, LargeBinary):
        return {"hex": bytes([number, 0, 255]).hex()}
    if isinstance(column.type, String):
        return f"{column.table.name}.{column.name} {number}"
    return number * (1_000_003 if column.type.python_type is int else 1)


def main(argv: list[str]) -> None:
    """Writes the fixture of a revision."""
    from xroute.store import migrate, tables

    revision = argv[0] if argv else migrate.HEAD
    folder = FOLDER / revision
    folder.mkdir(parents=True, exist_ok=True)
    for kind in URLS:
        script = "".join(f"{statement};\n" for statement in statements(tables.metadata, kind))
        (folder / f"{kind}.sql").write_text(script, "utf-8")
        if revision == "0001":
            (migrate.FOLDER / "versions" / f"0001_{kind}.sql").write_text(script, "utf-8")
    (folder / "data.json").write_text(json.dumps(rows(tables.metadata), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
