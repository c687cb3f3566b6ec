"""Tables and JSON on standard output."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table in the width of the terminal; without one, plain lines of any length."""
    rows = list(rows)
    if sys.stdout.isatty():
        _show_rich(columns, rows, right)
    else:
        typer.echo("\n".join(_lines(columns, rows, right)))


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> Iterator[str]:
    """Aligned lines: what is piped into another program is never cut."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = zip(columns, row, widths, strict=True)
        aligned = (cell.rjust(width) if name in right else cell.ljust(width) for name, cell, width in cells)
        yield "  ".join(aligned).rstrip()


def _show_rich(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str]) -> None:
    # rich takes 60 ms to import, which `--help` and a pipe need not wait for.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def show_json(value: Any) -> None:
    """Indented JSON; what is no JSON type is printed as its text (secrets as their mask)."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """A remark for a person, on standard error, so that it never mixes with the output."""
    typer.echo(text, err=True)
