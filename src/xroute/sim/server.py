"""The simulator as an HTTP server, whose faults are real ones: it resets, cuts and refuses connections."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from xroute.errors import ConfigError
from xroute.sim.connection import Connection
from xroute.sim.plan import Fault, Profile, describe
from xroute.sim.served import Served
from xroute.sim.service import Service

_QUEUE = 1024  # connections that wait to be accepted


async def serve(
    host: str,
    port: int,
    profile: Profile,
    *,
    ready: Callable[[int], None] | None = None,
    served: Served | None = None,
) -> None:
    """Serves until cancelled; `ready` is called with the port, once, when connections are taken."""
    service = Service(profile, asyncio.get_running_loop().time, served)
    connections: set[Connection] = set()
    listener = Listener(host, port, lambda: Connection(service, connections))
    try:
        await listener.open()
        if ready:
            ready(listener.port)
        await _keep(service, listener, connections)
    finally:
        listener.close()
        for connection in list(connections):
            connection.reset()


def run(host: str, port: int, profile: Profile, served: Served | None = None) -> None:
    """Serves until Ctrl-C. Prints one line with the address and the faults."""
    faults = ", ".join(map(describe, profile.faults)) or "none"

    def say(port: int) -> None:
        print(f"xroute simulator on http://{host}:{port}/v1 - faults: {faults}", flush=True)

    async def until_interrupt() -> None:
        serving = asyncio.ensure_future(serve(host, port, profile, ready=say, served=served))
        # asyncio.run's own handler is called too late where the signal comes just before the loop waits.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    try:
        asyncio.run(until_interrupt())
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from error


class Listener:
    """The listening socket, which closes for an outage and comes back at the same port."""

    def __init__(self, host: str, port: int, make: Callable[[], Connection]) -> None:
        self.port = port
        self._host = host
        self._make = make
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._server is not None

    async def open(self) -> None:
        """Takes connections; OSError when the port is not free."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._make, self._host, self.port, backlog=_QUEUE, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuses connections from now on."""
        if self._server:
            self._server.close()
            self._server = None


async def _keep(service: Service, listener: Listener, connections: set[Connection]) -> None:
    """Closes and opens the listener as the windows of `refuse` say; never returns."""
    outages = [fault for fault in service.profile.faults if fault.kind == "refuse" and fault.is_window]
    while True:
        now = service.elapsed()
        is_out = any(fault.holds(now) for fault in outages)
        if is_out and listener.is_open:
            listener.close()
            for connection in list(connections):
                connection.reset_idle()
        elif not is_out and not listener.is_open:
            with contextlib.suppress(OSError):  # the port was taken meanwhile: tried again
                await listener.open()
        await _until_change(outages, service, is_late=is_out == listener.is_open)


async def _until_change(outages: list[Fault], service: Service, *, is_late: bool) -> None:
    now = service.elapsed()
    changes = [at for fault in outages if (at := fault.changes(now)) is not None]
    if is_late:
        await asyncio.sleep(0.1)
    elif changes:
        await asyncio.sleep(max(0.0, min(changes) - now))
    else:
        await asyncio.get_running_loop().create_future()
