"""Every command on one page, and the border where an error becomes one clear message.

The modules of the commands import what is heavy inside their functions, so that `--version` and `--help`
do not wait for pydantic, granian and the price list.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from xroute import __version__
from xroute.cli import bench, catalog, config, doctor, models, providers, serve, sim
from xroute.errors import ConfigError, XrouteError


class Commands(TyperGroup):
    """Commands whose errors are messages: exit code 2 for a configuration, 1 for anything else of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the chosen command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            code = 2
            text = str(error)
        except XrouteError as error:
            code = 1
            text = str(error)
        for line in text.splitlines():
            typer.echo(f"xroute: {line}", err=True)
        raise typer.Exit(code)


app = typer.Typer(
    name="xroute",
    cls=Commands,
    help="One OpenAI-compatible endpoint in front of every language model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich's help costs 80 ms
    pretty_exceptions_enable=False,  # they print local variables, and those hold credentials
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"xroute {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """One OpenAI-compatible endpoint in front of every language model."""


app.command("serve")(serve.serve)
app.command("models")(models.models)
app.command("providers")(providers.providers)
app.add_typer(config.app, name="config")
app.command("doctor")(doctor.doctor)
app.add_typer(catalog.app, name="catalog")
app.command("sim")(sim.sim)
app.command("bench")(bench.bench)


def main() -> None:
    """Runs the command line of this process."""
    app(prog_name="xroute")
