"""`xroute invoices`: what a workspace used in a month, as JSON, CSV or PDF."""

from pathlib import Path
from typing import Annotated, Any

import typer

from xroute.cli.cells import figure, money, text, time
from xroute.cli.output import show_json
from xroute.cli.terminal import Terminal, action, group
from xroute.errors import ConfigError

app = group()

USES = [
    text("project"),
    text("model"),
    figure("calls"),
    figure("tokens in", "tokens_in"),
    figure("tokens out", "tokens_out"),
    money("amount", "amount_usd"),
]
MOVEMENTS = [time("at"), text("kind"), text("note"), money("amount", "amount_usd")]


@action(app)
def invoices(
    terminal: Terminal,
    month: Annotated[str, typer.Argument(help="2026-11; without it, the months that have one.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    pdf: Annotated[Path | None, typer.Option(help="Write this PDF file.")] = None,
) -> None:
    """Show the invoice of a month, or which months have one."""
    if csv + (pdf is not None) + terminal.as_json > 1:
        raise ConfigError("--csv, --json and --pdf: say one of them")
    if not month:
        if csv or pdf:
            raise ConfigError("say of which month: xroute invoices 2026-11")
        found = terminal.get("invoices")
        terminal.table(found, [text("month")], found["data"])
    elif pdf is not None:
        terminal.keep(f"invoices/{month}", {"format": "pdf"}, pdf)
    elif csv:
        terminal.pipe(f"invoices/{month}", {"format": "csv"})
    else:
        _show(terminal, terminal.get(f"invoices/{month}"))


def _show(terminal: Terminal, invoice: dict[str, Any]) -> None:
    if terminal.as_json:
        show_json(invoice)
        return
    uses, movements = invoice.pop("usage"), invoice.pop("movements")
    terminal.one(invoice)
    for columns, rows in ((USES, uses), (MOVEMENTS, movements)):
        if rows:
            typer.echo()
            terminal.table(rows, columns, rows)
