"""`xroute projects`: what keys are grouped by."""

from typing import Annotated, Any

import typer

from xroute.cli.cells import Column, budgets, limits, text, time
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [
    text("id"),
    text("name"),
    text("route"),
    Column("limits", limits),
    Column("budgets", budgets),
    time("created"),
    time("archived"),
]

Which = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id, or its name.")]
RouteOption = Annotated[str, typer.Option(help="The model of requests that name none.")]


@action(app, "list")
def listed(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List projects, the newest first."""
    terminal.list("projects", COLUMNS, limit)


@action(app)
def create(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    route: RouteOption = "",
) -> None:
    """Make a project."""
    _done(terminal, terminal.post("projects", {"name": name, "route": route}), "is made")


@action(app)
def show(terminal: Terminal, project: Which) -> None:
    """Show one project."""
    terminal.one(terminal.get(_path(terminal, project)))


@action(app)
def update(
    terminal: Terminal,
    project: Which,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    route: Annotated[
        str | None, typer.Option(help='The model of requests that name none; "" = none.')
    ] = None,
) -> None:
    """Change what is given."""
    body: dict[str, Any] = ({"name": name} if name else {}) | ({} if route is None else {"route": route})
    if not body:
        raise ConfigError("nothing is to be changed: say --name or --route")
    _done(terminal, terminal.patch(_path(terminal, project), body), "is changed")


@action(app)
def archive(terminal: Terminal, project: Which) -> None:
    """Refuse all keys of a project; nothing is deleted."""
    _done(terminal, terminal.post(f"{_path(terminal, project)}/archive"), "is archived: its keys are refused")


@action(app)
def restore(terminal: Terminal, project: Which) -> None:
    """Take up an archived project again."""
    _done(terminal, terminal.post(f"{_path(terminal, project)}/restore"), "is in use again")


def _done(terminal: Terminal, project: dict[str, Any], said: str) -> None:
    terminal.done(project, f"project {project['name']} ({project['id']}) {said}")


def _path(terminal: Terminal, project: str) -> str:
    return f"projects/{terminal.remote.find('projects', 'prj_', project, 'name')}"
