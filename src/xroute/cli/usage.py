"""`xroute usage`: what was called, by whom, and what it cost."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from xroute.cli import when
from xroute.cli.cells import Column, Row, cells, figure, moment, money, plain, text, time
from xroute.cli.output import note, show_json, show_table
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group, group_action
from xroute.errors import ConfigError

app = group()

By = Literal["project", "key", "member", "model", "provider", "tag", "user"]
Step = Literal["hour", "day", "month", "total"]
Order = Literal["cost", "charged", "calls", "errors", "tokens"]
OTHERS = "(others)"

FIGURES = [
    figure("calls"),
    figure("errors"),
    figure("tokens in", "tokens_in"),
    figure("tokens out", "tokens_out"),
    figure("cached"),
    money("cost", "cost_usd"),
    money("charged", "charged_usd"),
    figure("unpriced"),
    figure("ms", "duration_ms"),
    figure("ttft ms", "ttft_ms"),
]
CALLS = [
    text("id"),
    time("at"),
    text("model"),
    text("provider"),
    text("outcome"),
    figure("tokens in", "tokens_in"),
    figure("tokens out", "tokens_out"),
    money("cost", "cost_usd"),
    money("charged", "charged_usd"),
    figure("ms", "duration_ms"),
    figure("tries"),
    text("key"),
]
NAMED = {
    "project": ("projects", "prj_", "name"),
    "key": ("keys", "key_", "name"),
    "member": ("members", "mem_", "email"),
}

SinceOption = Annotated[str, typer.Option(help="From then on: 7d, 12h, 2026-11-01; 30 days ago.")]
UntilOption = Annotated[str, typer.Option(help="Before then; now.")]
TzOption = Annotated[str, typer.Option(help="Where days begin: Europe/Berlin; this machine's zone.")]
Values = list[str] | None
ProjectOption = Annotated[Values, typer.Option(help="Only of this project: id, name, or a*; repeatable.")]
KeyOption = Annotated[Values, typer.Option(help="Only of this key: id, name, or a*; repeatable.")]
MemberOption = Annotated[Values, typer.Option(help="Only of this member: id, mail, or a*; repeatable.")]
ModelOption = Annotated[Values, typer.Option(help="Only of this model: id, or openai/*; repeatable.")]
ProviderOption = Annotated[Values, typer.Option(help="Only of this provider; repeatable.")]
UserOption = Annotated[Values, typer.Option(help="Only of this end user; repeatable.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
ParquetOption = Annotated[Path | None, typer.Option(help="Write this Parquet file.")]
Id = Annotated[str, typer.Argument(metavar="CALL", help="Its id, x-request-id of the answer.")]


@group_action(app)
def sums(
    terminal: Terminal,
    since: SinceOption = "",
    until: UntilOption = "",
    by: Annotated[By | None, typer.Option(help="What is told apart.")] = None,
    step: Annotated[Step | None, typer.Option(help="Spans of time; with --by total, else day.")] = None,
    tag: Annotated[str, typer.Option(help="With --by tag: the tag's name.")] = "",
    top: Annotated[int, typer.Option(min=1, help="How many stand alone; the rest is one.")] = 20,
    order: Annotated[Order, typer.Option(help="What makes one great.")] = "cost",
    tz: TzOption = "",
    project: ProjectOption = None,
    key: KeyOption = None,
    member: MemberOption = None,
    model: ModelOption = None,
    provider: ProviderOption = None,
    user: UserOption = None,
    csv: CsvOption = False,
    parquet: ParquetOption = None,
) -> None:
    """Add up what was called: by time, project, key, member, model, provider, tag or end user."""
    spans = step or ("total" if by else "day")
    query: dict[str, Any] = {"by": by, "step": spans, "tag": tag, "top": top, "order": order}
    query |= _range(since, until, tz) | _named(terminal, project=project, key=key, member=member)
    query |= {"model": model, "provider": provider, "user": user}
    if _is_file(terminal, "usage", query, parquet, is_csv=csv):
        return
    answer = terminal.get("usage", **query)
    if terminal.as_json:
        show_json(answer)
        return
    _show(answer, by, spans)


@action(app)
def calls(
    terminal: Terminal,
    since: SinceOption = "",
    until: UntilOption = "",
    tz: TzOption = "",
    project: ProjectOption = None,
    key: KeyOption = None,
    member: MemberOption = None,
    model: ModelOption = None,
    provider: ProviderOption = None,
    user: UserOption = None,
    session: Annotated[Values, typer.Option(help="Only with this session_id; repeatable.")] = None,
    outcome: Annotated[Values, typer.Option(help="Only that ended so: completed; repeatable.")] = None,
    error_type: Annotated[Values, typer.Option(help="Only with this error; repeatable.")] = None,
    tag: Annotated[Values, typer.Option(help="Only with this tag: name:value; repeatable.")] = None,
    failed: Annotated[bool | None, typer.Option(help="Only those that failed, or did not.")] = None,
    min_cost_usd: Annotated[str, typer.Option(help="Only those that were charged so much.")] = "",
    csv: CsvOption = False,
    parquet: ParquetOption = None,
    limit: MostOption = MOST,
) -> None:
    """List calls, the newest first. As a file: all of them."""
    query: dict[str, Any] = {"session": session, "outcome": outcome, "error_type": error_type, "tag": tag}
    query |= _range(since, until, tz) | _named(terminal, project=project, key=key, member=member)
    query |= {"model": model, "provider": provider, "user": user, "failed": failed}
    query |= {"min_cost_usd": min_cost_usd}
    if not _is_file(terminal, "usage/calls", query, parquet, is_csv=csv):
        terminal.list("usage/calls", CALLS, limit, **query)


@action(app)
def call(terminal: Terminal, id_: Id) -> None:
    """Show everything about one call: attempts, timings, tokens, price."""
    found = terminal.get(f"usage/calls/{id_}")
    if terminal.as_json:
        show_json(found)
        return
    attempts = found.pop("attempts")
    terminal.one(found)
    typer.echo()
    columns = [
        text("deployment"),
        figure("ms", "duration_ms"),
        figure("ttft ms", "ttft_ms"),
        text("failure"),
        text("status"),
        money("cost", "cost_usd"),
        text("credential"),
        text("upstream id", "upstream_id"),
    ]
    terminal.table(attempts, columns, attempts)


@action(app)
def body(terminal: Terminal, id_: Id) -> None:
    """Show what was asked and answered in a call, where that is kept."""
    terminal.one(terminal.get(f"usage/calls/{id_}/body"))


def _range(since: str, until: str, tz: str) -> dict[str, Any]:
    # The zone is a variable of the system, and no setting.
    from xroute.config import environ

    zone = tz or when.local_zone(environ.read().get("TZ"))
    return {"since": when.back(since, "--since"), "until": when.back(until, "--until"), "tz": zone}


def _named(terminal: Terminal, **given: Values) -> dict[str, list[str]]:
    """Ids of what is named; a pattern is one of ids."""
    return {
        field: [
            value if "*" in value else terminal.remote.find(path, prefix, value, name) for value in values
        ]
        for field, values in given.items()
        for path, prefix, name in (NAMED[field],)
        if values
    }


def _is_file(
    terminal: Terminal, path: str, query: dict[str, Any], parquet: Path | None, *, is_csv: bool
) -> bool:
    """Whether it was asked for as a file, which is written then."""
    if is_csv + (parquet is not None) + terminal.as_json > 1:
        raise ConfigError("--csv, --json and --parquet: say one of them")
    if parquet is not None:
        terminal.keep(path, {**query, "format": "parquet"}, parquet)
    elif is_csv:
        terminal.pipe(path, {**query, "format": "csv"})
    return is_csv or parquet is not None


def _show(answer: dict[str, Any], by: str | None, step: str) -> None:
    """Groups of all the time, or spans of it, and the sum of all at the end."""
    names = {group["id"]: _name(group) for group in answer["groups"]}
    rows: list[Row] = answer["data"]
    leading = [time("from", "start")]
    if by and step == "total":
        rows, leading = answer["groups"], [Column(by, _name)]
    elif by:
        leading.append(Column(by, lambda row: names.get(row["group"], OTHERS)))
    columns = [*leading, *FIGURES]
    total = ["in all", *[""] * (len(leading) - 1), *(each.cell(answer["totals"]) for each in FIGURES)]
    right = [column.title for column in columns if column.is_right]
    show_table([column.title for column in columns], [*cells(columns, rows), total], right)
    note(f"{moment(answer['since'])} to {moment(answer['until'])}, days as in {answer['tz']}")
    if unpriced := answer["totals"]["unpriced"]:
        note(f"{unpriced:,} calls have no known price: they are in no cost")


def _name(group: Row) -> str:
    return plain(group["name"] or group["id"] or OTHERS)
