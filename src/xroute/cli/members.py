"""`xroute members`: who is in a workspace, and who may come in."""

from typing import Annotated, Any, Literal

import typer

from xroute.cli.cells import text, time
from xroute.cli.output import note
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group

app = group()

COLUMNS = [text("id"), text("email"), text("name"), text("role"), time("created")]
INVITED = [text("id"), text("email"), text("role"), time("created"), time("expires")]

Role = Literal["owner", "admin", "developer", "viewer", "billing"]
Which = Annotated[str, typer.Argument(metavar="MEMBER", help="Their id, or their mail.")]


@action(app, "list")
def listed(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List who is in the workspace."""
    terminal.list("members", COLUMNS, limit)


@action(app)
def show(terminal: Terminal, member: Which) -> None:
    """Show one member."""
    terminal.one(terminal.get(_path(terminal, member)))


@action(app)
def invite(
    terminal: Terminal,
    email: Annotated[str, typer.Argument(help="Their mail.")],
    role: Annotated[Role, typer.Option(help="What they will be.")] = "developer",
) -> None:
    """Invite somebody: by mail, or by a link that is printed where no mail can be sent."""
    made = terminal.post("invitations", {"email": email, "role": role})
    linked(terminal, made, f"{made['email']} is invited as {made['role']}")


@action(app)
def invitations(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List invitations that nobody has accepted yet."""
    terminal.list("invitations", INVITED, limit)


@action(app)
def uninvite(
    terminal: Terminal,
    invitation: Annotated[str, typer.Argument(help="The id of the invitation, or the mail in it.")],
) -> None:
    """Take an invitation back."""
    id_ = terminal.remote.find("invitations", "inv_", invitation, "email")
    terminal.done(terminal.delete(f"invitations/{id_}"), f"invitation {invitation} lets nobody in any more")


@action(app)
def role(
    terminal: Terminal,
    member: Which,
    role: Annotated[Role, typer.Argument(help="What they are from now on.")],
) -> None:
    """Give a member another role."""
    changed = terminal.patch(_path(terminal, member), {"role": role})
    terminal.done(changed, f"{changed['email']} is {changed['role']} now")


@action(app)
def reset(terminal: Terminal, member: Which) -> None:
    """Let a member set a new password: by mail, or by a link that is printed."""
    linked(terminal, terminal.post(f"{_path(terminal, member)}/reset"), f"{member} may set a new password")


@action(app)
def remove(terminal: Terminal, member: Which) -> None:
    """Put a member out: their keys and tokens here stop at once."""
    terminal.done(terminal.delete(_path(terminal, member)), f"{member} is out")


def linked(terminal: Terminal, made: dict[str, Any], said: str) -> None:
    """What was mailed, or the link alone on standard output."""
    if made["mailed"] or terminal.as_json:
        terminal.done(made, f"{said}, by mail")
        return
    if made.get("problem"):
        note(made["problem"])
    terminal.secret(made, "link", f"{said}; give them this link")


def _path(terminal: Terminal, member: str) -> str:
    return f"members/{terminal.remote.find('members', 'mem_', member, 'email')}"
