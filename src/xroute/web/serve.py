"""Runs the application in one process until it is told to stop."""

import asyncio
import gc
import logging
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
from xroute.store.keys import KeyStore
from xroute.upstream.client import HttpTransport
from xroute.upstream.discovery import discover
from xroute.upstream.proxy import read_proxies
from xroute.web.app import App, create_app
from xroute.web.banner import banner
from xroute.web.server import Server
from xroute.wire.http import Transport

log = logging.getLogger("xroute")

FIRST_LOOK_S, LAST_LOOK_S = 5.0, 120.0  # pauses between looks for model servers on this machine
BACKLOG = 4096  # connections that wait to be accepted
MOST = 16384  # granian's connections at once; its own limit is the backlog, too few for 5,000 open streams
WINDOW = 512 * 1024  # bytes; hyper's buffer for one connection


class Serving(Protocol):
    """A server, whichever it is."""

    async def serve(self) -> None:
        """Until `stop` is called."""
        ...

    def stop(self) -> None:
        """Accept no more, and let what runs end."""
        ...


def run(loaded: Loaded, *, new_key: bool = False) -> None:
    """Serves until SIGINT or SIGTERM. ConfigError before anything listens."""
    logging.basicConfig(
        level=loaded.settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    scene = compose(loaded)
    store = KeyStore(loaded.state_dir)
    stored = store.load()
    created = None
    if new_key or not (stored or loaded.settings.keys):
        created = store.create(time.strftime("made %Y-%m-%d %H:%M:%S"))
        stored = store.load()
    transports = _transports(loaded)
    app = create_app(scene, transports, store.pepper(), stored)
    print(banner(scene, created), file=sys.stderr, flush=True)
    gc.freeze()  # the catalog stays: to look through it, a full collection would stop every call for 45 ms
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, loaded, transports))


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


async def _serve(app: App, loaded: Loaded, transports: dict[str, Transport]) -> None:
    settings = loaded.settings
    server = make_server(app, settings.host, settings.port, settings.server)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    tasks = [asyncio.create_task(pulse(app.gateway, settings.keepalive_comment_s, time.monotonic))]
    if settings.discover and "providers" not in settings.model_fields_set:
        tasks.append(asyncio.create_task(_look_around(app.scene, transports)))
    try:
        await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await app.responses.close()
        for transport in {id(t): t for t in transports.values()}.values():
            await transport.close()


def make_server(app: App, host: str, port: int, kind: str = "own") -> Serving:
    """The server for the application in this process, `own` or `granian`."""
    return _granian(app, host, port) if kind == "granian" else Server(app, host, port, backlog=BACKLOG)


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
