"""Runs the application in one process until it is told to stop."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Protocol

from xroute.config.load import Loaded
from xroute.errors import ConfigError
from xroute.gateway.compose import SIM, Scene, compose, discovered
from xroute.gateway.pulse import pulse
from xroute.sim.plan import Profile
from xroute.sim.transport import SimTransport
from xroute.upstream.client import HttpTransport
from xroute.upstream.discovery import discover
from xroute.upstream.proxy import read_proxies
from xroute.web.app import App, create_app
from xroute.web.banner import banner
from xroute.web.persons import first_owner
from xroute.web.server import Server
from xroute.web.start import open_parts
from xroute.wire.http import Transport

log = logging.getLogger("xroute")

FIRST_LOOK_S, LAST_LOOK_S = 5.0, 120.0  # pauses between looks for model servers on this machine
WATCHED_S = 1.0  # between looks for the process that started this one
BACKLOG = 4096  # connections that wait to be accepted
MOST = 16384  # granian's connections at once; its own limit is the backlog, too few for 5,000 open streams
GARBAGE = 20_000  # objects more than there were, at which Python looks for garbage
SWITCH_S = 0.0005
WINDOW = 512 * 1024  # bytes; hyper's buffer for one connection


class Serving(Protocol):
    """A server, whichever it is."""

    async def serve(self) -> None:
        """Until `stop` is called."""
        ...

    def stop(self) -> None:
        """Accept no more, and let what runs end."""
        ...


def run(loaded: Loaded, *, new_key: bool = False, worker: int | None = None) -> None:
    """Serves until SIGINT or SIGTERM. ConfigError before anything listens.

    `worker` is the number of this process among those that share the port; None = it is alone.
    """
    _log_from(logging.getLevelNamesMapping()[loaded.settings.log_level.upper()])
    scene = compose(loaded)
    transports = _transports(loaded)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(loaded, scene, transports, new_key=new_key, worker=worker))


def _log_from(level: int) -> None:
    """`debug` is what xroute says: libraries would log password hashes in statements, and signed headers."""
    logging.basicConfig(
        level=max(level, logging.INFO), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    log.setLevel(level)


async def _run(
    loaded: Loaded, scene: Scene, transports: dict[str, Transport], *, new_key: bool, worker: int | None
) -> None:
    parts = await open_parts(loaded, scene, transports)
    try:
        app = create_app(scene, transports, parts.pepper, parts)
        if not worker:
            created = await parts.first_key(wanted=new_key)
            link = await first_owner(parts.services.persons)
            print(banner(scene, created, link), file=sys.stderr, flush=True)
        parts.begin(loaded.settings.accounting.retention_days)
        _calm()
        await _serve(app, loaded, transports, shared=worker is not None)
    finally:
        await parts.close()


def _calm() -> None:
    """Has calls stopped less by what else there is to do in this process."""
    gc.freeze()  # the catalog stays: to look through it would stop every call for 45 ms
    # What calls leave for the database is no garbage, and was looked through for a tenth of the time.
    gc.set_threshold(GARBAGE, 10, 10)
    sys.setswitchinterval(SWITCH_S)  # how long the thread that writes to SQLite may keep a call waiting


def _transports(loaded: Loaded) -> dict[str, Transport]:
    environ = loaded.environ
    http = HttpTransport(proxy=read_proxies(environ), ca_file=environ.get("SSL_CERT_FILE") or None)
    try:
        profile = Profile.from_dict(loaded.settings.sim)
    except ConfigError as error:
        raise loaded.locate(error) from error
    return {"https": http, "http": http, "sim": SimTransport(profile)}


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None  # uvloop has no build for Windows
    import uvloop

    return uvloop.new_event_loop


async def _serve(app: App, loaded: Loaded, transports: dict[str, Transport], *, shared: bool) -> None:
    settings = loaded.settings
    server = make_server(app, settings.host, settings.port, settings.server, shared=shared)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    tasks = [asyncio.create_task(pulse(app.gateway, settings.keepalive_comment_s, time.monotonic))]
    if settings.discover and "providers" not in settings.model_fields_set:
        tasks.append(asyncio.create_task(_look_around(app.scene, transports)))
    if shared:
        tasks.append(asyncio.create_task(_end_with(os.getppid(), server)))
    try:
        await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await app.responses.close()
        for transport in {id(t): t for t in transports.values()}.values():
            await transport.close()


def make_server(app: App, host: str, port: int, kind: str = "own", *, shared: bool = False) -> Serving:
    """The server for the application in this process, `own` or `granian`; `shared`: of a port of several."""
    if kind == "granian":
        return _granian(app, host, port)
    return Server(app, host, port, backlog=BACKLOG, shared=shared)


def _granian(app: App, host: str, port: int) -> Serving:
    # Only where it is asked for: with its own server xroute starts without it.
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server import embed

    logging.getLogger("_granian").setLevel(logging.ERROR)
    return embed.Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=WINDOW, pipeline_flush=False),
        backlog=BACKLOG,
        backpressure=MOST,
        websockets=False,
        log_enabled=False,
    )


async def _end_with(watcher: int, server: Serving) -> None:
    """Stops when the process that started this one is gone: left alone it would hold the port for ever."""
    while True:
        await asyncio.sleep(WATCHED_S)
        if os.getppid() != watcher:
            log.error("the process that started this one is gone; this one ends too")
            server.stop()
            return


async def _look_around(scene: Scene, transports: dict[str, Transport]) -> None:
    """Finds model servers on this machine, now and again; they may be started after the gateway."""
    keys = {
        id_: value for id_, name in scene.loaded.found.items() if (value := scene.loaded.environ.get(name))
    }
    pause_s = FIRST_LOOK_S
    while True:
        found = await discover(transports["http"], scene.fleet.catalog.providers.values(), keys)
        if discovered(scene, found):
            names = [f"{server.provider.id} ({len(server.models)} models)" for server in found]
            log.info("found on this machine: %s", ", ".join(names))
            if SIM.id not in scene.fleet.hosts:
                log.info("the simulator steps back")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LAST_LOOK_S)
