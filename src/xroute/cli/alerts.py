"""`xroute alerts`: budgets that are nearly spent, balances that are low, bills that drift."""

from typing import Annotated

import typer

from xroute.cli.cells import text, time
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group, group_action

app = group()

COLUMNS = [text("id"), time("at"), text("kind"), text("text"), time("seen")]


@group_action(app)
def listed(
    terminal: Terminal,
    unseen: Annotated[bool, typer.Option("--unseen", help="Only those that nobody has seen.")] = False,
    limit: MostOption = MOST,
) -> None:
    """List alerts, the newest first."""
    terminal.list("alerts", COLUMNS, limit, unseen=unseen)


@action(app)
def seen(terminal: Terminal, alert: Annotated[int, typer.Argument(help="Its id.")]) -> None:
    """Mark an alert as seen."""
    terminal.done(terminal.post(f"alerts/{alert}/seen"), f"alert {alert} is seen")
