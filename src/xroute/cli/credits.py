"""`xroute credits`: what a workspace has to spend, and what comes in and goes out."""

from typing import Annotated, Any, Literal

import typer

from xroute.cli import vouchers, when
from xroute.cli.cells import dollars, money, text, time
from xroute.cli.figures import amount
from xroute.cli.output import note, show_json, show_table
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()
app.add_typer(vouchers.app, name="voucher")

GRANTS = [
    text("id"),
    money("amount", "amount_usd"),
    money("left", "left_usd"),
    time("expires"),
    text("note"),
]
ENTRIES = [
    text("id"),
    time("at"),
    text("kind"),
    text("from", "debit"),
    text("to", "credit"),
    money("amount", "amount_usd"),
    text("call"),
    text("by"),
    text("note"),
]
PAYMENTS = [
    text("id"),
    money("amount", "amount_usd"),
    money("returned", "returned_usd"),
    text("state"),
    text("automatic"),
    text("by"),
    time("created"),
]

Kind = Literal["topup", "grant", "hold", "settle", "release", "refund", "adjust", "expiry"]
Amount = Annotated[str, typer.Argument(metavar="USD", help="Dollars.")]
NoteOption = Annotated[str, typer.Option(help="Why, for the books.")]
OnceOption = Annotated[str, typer.Option(help="A word of yours: said again with it, it counts once.")]


@action(app)
def show(terminal: Terminal) -> None:
    """Show the balance, and credit that ends some day."""
    found = terminal.get("credits")
    if terminal.as_json:
        show_json(found)
        return
    grants = found.pop("grants")
    terminal.one(found)
    if grants:
        typer.echo()
        terminal.table(grants, GRANTS, grants)


@action(app)
def entries(
    terminal: Terminal,
    kind: Annotated[Kind | None, typer.Option(help="Only of this kind.")] = None,
    call: Annotated[str, typer.Option(help="Only of this call.")] = "",
    limit: MostOption = MOST,
) -> None:
    """List every entry of the ledger, the newest first."""
    terminal.list("ledger", ENTRIES, limit, kind=kind, call=call)


@action(app)
def topup(terminal: Terminal, usd: Amount, note: NoteOption = "", once: OnceOption = "") -> None:
    """Add money that was paid."""
    _book(terminal, "topup", {"amount_usd": amount(usd), "note": note}, once)


@action(app)
def grant(
    terminal: Terminal,
    usd: Amount,
    expires: Annotated[str, typer.Option(help="When what is left of it ends: 90d, 2027-01-31.")] = "",
    note: NoteOption = "",
    once: OnceOption = "",
) -> None:
    """Add credit that nobody paid for."""
    ends = when.coming(expires, "--expires")
    _book(terminal, "grant", {"amount_usd": amount(usd), "note": note, "expires": ends}, once)


@action(app)
def adjust(
    terminal: Terminal,
    usd: Annotated[str, typer.Argument(metavar="USD", help="Dollars; what is taken out: -- -5.")],
    note: NoteOption = "",
    once: OnceOption = "",
) -> None:
    """Correct the balance."""
    _book(terminal, "adjust", {"amount_usd": amount(usd), "note": note}, once)


@action(app)
def refund(
    terminal: Terminal,
    call: Annotated[str, typer.Argument(help="The id of the call.")],
    usd: Annotated[str, typer.Option(help="A part of it; else all that it was charged.")] = "",
    note: NoteOption = "",
    once: OnceOption = "",
) -> None:
    """Give back what a call was charged."""
    body = {"call": call, "amount_usd": amount(usd) if usd else None, "note": note}
    _book(terminal, "refund", body, once)


@action(app)
def checkout(
    terminal: Terminal,
    usd: Amount,
    save_card: Annotated[bool, typer.Option("--save-card", help="Keep the card for automatic ones.")] = False,
) -> None:
    """Print the address of a page to pay on by card."""
    found = terminal.post("billing/checkout", {"amount_usd": amount(usd), "save_card": save_card})
    if terminal.as_json:
        show_json(found)
    else:
        typer.echo(found["url"])


@action(app)
def payments(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List payments by card."""
    terminal.list("billing/payments", PAYMENTS, limit)


@action(app)
def auto(
    terminal: Terminal,
    below_usd: Annotated[str, typer.Option(help="A balance below it is topped up, in dollars.")] = "",
    usd: Annotated[str, typer.Option(help="By so many dollars.")] = "",
    per_day: Annotated[int, typer.Option(min=1, help="Charges within 24 hours at the most.")] = 3,
    off: Annotated[bool, typer.Option("--off", help="End it, and forget the card.")] = False,
) -> None:
    """Show or set when the saved card is charged."""
    if bool(below_usd) != bool(usd) or (off and usd):
        raise ConfigError("say both --below-usd and --usd, or --off, or none of them")
    if off:
        rule = terminal.delete("billing/topup")
    elif usd:
        rule = {"below_usd": amount(below_usd), "amount_usd": amount(usd), "per_day": per_day}
        rule = terminal.put("billing/topup", rule)
    else:
        rule = terminal.get("billing/topup")
    terminal.one(rule)


@action(app)
def low(
    terminal: Terminal,
    below_usd: Annotated[str, typer.Argument(metavar="USD", help="Dollars, or `never`.")],
) -> None:
    """Set the balance below which owners are told."""
    mark = None if below_usd == "never" else amount(below_usd)
    told = terminal.put("billing/low-balance", {"below_usd": mark})
    terminal.done(told, f"told below {dollars(told['below_usd'])}" if mark else "never told")


def _book(terminal: Terminal, kind: str, body: dict[str, Any], once: str) -> None:
    """Makes an entry, and says what there is now."""
    entry = terminal.post(f"credits/{kind}", body, idempotency_key=once)
    if terminal.as_json:
        show_json(entry)
        return
    note(f"{entry['kind']} of {dollars(entry['amount_usd'])} is booked ({entry['id']})")
    balance = terminal.get("credits")["balance_usd"]
    show_table(["balance"], [[dollars(balance)]])
