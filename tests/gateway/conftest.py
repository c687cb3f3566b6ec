"""Gateways, simulators and scripted upstreams on real ports, stopped when the test is over."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest_asyncio
import uvloop
from tests.gateway.scripted import scripting
from tests.gateway.sims import simulating
from tests.gateway.stage import running

from xroute.sim.plan import Profile


def pytest_asyncio_loop_factories(config, item):
    """As the gateway runs."""
    return {"uvloop": uvloop.new_event_loop}


class House:
    """Opens what a test asks for."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._count = 0

    async def stage(self, sim: Profile | None = None, *, stores: bool = False, **settings: Any):
        """A gateway with these settings; `stores`: with its database and management API."""
        self._count += 1
        folder = self._folder / f"gateway-{self._count}"
        folder.mkdir()
        return await self._stack.enter_async_context(running(folder, settings, sim, stores=stores))

    async def sim(self, **profile: Any):
        """A simulator server; fields of its profile."""
        return await self._stack.enter_async_context(simulating(Profile(**profile)))

    async def upstream(self):
        """A scripted upstream."""
        return await self._stack.enter_async_context(scripting())


@pytest_asyncio.fixture(loop_scope="function")
async def house(tmp_path):
    """For one test."""
    async with AsyncExitStack() as stack:
        yield House(stack, tmp_path)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lodge(tmp_path_factory):
    """For all tests of a file, which then run in one event loop."""
    async with AsyncExitStack() as stack:
        yield House(stack, tmp_path_factory.mktemp("lodge"))
