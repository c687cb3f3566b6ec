"""`xroute keys`: the credentials that clients call with."""

from typing import Annotated, Any

import typer

from xroute.cli import when
from xroute.cli.cells import Column, budgets, limits, text, time
from xroute.cli.figures import (
    BudgetOption,
    CapOption,
    ConcurrencyOption,
    Figures,
    RpdOption,
    RpmOption,
    TpdOption,
    TpmOption,
    WindowOption,
    amount,
)
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

app = group()

COLUMNS = [
    text("id"),
    text("name"),
    text("key", "shown"),
    text("state"),
    text("project", "project_name"),
    Column("limits", limits),
    Column("budgets", budgets),
    time("expires"),
    time("used"),
]
CLEARED: dict[str, Any] = {
    **dict.fromkeys(("models", "providers", "addresses", "regions", "limits", "budgets"), ()),
    **{"labels": {}, "route": "", "project": None, "expires": None, "zdr": False, "local_only": False},
}

Which = Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its name.")]
ProjectOption = Annotated[str, typer.Option(help="The project it belongs to: id or name.")]
ModelOption = Annotated[list[str] | None, typer.Option(help="A model it may use, or openai/*; repeatable.")]
ProviderOption = Annotated[list[str] | None, typer.Option(help="A provider it may use; repeatable.")]
AddressOption = Annotated[
    list[str] | None, typer.Option(help="A network it may come from, 10.0.0.0/8; repeatable.")
]
RegionOption = Annotated[list[str] | None, typer.Option(help="Where data may be processed: eu; repeatable.")]
LabelOption = Annotated[list[str] | None, typer.Option(help="name=value, for reports; repeatable.")]
RouteOption = Annotated[str, typer.Option(help="The model of requests that name none.")]
ExpiresOption = Annotated[str, typer.Option(help="When it ends: 90d, 2027-01-31, 2027-01-31T12:00.")]
ZdrOption = Annotated[bool, typer.Option("--zdr", help="Only providers that keep no data.")]
LocalOption = Annotated[bool, typer.Option("--local-only", help="Only providers on own machines.")]


@action(app, "list")
def listed(
    terminal: Terminal,
    project: Annotated[str, typer.Option(help="Only those of this project: id or name.")] = "",
    member: Annotated[str, typer.Option(help="Only those of this member: id or mail.")] = "",
    limit: MostOption = MOST,
) -> None:
    """List keys, the newest first."""
    asked = {"project": _project(terminal, project), "member": _member(terminal, member)}
    terminal.list("keys", COLUMNS, limit, **asked)


@action(app)
def create(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="What it is called in logs and reports.")],
    project: ProjectOption = "",
    member: Annotated[str, typer.Option(help="Whose it is: id or mail; else nobody's.")] = "",
    model: ModelOption = None,
    provider: ProviderOption = None,
    address: AddressOption = None,
    region: RegionOption = None,
    zdr: ZdrOption = False,
    local_only: LocalOption = False,
    label: LabelOption = None,
    route: RouteOption = "",
    expires: ExpiresOption = "",
    rpm: RpmOption = None,
    tpm: TpmOption = None,
    rpd: RpdOption = None,
    tpd: TpdOption = None,
    concurrency: ConcurrencyOption = None,
    max_call_usd: CapOption = "",
    budget_usd: BudgetOption = "",
    window: WindowOption = "month",
) -> None:
    """Make a key. It is printed once."""
    body: dict[str, Any] = {"name": name, **_policy(model, provider, address, region)}
    body |= _told(zdr=zdr, local_only=local_only, labels=_labels(label), route=route)
    body |= _told(expires=when.coming(expires, "--expires"), project=project)
    if member:
        body["member"] = _member(terminal, member)
    figures = Figures(rpm=rpm, tpm=tpm, rpd=rpd, tpd=tpd, concurrency=concurrency, max_call_usd=max_call_usd)
    body |= _told(limits=[figures.given()] if figures.given() else None)
    if budget_usd:
        body["budget"] = {"usd": amount(budget_usd), "window": window}
    made = terminal.post("keys", body)
    terminal.secret(made, "key", f"key {made['name']} ({made['id']}) is made")


