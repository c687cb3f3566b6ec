"""The management API over the real application."""

import shutil
from contextlib import asynccontextmanager

import pytest
from tests.api.office import ADMIN_TOKEN, Office, main_workspace
from tests.unit.gateway.composing import Desk

from xroute.config.load import load
from xroute.sim.transport import SimTransport
from xroute.store import passwords
from xroute.store.db import Database
from xroute.upstream.client import HttpTransport
from xroute.web.api.services import Services
from xroute.web.app import create_app
from xroute.web.persons import make
from xroute.web.start import open_parts

PEPPER = b"pepper"
CONFIG = f"admin_token: {ADMIN_TOKEN}\n"


@pytest.fixture
def closing():
    """What has to end before the database is closed."""
    return []


@pytest.fixture
def build(tmp_path, monkeypatch, closing):
    """Makes offices: `await build(db, more config)`."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)  # what a hash costs is not what is tested
    monkeypatch.setattr(passwords, "PASSES", 1)

    async def builder(db, config=""):
        scene = Desk(tmp_path).scene(CONFIG + config)
        settings = scene.fleet.settings
        http = HttpTransport()
        transports = {"sim": SimTransport(), "http": http, "https": http}
        persons = make(settings, db, PEPPER, transports)
        services = Services(settings, db, persons)
        await main_workspace(db)
        closing.extend([persons.close, http.close])
        return Office(create_app(scene, transports, PEPPER, services=services), persons)

    return builder


@asynccontextmanager
async def opened(url, closing):
    db = Database(url)
    yield db
    for close in closing:
        await close()
    await db.close()


@pytest.fixture
async def sqlite(tmp_path, _sqlite_schema, closing):
    """A database in a file, with the schema in it."""
    path = tmp_path / "office.sqlite3"
    shutil.copy(_sqlite_schema, path)
    async with opened(f"sqlite:///{path}", closing) as db:
        yield db


@pytest.fixture
async def database(database_url, closing):
    """A database of each kind, with the schema in it."""
    async with opened(database_url, closing) as db:
        yield db


@pytest.fixture
async def office(build, sqlite):
    return await build(sqlite)


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """The application with all of its parts, as `xroute serve` has them: `async with whole(url, config)`."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "PASSES", 1)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)

    @asynccontextmanager
    async def opened(url, config=""):
        file = folder / "xroute.yaml"
        file.write_text(f"{CONFIG}database: {url}\nstate_dir: {folder}\n{config}")
        scene = Desk(folder).scene(file.read_text())
        http = HttpTransport()
        transports = {"sim": SimTransport(), "http": http, "https": http}
        parts = await open_parts(load(file, {"HOME": str(folder)}), scene, transports)
        try:
            yield Office(create_app(scene, transports, parts.pepper, parts), parts.services.persons)
        finally:
            await parts.close()
            await http.close()

    return opened
