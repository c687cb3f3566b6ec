"""`xroute budgets`: how much may be spent, and has been."""

from typing import Annotated, Any

import typer

from xroute.cli.cells import Column, money, plain, text, time
from xroute.cli.cells import budget as told
from xroute.cli.figures import (
    KeyOption,
    MemberOption,
    ProjectOption,
    UserOption,
    Whose,
    Window,
    amount,
    owner,
)
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [
    text("id"),
    Column("of", owner),
    text("model"),
    money("budget", "usd"),
    money("spent", "spent_usd"),
    money("left", "left_usd"),
    Column("percent", lambda row: plain(row["percent"]), is_right=True),
    text("window"),
    text("hard"),
    time("ends"),
]

Id = Annotated[str, typer.Argument(metavar="BUDGET", help="Its id.")]


@action(app, "list")
def listed(
    terminal: Terminal,
    key: KeyOption = "",
    project: ProjectOption = "",
    member: MemberOption = "",
    user: UserOption = "",
    limit: MostOption = MOST,
) -> None:
    """List budgets with what is spent of them."""
    terminal.list("budgets", COLUMNS, limit, **Whose(key, project, member, user).asked(terminal.remote))


@action(app)
def show(terminal: Terminal, budget: Id) -> None:
    """Show one budget; of each end user, those that have spent most."""
    terminal.one(terminal.get(f"budgets/{budget}"))


@action(app, "set")
def put(
    terminal: Terminal,
    usd: Annotated[str, typer.Argument(help="Dollars.")],
    id_: Annotated[str, typer.Option("--id", help="Change this one; else one is made.")] = "",
    key: KeyOption = "",
    project: ProjectOption = "",
    member: MemberOption = "",
    user: UserOption = "",
    window: Annotated[Window | None, typer.Option(help="When it begins anew; month.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of models like this: openai/*.")] = None,
    tz: Annotated[str, typer.Option(help="Where windows begin: Europe/Berlin; UTC.")] = "",
    soft: Annotated[
        bool | None, typer.Option("--soft/--hard", help="Warn, or refuse what goes beyond it.")
    ] = None,
    alert: Annotated[list[int] | None, typer.Option(help="Percent spent that is told; repeatable.")] = None,
) -> None:
    """Set a budget of the workspace, or of what is named. It begins with what was spent before."""
    whose = Whose(key, project, member, user)
    body: dict[str, Any] = {"usd": amount(usd), "window": window, "model": model, "tz": tz or None}
    body |= {"hard": None if soft is None else not soft, "alerts": alert or None}
    body = {field: value for field, value in body.items() if value is not None}
    if id_:
        if whose != Whose():
            raise ConfigError("--id is one that is there, whose owner stays: leave out whom it is of")
        made = terminal.patch(f"budgets/{id_}", body)
    else:
        made = terminal.post("budgets", whose.place(terminal.remote) | body)
    terminal.done(made, f"budget {made['id']} of {owner(made)}: {told(made)}")


@action(app)
def remove(terminal: Terminal, budget: Id) -> None:
    """Lift a budget, and forget what was spent of it."""
    terminal.done(terminal.delete(f"budgets/{budget}"), f"budget {budget} is lifted")