@action(app)
def show(terminal: Terminal, key: Which) -> None:
    """Show one key."""
    terminal.one(terminal.get(_path(terminal, key)))


@action(app)
def update(
    terminal: Terminal,
    key: Which,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    project: ProjectOption = "",
    model: ModelOption = None,
    provider: ProviderOption = None,
    address: AddressOption = None,
    region: RegionOption = None,
    zdr: ZdrOption = False,
    local_only: LocalOption = False,
    label: LabelOption = None,
    route: RouteOption = "",
    expires: ExpiresOption = "",
    clear: Annotated[
        list[str] | None, typer.Option(help=f"What is to be taken away: {', '.join(CLEARED)}; repeatable.")
    ] = None,
) -> None:
    """Change what is given; a list takes the place of the one before."""
    unknown = [each for each in clear or () if each not in CLEARED]
    if unknown:
        raise ConfigError(f"--clear {unknown[0]}: use one of {', '.join(CLEARED)}")
    body: dict[str, Any] = {each: CLEARED[each] for each in clear or ()}
    body |= _policy(model, provider, address, region)
    body |= _told(name=name, zdr=zdr, local_only=local_only, labels=_labels(label), route=route)
    body |= _told(expires=when.coming(expires, "--expires"), project=project)
    if not body:
        raise ConfigError("nothing is to be changed: say what, as `--model openai/*`")
    changed = terminal.patch(_path(terminal, key), body)
    terminal.done(changed, f"key {changed['name']} ({changed['id']}) is changed")


@action(app)
def rotate(
    terminal: Terminal,
    key: Which,
    overlap_hours: Annotated[float, typer.Option(help="How long the old one works beside it.")] = 24,
    expires: Annotated[str, typer.Option(help="When the new one ends; else as the old one.")] = "",
) -> None:
    """Make a key in a key's place. It is printed once; both count in the same limits."""
    body = {"overlap_hours": overlap_hours, "expires": when.coming(expires, "--expires")}
    made = terminal.post(f"{_path(terminal, key)}/rotate", body)
    text = (
        f"key {made['name']} ({made['id']}) takes the place of {key}, which works {overlap_hours:g} hours on"
    )
    terminal.secret(made, "key", text)


@action(app)
def disable(terminal: Terminal, key: Which) -> None:
    """Refuse a key until it is enabled again."""
    _done(terminal, terminal.post(f"{_path(terminal, key)}/disable"), "is refused from now on")


@action(app)
def enable(terminal: Terminal, key: Which) -> None:
    """Take up a disabled key again."""
    _done(terminal, terminal.post(f"{_path(terminal, key)}/enable"), "may be used again")


@action(app)
def revoke(terminal: Terminal, key: Which) -> None:
    """End a key for good."""
    _done(terminal, terminal.delete(_path(terminal, key)), "is no more")


def _done(terminal: Terminal, key: dict[str, Any], text: str) -> None:
    terminal.done(key, f"key {key['name']} ({key['id']}) {text}")


def _path(terminal: Terminal, key: str) -> str:
    return f"keys/{terminal.remote.find('keys', 'key_', key, 'name')}"


def _project(terminal: Terminal, project: str) -> str:
    return terminal.remote.find("projects", "prj_", project, "name") if project else ""


def _member(terminal: Terminal, member: str) -> str:
    return terminal.remote.find("members", "mem_", member, "email") if member else ""


def _policy(
    model: list[str] | None, provider: list[str] | None, address: list[str] | None, region: list[str] | None
) -> dict[str, Any]:
    return _told(models=model, providers=provider, addresses=address, regions=region)


def _labels(given: list[str] | None) -> dict[str, str]:
    pairs = [(name, is_pair, value) for name, is_pair, value in (each.partition("=") for each in given or ())]
    if wrong := [name for name, is_pair, _ in pairs if not is_pair]:
        raise ConfigError(f"--label {wrong[0]} is written as name=value")
    return {name: value for name, _, value in pairs}


def _told(**fields: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in fields.items() if value}
