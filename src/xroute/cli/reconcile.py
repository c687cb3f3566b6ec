"""`xroute reconcile`: a provider's bill against our own records, with what explains the difference."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroute.cli.output import note, show_json, show_table
from xroute.cli.sources import ConfigOption, JsonOption, compose_scene, database_url, load_settings
from xroute.errors import ConfigError

if TYPE_CHECKING:
    from xroute.config.load import Loaded
    from xroute.money.price import Price
    from xroute.store.db import Database
    from xroute.store.reconcile.drift import Comparison
    from xroute.store.reconcile.formats import Format
    from xroute.store.reconcile.report import Line, Report

TOKENS_ONLY = "the export has no amounts: its tokens are valued at our prices"


def reconcile(
    file: Annotated[Path, typer.Argument(help="The export: CSV, or JSON of the provider's usage API.")],
    provider: Annotated[str, typer.Option(help="Whose: openai, anthropic, google, openrouter.")],
    since: Annotated[str, typer.Option(help="The first day, 2026-11-01; else the export's.")] = "",
    until: Annotated[str, typer.Option(help="The last day, included.")] = "",
    tz: Annotated[str, typer.Option(help="Where the export's days begin; else as the provider has it.")] = "",
    threshold: Annotated[str, typer.Option(help="Percent of drift from which on it is one.")] = "1",
    of: Annotated[list[str] | None, typer.Option(help="Provider ids whose calls are on the bill.")] = None,
    credential: Annotated[
        list[str] | None, typer.Option(help="Only calls with these credentials, by id.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a provider's usage export with what was recorded here; exit code 1 where they drift apart."""
    # The database and its drivers take a while to import.
    from xroute.store.reconcile.drift import Comparison
    from xroute.store.reconcile.formats import FORMATS

    found = FORMATS.get(provider)
    if found is None:
        raise ConfigError(f"--provider {provider} has no format: use one of {', '.join(FORMATS)}")
    most = _percent(threshold)
    billed = found.parse(_read(file), file.name)
    if not billed:
        raise ConfigError("has no line about a model's use", where=file.name)
    loaded = load_settings(config)
    price = _prices(loaded, found.providers)
    zone = _zone(tz or found.zone)
    comparison = Comparison(billed, zone, _day(since, "--since"), _day(until, "--until"), price)
    report = asyncio.run(
        _compare(loaded, comparison, found, zone, of or [], credential or [], most, provider)
    )
    if as_json:
        show_json(_plain(report))
    else:
        _show(report)
    if report.percent > most:
        raise typer.Exit(1)


async def _compare(
    loaded: "Loaded",
    comparison: "Comparison",
    found: "Format",
    zone: str,
    providers: list[str],
    credentials: list[str],
    most: Decimal,
    provider: str,
) -> "Report":
    from xroute.store.db import AWAY, Database, why
    from xroute.store.reconcile.ours import attempts

    db = Database(database_url(loaded))
    try:
        await _check(db)
        which = providers or found.providers
        async for attempt in attempts(db, which, comparison.since, comparison.until, zone, credentials):
            comparison.add(attempt)
        report = comparison.report()
        if report.percent > most:
            await _alert(db, report, provider)
        return report
    except AWAY as error:
        raise ConfigError(f"cannot use the database {db.address.shown}: {why(error)}") from error
    finally:
        await db.close()


async def _check(db: "Database") -> None:
    """ConfigError for a database whose records this release cannot read."""
    from xroute.store.migrate import HEAD, revision

    found = await revision(db)
    if not found:
        raise ConfigError(f"the database {db.address.shown} has no records: name the right one as `database`")
    if found != HEAD:
        raise ConfigError(
            f"the database {db.address.shown} is of another release: run `xroute db upgrade`, or use that one"
        )


