"""`xroute credits voucher`: codes that turn into credit."""

from typing import Annotated

import typer

from xroute.cli import when
from xroute.cli.cells import dollars, figure, money, text, time
from xroute.cli.figures import amount
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group

app = group("Codes that turn into credit.")

COLUMNS = [
    text("id"),
    text("code", "shown"),
    money("amount", "amount_usd"),
    figure("uses"),
    time("expires"),
    figure("credit days", "credit_days"),
    text("by"),
]


@action(app, "list")
def listed(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List vouchers, used up ones included."""
    terminal.list("vouchers", COLUMNS, limit)


@action(app)
def create(
    terminal: Terminal,
    usd: Annotated[str, typer.Argument(metavar="USD", help="Dollars.")],
    uses: Annotated[int, typer.Option(min=1, help="By so many workspaces, once each.")] = 1,
    expires: Annotated[str, typer.Option(help="When nobody can redeem it any more: 90d.")] = "",
    credit_days: Annotated[int | None, typer.Option(min=1, help="How long the credit lasts.")] = None,
) -> None:
    """Make a voucher. Its code is printed once."""
    body = {"amount_usd": amount(usd), "uses": uses, "credit_days": credit_days}
    made = terminal.post("vouchers", {**body, "expires": when.coming(expires, "--expires")})
    terminal.secret(made, "code", f"a voucher of {dollars(made['amount_usd'])} ({made['id']}) is made")


@action(app)
def redeem(terminal: Terminal, code: Annotated[str, typer.Argument(help="The code.")]) -> None:
    """Turn a code into credit of the workspace."""
    found = terminal.post("vouchers/redeem", {"code": code})
    terminal.done(found, f"{dollars(found['amount_usd'])} of credit")


@action(app)
def revoke(terminal: Terminal, voucher: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a voucher: nobody can redeem it any more."""
    gone = terminal.delete(f"vouchers/{voucher}")
    terminal.done(gone, f"voucher {gone['shown']} ({gone['id']}) is no more")
