"""`xroute config`: every value in use, and where it came from."""

from collections.abc import Iterable
from typing import Annotated, Any, cast

import typer

from xroute.cli.output import note, show_json, show_table
from xroute.cli.sources import ConfigOption, JsonOption, load_settings

app = typer.Typer(help="Show every setting and where it came from.", invoke_without_command=True)


@app.callback()
def config(
    context: typer.Context,
    path: ConfigOption = None,
    show_origin: Annotated[bool, typer.Option(help="Show where each value came from.")] = True,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show every setting and where it came from; secrets are masked."""
    if context.invoked_subcommand:
        return
    if schema:
        print_schema()
        return
    rows = _rows(path)
    if as_json:
        show_json({key: {"value": value, "origin": origin} for key, value, origin in rows})
        return
    columns = ["setting", "value", "origin"][: 3 if show_origin else 2]
    show_table(columns, [(key, _text(value), origin)[: len(columns)] for key, value, origin in rows])


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the file."""
    # The schema needs all of pydantic.
    from xroute.config import schema

    typer.echo(schema.text(), nl=False)


def _rows(path: Any) -> list[tuple[str, Any, str]]:
    """Key, value and origin of every setting; values as JSON has them, secrets masked."""
    loaded = load_settings(path)
    # Already imported by then, but not when `--help` is all that was asked.
    from xroute.config.load import leaves
    from xroute.config.problem import dotted

    note(f"file: {loaded.path}" if loaded.path else "file: none")
    shown = [(dotted(key), _plain(value)) for key, value in leaves(loaded.settings)]
    return [(key, value, loaded.origins[key]) for key, value in shown]


def _plain(value: Any) -> Any:
    """Numbers, truth values and empty containers as they are; all else as text, secrets as their mask."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, frozenset | tuple):
        return sorted(str(item) for item in cast("Iterable[object]", value))
    return value if value in ({}, []) else str(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(cast("list[str]", value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value == {} else str(value)