async def _alert(db: "Database", report: "Report", provider: str) -> None:
    """People who look at alerts are told once for a bill."""
    from xroute.money.nano import as_text
    from xroute.store.notices import raise_alert
    from xroute.store.workspaces import MAIN

    days = f"{report.since} to {report.until}"
    text = (
        f"The bill of {provider} for {days} is ${as_text(report.theirs_nano)}, our records say "
        f"${as_text(report.ours_nano)}: a drift of {report.percent:.2f}%."
    )
    async with db.write() as connection:
        await raise_alert(connection, MAIN, "drift", f"drift:{provider}:{report.since}:{report.until}", text)


def _prices(loaded: "Loaded", providers: tuple[str, ...]) -> "Callable[[str], Price | None]":
    """What models cost that nobody called here."""
    book = compose_scene(loaded).fleet.prices

    def price(model: str) -> "Price | None":
        upstream = model.rpartition("/")[2]
        found = (book.price(provider, upstream, model) for provider in providers)
        return next((each for each in found if each), None)

    return price


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"is no text in UTF-8: {error.reason} at byte {error.start}", where=str(file)
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"--tz {name} is no time zone: write it as Europe/Berlin or UTC") from None


def _day(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{option} {text} is no day: write it as 2026-11-21") from None


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and percent >= 0):
        raise ConfigError(f"--threshold {text} is no percentage: write it as 1 or 0.5")
    return percent


def _show(report: "Report") -> None:
    from xroute.store.reconcile.report import WORDS

    columns = ["day", "model", "theirs", "ours", "difference", "because of"]
    show_table(columns, [_cells(line) for line in report.lines], right=("theirs", "ours", "difference"))
    if report.by_tokens:
        note(TOKENS_ONLY)
    if report.unvalued:
        note(f"{report.unvalued} lines have tokens whose price is not known: they are in no sum")
    for cause in report.causes.values():
        calls = f" ({cause.count} calls)" if cause.count else ""
        note(f"{cause.kind}: {WORDS[cause.kind]}{calls}: {_dollars(cause.nano)}")
    note(
        f"theirs {_dollars(report.theirs_nano)}, ours {_dollars(report.ours_nano)}, "
        f"drift {_dollars(report.drift_nano)} ({report.percent:.2f}%)"
    )


def _cells(line: "Line") -> list[str]:
    causes = ", ".join(f"{cause.kind} {_dollars(cause.nano)}" for cause in line.causes)
    unknown = "?"
    return [
        line.day.isoformat(),
        line.model,
        unknown if line.theirs_nano is None else _dollars(line.theirs_nano),
        _dollars(line.ours_nano),
        unknown if line.difference is None else _dollars(line.difference),
        causes,
    ]


def _dollars(nano: int) -> str:
    from xroute.money.nano import as_text

    sign = "-" if nano < 0 else ""
    return f"{sign}${as_text(abs(nano))}"


def _plain(report: "Report") -> dict[str, Any]:
    from dataclasses import asdict

    from xroute.money.nano import as_number

    def side(value: Any) -> dict[str, int]:
        return {key: number for key, number in asdict(value).items() if key != "nano"}

    def causes(items: Any) -> list[dict[str, Any]]:
        return [{"kind": c.kind, "calls": c.count, "usd": as_number(c.nano)} for c in items]

    lines = [
        {
            "day": line.day.isoformat(),
            "model": line.model,
            "theirs_usd": None if line.theirs_nano is None else as_number(line.theirs_nano),
            "ours_usd": as_number(line.ours_nano),
            "difference_usd": None if line.difference is None else as_number(line.difference),
            "theirs": side(line.theirs),
            "ours": side(line.ours),
            "causes": causes(line.causes),
        }
        for line in report.lines
    ]
    return {
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "theirs_usd": as_number(report.theirs_nano),
        "ours_usd": as_number(report.ours_nano),
        "drift_usd": as_number(report.drift_nano),
        "drift_percent": str(report.percent.quantize(Decimal("0.0001"))),
        "valued_at_our_prices": report.by_tokens,
        "unvalued_lines": report.unvalued,
        "causes": causes(report.causes.values()),
        "lines": lines,
    }
