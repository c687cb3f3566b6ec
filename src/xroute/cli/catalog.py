"""`xroute catalog`: providers and models from elsewhere, in the user's own folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroute.cli.output import note
from xroute.cli.sources import ConfigOption, load_settings
from xroute.errors import ConfigError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(help="Add providers and models from elsewhere.", no_args_is_help=True)

SOURCE = "models.dev"
ADDRESS = "https://models.dev/api.json"  # the MIT-licensed list; fetched only because it was asked for
MOST_BYTES = 64 * 1024 * 1024


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help=f"Where from: {SOURCE}.")],
    file: Annotated[
        Path | None, typer.Option(help="A copy of its list; without it, the list is fetched.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what a list has that the catalog lacks, and add it after a yes."""
    if source != SOURCE:
        raise typer.BadParameter(f"unknown source {source!r}: there is {SOURCE}")
    folder = load_settings(config).catalog_dir
    # The catalog is 350 files to read, which `--help` need not wait for.
    from xroute.catalog.imports import plan_import
    from xroute.catalog.load import load

    data = _parse(_read(file) if file else _fetch(), str(file or ADDRESS))
    plan = plan_import(data, load([folder]))
    typer.echo(plan.diff())
    if not plan.providers and not plan.models and not plan.offers:
        note("nothing to add")
        return
    if not yes:
        typer.confirm(f"Write this to {folder}?", abort=True)
    written = plan.apply(folder)
    note(f"written to {written.parent.parent}; `xroute catalog revert` takes it back")


@app.command("revert")
def revert_(config: ConfigOption = None) -> None:
    """Take back the last import."""
    folder = load_settings(config).catalog_dir
    # As above.
    from xroute.catalog.imports import revert

    if not revert(folder):
        note(f"there is no import to take back in {folder}")
        raise typer.Exit(1)
    note(f"the last import into {folder} is taken back")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", str(file)) from None


def _parse(content: bytes, where: str) -> "Mapping[str, Any]":
    try:
        data = json.loads(content)
    except ValueError:
        raise ConfigError("is not JSON", where) from None
    if not isinstance(data, dict):
        raise ConfigError(f"is not the list of {SOURCE}: expected a JSON object", where)
    return data  # pyright: ignore[reportUnknownVariableType]


def _fetch() -> bytes:
    # Only here is anything fetched.
    import asyncio

    return asyncio.run(_get(ADDRESS))


async def _get(address: str) -> bytes:
    from xroute.config import environ
    from xroute.upstream.client import HttpTransport
    from xroute.upstream.proxy import read_proxies
    from xroute.wire.http import Target, Timeouts

    transport = HttpTransport(proxy=read_proxies(environ.read()))
    try:
        target = Target(address, (("accept", "application/json"),))
        answer = await transport.send("GET", target, b"", Timeouts(connect=10.0, first_byte=30.0))
        body = await answer.read(MOST_BYTES)
        if answer.status != 200:
            raise ProtocolError(
                f"{address} answered with status {answer.status}; use --file with a copy of it"
            )
        return body
    finally:
        await transport.close()
