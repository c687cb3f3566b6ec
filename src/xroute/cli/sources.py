"""What the commands read: the settings, and the fleet they come to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from xroute.config.load import Loaded
    from xroute.gateway.compose import Scene

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The file; else $XROUTE_CONFIG, else ./xroute.yaml if it is there."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(path: Path | None, **overrides: Any) -> "Loaded":
    """The settings of this process; ConfigError for what is wrong with them."""
    # pydantic and YAML take 150 ms to import, which `--help` need not wait for.
    from xroute.config import environ
    from xroute.config.load import load

    return load(path, environ.read(), overrides)


def compose_scene(loaded: "Loaded") -> "Scene":
    """The providers, models and prices that these settings come to."""
    # The gateway brings every room below it along.
    from xroute.gateway.compose import compose

    return compose(loaded)


def database_url(loaded: "Loaded") -> str:
    """Where the records of these settings are."""
    # Beside the settings' own modules this is one more that `--help` need not wait for.
    from xroute.store.address import url_of

    return url_of(loaded)
