"""`xroute tokens`: what programs use the management API with."""

from typing import Annotated, Literal

import typer

from xroute.cli import when
from xroute.cli.cells import text, time
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group

app = group()

COLUMNS = [
    text("id"),
    text("name"),
    text("token", "shown"),
    text("role"),
    time("created"),
    time("expires"),
    time("used"),
    time("revoked"),
]

Role = Literal["owner", "admin", "developer", "viewer", "billing", "operator"]
AllOption = Annotated[
    bool, typer.Option("--installation", help="Those of the whole installation, not of a workspace.")
]


@action(app, "list")
def listed(terminal: Terminal, installation: AllOption = False, limit: MostOption = MOST) -> None:
    """List tokens, revoked ones included."""
    terminal.list(_path(is_ours=installation), COLUMNS, limit)


@action(app)
def create(
    terminal: Terminal,
    role: Annotated[Role, typer.Option(help="What it may do; operator: everything, everywhere.")],
    name: Annotated[str, typer.Option(help="What it is called in the audit log.")] = "",
    days: Annotated[int | None, typer.Option(min=1, help="How long it works; else for ever.")] = None,
) -> None:
    """Make a token. It is printed once."""
    body = {"name": name or role, "expires": when.after_days(days) if days else None}
    is_ours = role == "operator"
    made = terminal.post(_path(is_ours=is_ours), body if is_ours else {**body, "role": role})
    place = "the whole installation" if is_ours else "the workspace"
    terminal.secret(made, "token", f"token {made['name']} ({made['id']}) is {role} of {place}")


@action(app)
def revoke(
    terminal: Terminal,
    which: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or its name.")],
    installation: AllOption = False,
) -> None:
    """End a token: it lets nobody in any more."""
    path = _path(is_ours=installation)
    gone = terminal.delete(f"{path}/{terminal.remote.find(path, 'tok_', which, 'name')}")
    terminal.done(gone, f"token {gone['name']} ({gone['id']}) is no more")


def _path(*, is_ours: bool) -> str:
    return "installation/tokens" if is_ours else "tokens"
