"""Serves a bare relay's RSGI application on granian, as xroute serves its own."""

import asyncio
import logging
import sys
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

JSON = [("content-type", "application/json")]
EVENTS = [("content-type", "text/event-stream")]

# The first part of a path is the kind of upstream; bench.subjects asks for it, nobody parses a body.
KINDS = ("whole", "coalesced", "paced")


def bases() -> dict[str, str]:
    """Kind of upstream -> its base URL, from the command line."""
    return dict(zip(KINDS, sys.argv[2:], strict=True))


def run(app: Any) -> None:
    """Serves until the process is ended; the command line is the port and a base URL per kind."""
    logging.getLogger("_granian").setLevel(logging.ERROR)
    server = Server(
        app,
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=512 * 1024, pipeline_flush=False),
        backlog=4096,
        backpressure=16384,
        websockets=False,
        log_enabled=False,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())
