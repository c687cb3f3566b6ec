"""The application as a start makes it, with the simulator behind it."""

import asyncio

import pytest
import uvloop
from tests.unit.gateway.composing import Desk
from tests.unit.web.dialogue import KEY

from xroute.sim.transport import SimTransport
from xroute.web.app import create_app

CONFIG = f"""\
keys: [{{name: test, key: {KEY}}}]
models: {{smart: {{fallback: [gpt-4o, gpt-4o-mini]}}}}
limits: {{body_mib: 1}}
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    scene = Desk(tmp_path_factory.mktemp("app")).scene(CONFIG)
    return create_app(scene, {"sim": SimTransport()}, b"pepper")


def pytest_asyncio_loop_factories(config, item):
    """The server runs in either event loop."""
    factories = {"uvloop": uvloop.new_event_loop}
    if item.path.name.startswith("test_server"):
        factories["asyncio"] = asyncio.new_event_loop
    return factories
