"""`xroute users`: everybody of the installation, for who runs it."""

from typing import Annotated, Any

import typer

from xroute.cli.cells import text, time
from xroute.cli.members import linked
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [
    text("id"),
    text("email"),
    text("name"),
    text("operator"),
    text("disabled"),
    time("verified"),
    time("signed in", "signed_in"),
]
PATH = "installation/users"

Which = Annotated[str, typer.Argument(metavar="USER", help="Their id, or their mail.")]


@action(app, "list")
def listed(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List everybody."""
    terminal.list(PATH, COLUMNS, limit)


@action(app)
def show(terminal: Terminal, user: Which) -> None:
    """Show one user."""
    terminal.one(terminal.get(_path(terminal, user)))


@action(app)
def update(
    terminal: Terminal,
    user: Which,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    operator: Annotated[bool | None, typer.Option(help="Runs the installation, or does not.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Kept out, or let in.")] = None,
    verified: Annotated[bool | None, typer.Option(help="The mail is theirs, or nobody knows.")] = None,
) -> None:
    """Change what is given."""
    told = {"name": name or None, "operator": operator, "disabled": disabled, "verified": verified}
    body: dict[str, Any] = {field: value for field, value in told.items() if value is not None}
    if not body:
        raise ConfigError("nothing is to be changed: say --name, --operator, --disable or --verified")
    changed = terminal.patch(_path(terminal, user), body)
    terminal.done(changed, f"{changed['email']} is changed")


@action(app)
def reset(terminal: Terminal, user: Which) -> None:
    """Let a user set a new password: by mail, or by a link that is printed."""
    linked(terminal, terminal.post(f"{_path(terminal, user)}/reset"), f"{user} may set a new password")


def _path(terminal: Terminal, user: str) -> str:
    return f"{PATH}/{terminal.remote.find(PATH, 'usr_', user, 'email')}"
