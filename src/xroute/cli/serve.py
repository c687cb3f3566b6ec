"""`xroute serve`: the gateway."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroute.cli.sources import ConfigOption, load_settings

if TYPE_CHECKING:
    from xroute.config.load import Loaded


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start again when the file or the code changes.")
    ] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="Create another key and show it once.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve; several need PostgreSQL and Redis.")
    ] = None,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the gateway."""
    if reload:
        _watch(config, _arguments(config, host, port, log_level), new_key=new_key)
        return
    loaded = load_settings(config, host=host, port=port, log_level=log_level, workers=workers)
    if worker is None and loaded.settings.workers > 1:
        _spread(loaded, _arguments(config, host, port, log_level), workers, new_key=new_key)
        return
    # The server and everything below it: half a second that no other command needs.
    from xroute.web.serve import run

    run(loaded, new_key=new_key, worker=worker)


def _spread(loaded: "Loaded", arguments: list[str], workers: int | None, *, new_key: bool) -> None:
    # Only this option needs subprocesses.
    from xroute.cli.workers import Workers

    settings = loaded.settings
    if workers is not None:
        arguments += ["--workers", str(workers)]
    group = Workers(settings.workers, settings.host, settings.port, arguments, new_key=new_key)
    raise typer.Exit(group.run())


def _watch(config: Path | None, arguments: list[str], *, new_key: bool) -> None:
    # Only this option needs subprocesses.
    from xroute.cli.reload import Reloader, watched_files
    from xroute.config import environ

    file = config or Path(environ.read().get("XROUTE_CONFIG") or "xroute.yaml")
    first = [*arguments, "--new-key"] if new_key else arguments
    watcher = Reloader(first, arguments, lambda: watched_files(file), check=lambda: _is_usable(config))
    raise typer.Exit(watcher.run())


def _is_usable(config: Path | None) -> bool:
    """Whether a gateway could start with the configuration as it is now; if not, says why."""
    # Only a reload needs these here; the process that serves imports its own.
    from xroute.cli.output import note
    from xroute.config import environ
    from xroute.config.load import load
    from xroute.errors import ConfigError
    from xroute.gateway.compose import compose

    try:
        compose(load(config, environ.read()))
    except ConfigError as error:
        note(f"xroute: {error}")
        return False
    return True


def _arguments(config: Path | None, host: str | None, port: int | None, log_level: str | None) -> list[str]:
    """The options again, for the process that serves."""
    options = {"--config": config, "--host": host, "--port": port, "--log-level": log_level}
    return [word for name, value in options.items() if value is not None for word in (name, str(value))]
