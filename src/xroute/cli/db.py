"""`xroute db`: whether the database is this release's and adds up, and bringing it up to this release."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroute.cli.output import note
from xroute.cli.sources import ConfigOption, database_url, load_settings
from xroute.errors import ConfigError

if TYPE_CHECKING:
    from xroute.store.db import Database

app = typer.Typer(no_args_is_help=True, help="The database: its schema, and whether it adds up.")


@app.command()
def check(
    config: ConfigOption = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Look at the schema alone, and not at every entry.")
    ] = False,
) -> None:
    """Say whether the schema is this release's, and whether every sum is what its entries make."""
    found = asyncio.run(_check(config, schema_only=schema))
    for line in found:
        note(f"xroute: {line}")
    if found:
        raise typer.Exit(1)
    typer.echo(
        "the schema is this release's" if schema else "the schema is this release's; the ledger adds up"
    )


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Bring the schema up to this release, all of it or nothing; stop every process before."""
    before, now = asyncio.run(_upgrade(config))
    if before == now:
        typer.echo(f"the database is at revision {now} already")
    else:
        typer.echo(f"the database is at revision {now} now; it was {f'at {before}' if before else 'empty'}")


async def _check(config: Path | None, *, schema_only: bool) -> list[str]:
    """What is wrong, in words."""
    # SQLAlchemy and what stands on it: `--help` need not wait for them.
    from xroute.store.db import AWAY
    from xroute.store.ledger import Ledger
    from xroute.store.migrate import HEAD, revision

    db = _database(config).patient()  # a sum over every entry may take longer than a statement may else
    try:
        found = await revision(db)
        if found != HEAD:
            state = f"of another release: its revision is {found}" if found else "empty"
            return [
                f"the database {db.address.shown} is {state}, this release's is {HEAD}: xroute db upgrade"
            ]
        return [] if schema_only else await Ledger(db).verify()
    except AWAY as error:
        raise _away(db, error) from error
    finally:
        await db.close()


async def _upgrade(config: Path | None) -> tuple[str, str]:
    """The revisions before and after."""
    # As above.
    from xroute.store.db import AWAY
    from xroute.store.migrate import ready, revision

    db = _database(config)
    try:
        before = await revision(db)
        await ready(db)
        return before, await revision(db)
    except AWAY as error:
        raise _away(db, error) from error
    finally:
        await db.close()


def _database(config: Path | None) -> "Database":
    # As above.
    from xroute.store.db import Database

    return Database(database_url(load_settings(config)))


def _away(db: "Database", error: BaseException) -> ConfigError:
    # As above.
    from xroute.store.db import why

    return ConfigError(f"cannot use the database {db.address.shown}: {why(error)}")
