"""`xroute doctor`: what would keep the gateway from working, and what to do about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroute.cli.sources import ConfigOption, compose_scene, load_settings
from xroute.errors import ConfigError

if TYPE_CHECKING:
    from xroute.cli.checks import Finding
    from xroute.gateway.compose import Scene

_STYLE = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Connect to nobody.")] = False,
) -> None:
    """Check configuration, keys, database, network, clock and limits."""
    failed = False
    for finding in _findings(config, offline=offline):
        typer.secho(f"{finding.state:<4}  {finding.subject}: {finding.text}", fg=_STYLE[finding.state])
        failed |= finding.state == "fail"
    if failed:
        raise typer.Exit(1)


def _findings(config: Path | None, *, offline: bool) -> Iterator["Finding"]:
    # asyncio, TLS and the client, which `--help` need not wait for.
    from xroute.cli import checks

    try:
        scene = compose_scene(load_settings(config))
    except ConfigError as error:
        for line in str(error).splitlines():
            yield checks.Finding("fail", "config", line)
        yield checks.open_files()
        return
    yield from _of_settings(scene)
    settings = scene.loaded.settings
    yield checks.open_files()
    yield checks.writable("state folder", scene.loaded.state_dir)
    yield from _of_kept(scene, offline=offline)
    yield checks.port_free(settings.host, settings.port)
    if not offline:
        yield from _of_network(scene)


def _of_settings(scene: "Scene") -> Iterator["Finding"]:
    # As above.
    from xroute.cli import checks

    file = str(scene.loaded.path) if scene.loaded.path else "no file; defaults and environment"
    yield checks.Finding("ok", "config", file)
    if scene.simulated:
        text = "none in use, so the simulator answers: set a key such as OPENAI_API_KEY"
        yield checks.Finding("warn", "providers", text)
    for host in scene.fleet.hosts.values():
        yield from checks.credentials(host)


def _of_kept(scene: "Scene", *, offline: bool) -> Iterator["Finding"]:
    # SQLAlchemy, as above.
    from xroute.cli import checks, kept
    from xroute.web.start import check_shared

    try:
        check_shared(scene.loaded)
    except ConfigError as error:
        yield checks.Finding("fail", "config", str(scene.loaded.locate(error)))
    yield from kept.check(scene.loaded, offline=offline)


def _of_network(scene: "Scene") -> Iterator["Finding"]:
    # As above.
    import asyncio
    import time

    from xroute.cli import reach
    from xroute.upstream.proxy import read_proxies

    proxies = read_proxies(scene.loaded.environ)
    probes = asyncio.run(reach.probe_all(list(scene.fleet.hosts.values()), proxies))
    for probe in probes:
        yield probe.finding
    yield reach.clock(probes, time.time())
