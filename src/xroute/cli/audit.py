"""`xroute audit`: who changed what, from what to what."""

from typing import Annotated

import typer

from xroute.cli import when
from xroute.cli.cells import Column, Row, plain, text, time
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group

app = group()


def _changed(row: Row) -> str:
    """What is different now; of what was made or removed, nothing: the JSON has it."""
    before: Row = row["before"] or {}
    after: Row = row["after"] or {}
    if not (before and after):
        return ""
    names = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name}: {plain(before.get(name))} -> {plain(after[name])}" for name in names)


COLUMNS = [
    time("at"),
    Column("who", lambda row: plain(f"{row['actor_name'] or row['actor']} ({row['actor_kind']})")),
    text("from", "address"),
    text("action"),
    text("target"),
    Column("change", _changed),
]


@action(app)
def audit(
    terminal: Terminal,
    actor: Annotated[str, typer.Option(help="Only by this one: an id or a name.")] = "",
    verb: Annotated[str, typer.Option("--action", help="Only this: key.create, or key. for all.")] = "",
    target: Annotated[str, typer.Option(help="Only of this one: an id.")] = "",
    since: Annotated[str, typer.Option(help="From then on: 7d, 12h, 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="Before then.")] = "",
    installation: Annotated[
        bool, typer.Option("--installation", help="Of the whole installation, not of a workspace.")
    ] = False,
    limit: MostOption = MOST,
) -> None:
    """List changes, the newest first: who made them, and from what to what."""
    path = "installation/audit" if installation else "audit"
    times = {"since": when.past(since, "--since"), "until": when.past(until, "--until")}
    terminal.list(path, COLUMNS, limit, actor=actor, action=verb, target=target, **times)
