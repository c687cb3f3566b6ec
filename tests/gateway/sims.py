"""Simulator servers on real ports whose faults a test changes as it goes."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson

from xroute.sim.answer import answer
from xroute.sim.ask import SimRequest, read_ask
from xroute.sim.connection import Connection
from xroute.sim.plan import Fault, Profile
from xroute.sim.server import Listener
from xroute.sim.service import Service


class Sim:
    """A running simulator."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.url = f"http://127.0.0.1:{port}/v1"

    def fail(self, *faults: Fault) -> None:
        """From now on, these faults and no others."""
        self.service.profile = replace(self.service.profile, faults=faults)

    @property
    def asked(self) -> int:
        """Completions asked for so far."""
        return self.service.completions


@asynccontextmanager
async def simulating(profile: Profile):
    """A simulator server with this profile."""
    connections: set[Connection] = set()
    service = Service(profile, asyncio.get_running_loop().time)
    listener = Listener("127.0.0.1", 0, lambda: Connection(service, connections))
    await listener.open()
    try:
        yield Sim(service, listener.port)
    finally:
        listener.close()
        for connection in list(connections):
            connection.reset()
        while connections:
            await asyncio.sleep(0.001)


def said(text: str, profile: Profile, **shaping: Any) -> str:
    """What every simulator of this profile answers to this text when nothing fails."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]} | shaping
    ask = read_ask(SimRequest("POST", "/v1/chat/completions", {}, orjson.dumps(body)))
    return "".join(answer(ask, profile).choices[0].pieces)
