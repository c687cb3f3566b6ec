"""Tables as files: CSV that no spreadsheet runs, and Parquet with exact money."""

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from xroute.errors import InvalidRequest
from xroute.money import nano

Kind = Literal["text", "whole", "flag", "time", "usd"]  # time: milliseconds, usd: nano-dollars
Rows = AsyncIterable[Sequence[Mapping[str, Any]]]

# What a spreadsheet takes for the beginning of a formula
# (https://owasp.org/www-community/attacks/CSV_Injection, read 2026-11-21).
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Column:
    """`source` is the row's name for it, `name` the file's."""

    name: str
    kind: Kind = "text"
    source: str = ""

    def of(self, row: Mapping[str, Any]) -> Any:
        return row[self.source or self.name]


async def as_csv(columns: Sequence[Column], chunks: Rows) -> AsyncGenerator[bytes]:
    """A line of names, then a line for each row; a part for each chunk."""
    yield _lines([[column.name for column in columns]])
    async for rows in chunks:
        yield _lines([_TEXTS[column.kind](column.of(row)) for column in columns] for row in rows)


def _lines(rows: Iterable[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def safe(text: str | None) -> str:
    """A cell that is text whatever it begins with: an apostrophe says so to a spreadsheet."""
    text = text or ""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def _time(value: int | None) -> str:
    if value is None:
        return ""
    return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TEXTS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "text": safe,
    "whole": lambda value: value,
    "flag": lambda value: "true" if value else "false",
    "time": _time,
    "usd": lambda value: "" if value is None else nano.as_text(value),
}


async def as_parquet(columns: Sequence[Column], chunks: Rows) -> AsyncGenerator[bytes]:
    """One row group for each chunk, so that no more than one is in memory."""
    pyarrow, parquet = _pyarrow()
    kinds = {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "flag": pyarrow.bool_(),
        "time": pyarrow.timestamp("ms", tz="UTC"),
        "usd": pyarrow.decimal128(28, 9),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
    sink = _Sink()
    with parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        async for rows in chunks:
            values = {column.name: [_value(column, row) for row in rows] for column in columns}
            writer.write_table(pyarrow.table(values, schema=schema))
            yield sink.taken()
    yield sink.taken()


def check_parquet() -> None:
    """InvalidRequest where this installation cannot write Parquet."""
    _pyarrow()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # an extra, and half a second
        import pyarrow.parquet
    except ImportError:
        raise InvalidRequest(
            "Parquet needs pyarrow, which is not here: install `xroute[export]`, or ask for csv.",
            param="format",
            code="not_installed",
        ) from None
    return pyarrow, pyarrow.parquet


def _value(column: Column, row: Mapping[str, Any]) -> Any:
    value = column.of(row)
    return nano.to_dollars(value) if column.kind == "usd" and value is not None else value


class _Sink(io.RawIOBase):
    """A file that is read away while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
