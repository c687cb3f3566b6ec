"""What commands of the management API share: their options, the requests, and how answers are shown."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeAlias, get_type_hints

import typer

from xroute.cli import cells
from xroute.cli.output import note, show_json, show_table
from xroute.cli.remote import Query, Remote
from xroute.cli.where import Where
from xroute.errors import ConfigError, XrouteError

P = ParamSpec("P")

UrlOption = Annotated[str | None, typer.Option(help="A running server; else $XROUTE_URL.")]
TokenOption = Annotated[str | None, typer.Option(help="Its management token; else $XROUTE_TOKEN.")]
WorkspaceOption = Annotated[
    str | None, typer.Option("--workspace", "-w", help="Id or short name; else $XROUTE_WORKSPACE.")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The file, to work on its database.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
MostOption = Annotated[int, typer.Option("--limit", min=1, help="The most rows.")]

MOST = 100
KIND = inspect.Parameter.KEYWORD_ONLY
CONTEXT = inspect.Parameter("ctx", KIND, annotation=typer.Context)
SHARED = {
    "workspace": WorkspaceOption,
    "url": UrlOption,
    "token": TokenOption,
    "config": ConfigOption,
    "as_json": JsonOption,
}


class Terminal:
    """One command's requests and its output."""

    def __init__(self, remote: Remote, *, as_json: bool) -> None:
        self.remote = remote
        self.as_json = as_json

    def get(self, path: str, **query: Any) -> Any:
        """The answer to GET of a path below /api/v1/."""
        return self.remote.ask("GET", path, query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to POST."""
        return self.remote.ask("POST", path, None, body, **headers)

    def patch(self, path: str, body: Any) -> Any:
        """The answer to PATCH."""
        return self.remote.ask("PATCH", path, None, body)

    def put(self, path: str, body: Any) -> Any:
        """The answer to PUT."""
        return self.remote.ask("PUT", path, None, body)

    def delete(self, path: str) -> Any:
        """The answer to DELETE."""
        return self.remote.ask("DELETE", path)

    def list(self, path: str, columns: Sequence[cells.Column], most: int = MOST, **query: Any) -> None:
        """Shows a list, and says where there is more of it."""
        found = self.remote.rows(path, query, most)
        self.table(found, columns, found["data"])
        if found["next"] is not None and not self.as_json:
            note(f"there are more: --limit {most * 10}")

    def table(self, answer: Any, columns: Sequence[cells.Column], rows: Sequence[cells.Row]) -> None:
        """Shows rows of an answer."""
        if self.as_json:
            show_json(answer)
            return
        titles = [column.title for column in columns]
        right = [column.title for column in columns if column.is_right]
        show_table(titles, cells.cells(columns, rows), right)

    def one(self, answer: Mapping[str, Any]) -> None:
        """Shows all of one thing."""
        if self.as_json:
            show_json(answer)
        else:
            show_table(["field", "value"], cells.fields(answer))

    def done(self, answer: Any, text: str) -> None:
        """Says what was done."""
        if self.as_json:
            show_json(answer)
        else:
            note(text)

    def secret(self, answer: Mapping[str, Any], name: str, text: str) -> None:
        """A credential alone on standard output, to be piped; what it is beside it."""
        if self.as_json:
            show_json(answer)
            return
        note(f"{text}; it is shown once, and nobody can look it up:")
        typer.echo(answer[name])

    def pipe(self, path: str, query: Query) -> None:
        """A file to standard output."""
        self.remote.save(path, query, sys.stdout.buffer.write)
        sys.stdout.flush()

    def keep(self, path: str, query: Query, file: Path) -> None:
        """A file into the folder: all of it, or nothing."""
        part = file.with_name(f".{file.name}.part")
        try:
            with part.open("wb") as out:
                self.remote.save(path, query, out.write)
            part.replace(file)
        except OSError as error:
            raise XrouteError(f"{file} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        note(f"{file} is written")


def group(text: str | None = None) -> typer.Typer:
    """Commands of one subject; what it is stands in the list of all commands."""
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


Function: TypeAlias = Callable[Concatenate[Terminal, P], None]


def action(app: typer.Typer, name: str = "") -> Callable[[Function[P]], Function[P]]:
    """Makes a function a command whose first argument is the terminal."""

    def add(function: Function[P]) -> Function[P]:
        def command(**given: Any) -> None:
            _run(function, given)

        app.command(name or None)(_signed(command, function))
        return function

    return add


def group_action(app: typer.Typer) -> Callable[[Function[P]], Function[P]]:
    """Makes a function what a group of commands does where none of them is named."""

    def add(function: Function[P]) -> Function[P]:
        def command(ctx: typer.Context, **given: Any) -> None:
            if ctx.invoked_subcommand is None:
                _run(function, given)
            elif any(value is not None and value != usual[word] for word, value in given.items()):
                word = f"{ctx.info_name} {ctx.invoked_subcommand}"
                raise ConfigError(f"options stand behind the command: xroute {word} --...")

        app.callback(invoke_without_command=True, no_args_is_help=False)(_signed(command, function, CONTEXT))
        usual = {word: each.default for word, each in inspect.signature(command).parameters.items()}
        return function

    return add


def _run(function: Callable[..., None], given: dict[str, Any]) -> None:
    shared = {word: given.pop(word) for word in SHARED}
    as_json = shared.pop("as_json")
    where = Where(**shared)
    remote = Remote(where.way, where.place())
    try:
        function(Terminal(remote, as_json=as_json), **given)
    finally:
        remote.close()


def _signed(command: Any, function: Callable[..., None], *first: inspect.Parameter) -> Any:
    """The command with the parameters of its function and those that all have: typer reads signatures."""
    hints = get_type_hints(function, include_extras=True)
    _, *own = inspect.signature(function).parameters.values()
    given = [each.replace(kind=KIND, annotation=hints[each.name]) for each in own]
    shared = [
        inspect.Parameter(word, KIND, default=False if word == "as_json" else None, annotation=option)
        for word, option in SHARED.items()
    ]
    every = [*first, *given, *shared]
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__signature__ = inspect.Signature(every)
    command.__annotations__ = {each.name: each.annotation for each in every}
    return command
