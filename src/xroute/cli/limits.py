"""`xroute limits`: rates, concurrency and caps."""

from typing import Annotated, Any

import typer

from xroute.cli.cells import Column, text, time
from xroute.cli.cells import limit as told
from xroute.cli.figures import (
    CapOption,
    ConcurrencyOption,
    Figures,
    KeyOption,
    MemberOption,
    ProjectOption,
    RpdOption,
    RpmOption,
    TpdOption,
    TpmInOption,
    TpmOption,
    TpmOutOption,
    UserOption,
    Whose,
    owner,
)
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [text("id"), Column("of", owner), Column("limit", told), text("tz"), time("created")]
LIFTED = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "tpd", "concurrency", "max_call_usd")

Id = Annotated[str, typer.Argument(metavar="LIMIT", help="Its id.")]


@action(app, "list")
def listed(
    terminal: Terminal,
    key: KeyOption = "",
    project: ProjectOption = "",
    member: MemberOption = "",
    user: UserOption = "",
    limit: MostOption = MOST,
) -> None:
    """List limits, the newest first."""
    terminal.list("limits", COLUMNS, limit, **Whose(key, project, member, user).asked(terminal.remote))


@action(app)
def show(terminal: Terminal, limit: Id) -> None:
    """Show one limit."""
    terminal.one(terminal.get(f"limits/{limit}"))


@action(app, "set")
def put(
    terminal: Terminal,
    id_: Annotated[str, typer.Option("--id", help="Change this one; else one is made.")] = "",
    key: KeyOption = "",
    project: ProjectOption = "",
    member: MemberOption = "",
    user: UserOption = "",
    rpm: RpmOption = None,
    tpm: TpmOption = None,
    tpm_in: TpmInOption = None,
    tpm_out: TpmOutOption = None,
    rpd: RpdOption = None,
    tpd: TpdOption = None,
    concurrency: ConcurrencyOption = None,
    max_call_usd: CapOption = "",
    lift: Annotated[list[str] | None, typer.Option(help="A figure to lift, such as rpm; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of models like this: openai/*.")] = None,
    tz: Annotated[str, typer.Option(help="Where days begin: Europe/Berlin; UTC.")] = "",
) -> None:
    """Limit the workspace, or what is named."""
    whose = Whose(key, project, member, user)
    body: dict[str, Any] = dict.fromkeys(_lifted(lift or []))
    body |= Figures(rpm, tpm, tpm_in, tpm_out, rpd, tpd, concurrency, max_call_usd).given()
    body |= {} if model is None else {"model": model}
    body |= {"tz": tz} if tz else {}
    if id_:
        if whose != Whose():
            raise ConfigError("--id is one that is there, whose owner stays: leave out whom it is of")
        made = terminal.patch(f"limits/{id_}", body)
    else:
        if not body.keys() & set(LIFTED):
            raise ConfigError("say what is limited, as --rpm 60")
        made = terminal.post("limits", whose.place(terminal.remote) | body)
    terminal.done(made, f"limit {made['id']} of {owner(made)}: {told(made) or 'nothing'}")


@action(app)
def remove(terminal: Terminal, limit: Id) -> None:
    """Lift a limit."""
    terminal.done(terminal.delete(f"limits/{limit}"), f"limit {limit} is lifted")


def _lifted(names: list[str]) -> list[str]:
    found = [name.replace("-", "_") for name in names]
    if unknown := [name for name in found if name not in LIFTED]:
        raise ConfigError(f"--lift {unknown[0]}: use one of {', '.join(LIFTED)}")
    return found
