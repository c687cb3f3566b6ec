"""One line of a provider's export, and reading such lines out of a table of text."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from xroute.errors import ConfigError

MOST_COLUMNS = 200
MOST = 10**18
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Billed:
    """What a provider billed on one line; None = the export does not say."""

    line: int  # of the file, from 1
    day: date  # in the time zone of the export
    model: str  # as the provider writes it; "" = of all models together
    at: datetime | None = None  # where the export is finer than days
    ref: str = ""  # the provider's id of the one answer that the line is about
    requests: int | None = None
    tokens_in: int | None = None  # cached ones included
    tokens_out: int | None = None
    cached: int | None = None  # part of tokens_in
    usd: Decimal | None = None
    step: Decimal = Decimal(0)  # the amount is rounded to a multiple of it


class Row:
    """One line of a table, by column; what is wrong with a value is told with file, line and column."""

    def __init__(self, name: str, line: int, cells: dict[str, str]) -> None:
        self._name = name
        self._cells = cells
        self.line = line

    def text(self, *columns: str) -> str:
        """The first of these columns that says something; "" = none does."""
        return next((text for column in columns if (text := self._cells.get(column, ""))), "")

    def decimal(self, *columns: str) -> Decimal | None:
        """A number: thousands may have commas, an amount its dollar sign."""
        text = self.text(*columns)
        if not text:
            return None
        try:
            number = Decimal(text.replace(",", "").replace("$", "").strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise self.wrong(f"{text[:40]!r} is no number", *columns)
        if not -MOST < number < MOST:
            raise self.wrong(f"{text[:40]!r} is larger than any figure of a bill", *columns)
        return number

    def whole(self, *columns: str) -> int | None:
        """A count; some exports write it as 10.0."""
        number = self.decimal(*columns)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise self.wrong(f"{number} is no whole number", *columns)
        return int(number)

    def instant(self, *columns: str) -> datetime:
        """A point in time: unix seconds or ISO 8601, UTC where it names no zone."""
        text = self.text(*columns)
        if text.replace(".", "", 1).isdigit():
            try:
                return datetime.fromtimestamp(int(Decimal(text)), UTC)
            except (ValueError, OverflowError, OSError):
                raise self.wrong(f"{text[:40]!r} is no time", *columns) from None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise self.wrong(f"{text[:40]!r} is no date such as 2026-11-21", *columns) from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def wrong(self, text: str, *columns: str) -> ConfigError:
        """What is wrong with one of these columns of this line."""
        column = next((column for column in columns if column in self._cells), columns[0])
        return ConfigError(text, where=f"{self._name}:{self.line} {column}")


def read_rows(text: str, name: str, *wanted: Sequence[str]) -> Iterator[Row]:
    """The lines of a CSV or TSV table; columns in any order, upper or lower case, extra ones ignored.

    Of each of `wanted` one column must be there; lines before the one with their names are skipped, as are
    empty lines. ConfigError where they are not found, or a line has more cells than there are columns.
    """
    lines = text.lstrip("\ufeff").splitlines()
    head, delimiter = _head(lines, name, wanted)
    columns = [cell.strip().lower() for cell in _split(lines[head], delimiter)]
    reader = csv.reader(lines[head + 1 :], delimiter=delimiter)
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = head + 1 + reader.line_num
            if len(cells) > len(columns):
                raise ConfigError(
                    f"has {len(cells)} cells for {len(columns)} columns", where=f"{name}:{line}"
                )
            yield Row(name, line, dict(zip(columns, (cell.strip() for cell in cells), strict=False)))
    except csv.Error as error:
        raise ConfigError(f"cannot be read: {error}", where=f"{name}:{head + 1 + reader.line_num}") from error


def columns_of(text: str) -> set[str]:
    """Every cell of the first lines, in lower case: tells the variants of an export apart."""
    cells: set[str] = set()
    for line in text.lstrip("\ufeff").splitlines()[:40]:
        cells.update(cell.strip().lower() for cell in _split(line, _delimiter(line)))
    return cells


def exact(value: object, where: str) -> Decimal:
    """A number of a JSON document that was read without floats; a text may hold one too."""
    if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and -MOST < number < MOST:
            return number
    raise ConfigError(f"{str(value)[:40]!r} is no number of a bill", where=where)


def read_json(text: str, name: str) -> Any:
    """A JSON document, its numbers exact."""
    try:
        return json.loads(text.lstrip("\ufeff"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no JSON: {error}", where=name) from error


def day_or_instant(start: datetime, end: datetime | None) -> tuple[date, datetime | None]:
    """(the day, the instant where the line is about less than a day)."""
    is_fine = end is not None and (end - start).total_seconds() < DAY_S
    return start.date(), start if is_fine else None


def _head(lines: list[str], name: str, wanted: tuple[Sequence[str], ...]) -> tuple[int, str]:
    """(index of the line with the columns' names, what separates them)."""
    for index, line in enumerate(lines[:40]):
        delimiter = _delimiter(line)
        cells = {cell.strip().lower() for cell in _split(line, delimiter)}
        if len(cells) <= MOST_COLUMNS and all(cells.intersection(names) for names in wanted):
            return index, delimiter
    missing = ", ".join(" or ".join(names) for names in wanted)
    raise ConfigError(f"has no line with the columns {missing}: is it this provider's export?", where=name)


def _split(line: str, delimiter: str) -> list[str]:
    nothing: list[str] = []
    try:
        return next(csv.reader([line], delimiter=delimiter), nothing)
    except csv.Error:  # no table
        return nothing


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)
