"""Every command on one page, and the border where an error becomes one clear message.

The modules of the commands import what is heavy inside their functions, so that `--version` and `--help`
do not wait for pydantic, granian and the price list. Those that ask the management API are many, and are
imported only when one of them is called.
"""

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from xroute import __version__
from xroute.cli import bench, catalog, config, db, doctor, models, providers, reconcile, serve, sim
from xroute.errors import ConfigError, XrouteError

# word -> what it is; each is a module of that name here, which `--help` does not import
API: Final = {
    "keys": "Keys that clients call with.",
    "projects": "Projects, which keys are grouped by.",
    "workspaces": "Workspaces: people, keys and money of their own.",
    "members": "Members of a workspace, and invitations.",
    "users": "Everybody of the installation.",
    "tokens": "Tokens of the management API.",
    "credentials": "Credentials at providers that the database keeps.",
    "limits": "Limits: rates, calls at once, caps.",
    "budgets": "Budgets: how much may be spent, and has been.",
    "usage": "What was called, by whom, and what it cost.",
    "credits": "What a workspace has to spend, and every entry.",
    "invoices": "Show the invoice of a month, or which months have one.",
    "alerts": "Budgets nearly spent, balances that are low, bills that drift.",
    "audit": "List changes, the newest first: who made them, and from what to what.",
}


class Later(TyperGroup):
    """A command whose module is imported when it is called."""

    def real(self) -> Any:
        """The command itself."""
        command = typer.main.get_command(import_module(f"xroute.cli.{self.name}").app)
        command.name, command.help = self.name, self.help
        return command

    def make_context(self, *given: Any, **more: Any) -> Any:
        """That of the command itself, which is what is invoked then."""
        return self.real().make_context(*given, **more)


class Commands(TyperGroup):
    """Commands whose errors are messages: exit code 2 for a configuration, 1 for anything else of ours."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for word, text in API.items():
            self.add_command(Later(name=word, help=text))

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
app.add_typer(db.app, name="db")
app.add_typer(catalog.app, name="catalog")
app.command("sim")(sim.sim)
app.command("bench")(bench.bench)
app.command("reconcile")(reconcile.reconcile)


def main() -> None:
    """Runs the command line of this process."""
    app(prog_name="xroute")
