"""`xroute workspaces`: tenants, with people, keys and money of their own."""

from typing import Annotated, Any, Literal

import typer

from xroute.cli.cells import Column, money, text, time
from xroute.cli.figures import amount
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [
    text("id"),
    text("slug"),
    text("name"),
    text("plan"),
    money("credit line", "credit_line_usd"),
    Column("markup", lambda row: f"{row['markup']:g}", is_right=True),
    time("created"),
    time("closed"),
]

Plan = Literal["unmetered", "prepaid", "postpaid"]
Which = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its id, or its short name.")]
NameOption = Annotated[str, typer.Option(help="What people call it.")]
PlanOption = Annotated[
    Plan | None, typer.Option(help="prepaid spends credits, postpaid goes below zero, unmetered just counts.")
]
LineOption = Annotated[str, typer.Option(help="How far below zero it may go, in dollars.")]
MarkupOption = Annotated[str, typer.Option(help="Its price as a multiple of ours: 1.1 is ten percent more.")]


@action(app, "list")
def listed(terminal: Terminal, limit: MostOption = MOST) -> None:
    """List workspaces, the newest first."""
    terminal.list("workspaces", COLUMNS, limit)


@action(app)
def create(
    terminal: Terminal,
    slug: Annotated[str, typer.Argument(help="Its short name: small letters, digits, hyphens.")],
    name: NameOption = "",
    plan: PlanOption = None,
    credit_line_usd: LineOption = "",
    markup: MarkupOption = "",
) -> None:
    """Make a workspace, with nobody in it yet."""
    made = terminal.post("workspaces", {"slug": slug, **_told(name, plan, credit_line_usd, markup)})
    _done(terminal, made, "is made")


@action(app)
def show(terminal: Terminal, which: Which) -> None:
    """Show one workspace."""
    terminal.one(terminal.get(f"workspaces/{which}"))


@action(app)
def update(
    terminal: Terminal,
    which: Which,
    name: NameOption = "",
    plan: PlanOption = None,
    credit_line_usd: LineOption = "",
    markup: MarkupOption = "",
) -> None:
    """Change what is given."""
    body = _told(name, plan, credit_line_usd, markup)
    if not body:
        raise ConfigError("nothing is to be changed: say --name, --plan, --credit-line-usd or --markup")
    _done(terminal, terminal.patch(f"workspaces/{which}", body), "is changed")


@action(app)
def close(terminal: Terminal, which: Which) -> None:
    """Stop its keys and keep everybody out; nothing is deleted."""
    _done(terminal, terminal.post(f"workspaces/{which}/close"), "is closed")


@action(app, "open")
def reopen(terminal: Terminal, which: Which) -> None:
    """Take up a closed workspace again."""
    _done(terminal, terminal.post(f"workspaces/{which}/open"), "is open again")


def _told(name: str, plan: str | None, credit_line_usd: str, markup: str) -> dict[str, Any]:
    told = {
        "name": name,
        "plan": plan,
        "credit_line_usd": credit_line_usd and amount(credit_line_usd),
        "markup": markup,
    }
    return {field: value for field, value in told.items() if value}


def _done(terminal: Terminal, workspace: dict[str, Any], said: str) -> None:
    terminal.done(workspace, f"workspace {workspace['slug']} ({workspace['id']}) {said}")
