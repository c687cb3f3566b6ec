"""The management API for a terminal: who can read the configuration and its database is an operator."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from xroute.config.load import Loaded
from xroute.errors import ConfigError
from xroute.gateway.byok import Byok
from xroute.gateway.compose import Scene, compose
from xroute.sim.transport import SimTransport
from xroute.store import migrate
from xroute.store.address import url_of
from xroute.store.audit import Actor
from xroute.store.credentials import Credentials
from xroute.store.db import AWAY, Database, why
from xroute.store.directory import Directory
from xroute.store.opening import open_keys
from xroute.store.vault import Vault
from xroute.upstream.client import HttpTransport
from xroute.upstream.proxy import read_proxies
from xroute.web.access import Access
from xroute.web.api.services import Services
from xroute.web.asgi import Receive, RequestHeaders, Scope, Send
from xroute.web.auth import Keyring
from xroute.web.bridge import App, Bridge
from xroute.web.edge import Edge, Management
from xroute.web.persons import Persons
from xroute.web.reception import WORKSPACE, Reception
from xroute.web.start import make_services
from xroute.wire.http import Transport

POOL = 2  # connections


class _Door(Reception):
    """Lets in whoever is at the terminal, in the workspace that they name."""

    def __init__(self, persons: Persons, name: str) -> None:
        super().__init__(persons.people, persons.sessions, persons.tokens, persons.peers)
        self._name = name

    async def _actor(self, scope: Scope, headers: RequestHeaders, access: Access) -> Actor:
        workspace = await self._any(headers.get(WORKSPACE), access)
        return Actor("cli", "cli", self._name, workspace, "owner", operator=True)


@dataclass(slots=True)
class Console:
    """An ASGI application of the management API alone, and what has to be closed after it."""

    edge: Edge
    opened: AsyncExitStack

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self.edge.serve(scope, receive, send)

    async def close(self) -> None:
        await self.opened.aclose()


async def open_console(loaded: Loaded, name: str) -> Console:
    """The API as `name`. ConfigError where the database cannot be used.

    It counts no calls and keeps no journal, so it works beside servers and without one. What the config
    declares is left to them: this process may have been given another one.
    """
    async with AsyncExitStack() as opened:
        scene = compose(loaded)
        http = HttpTransport(
            proxy=read_proxies(loaded.environ), ca_file=loaded.environ.get("SSL_CERT_FILE") or None
        )
        transports: dict[str, Transport] = {"http": http, "https": http, "sim": SimTransport()}
        opened.push_async_callback(http.close)
        db = Database(url_of(loaded), POOL)
        opened.push_async_callback(db.close)
        try:
            services, pepper = await _services(loaded, scene, transports, db)
        except AWAY as error:
            raise ConfigError(f"cannot use the database {db.address.shown}: {why(error)}") from error
        opened.push_async_callback(services.persons.close)
        opened.push_async_callback(services.byok.close)
        bridge = Bridge(lambda: _api(scene, services), loaded.settings.limits.body_mib * 1024 * 1024)
        management = Management(bridge.handle, _Door(services.persons, name))
        edge = Edge([], Keyring(pepper, services.tenancy.directory), management)
        return Console(edge, opened.pop_all())
    raise AssertionError  # the block above returns or raises


async def _services(
    loaded: Loaded, scene: Scene, transports: dict[str, Transport], db: Database
) -> tuple[Services, bytes]:
    await _check(db)
    pepper = await open_keys(db, loaded.state_dir, loaded.settings.pepper)
    byok = Byok(scene, Credentials(db, Vault(loaded)), transports)
    await byok.reload()
    directory = Directory()  # nobody calls here, so no key needs to be known
    return make_services(loaded, scene, transports, db, pepper, directory, byok), pepper


async def _check(db: Database) -> None:
    """A database is made where there is none; one of another release is left to that, as it may be in use."""
    found = await migrate.revision(db)
    if found and found != migrate.HEAD:
        raise ConfigError(
            f"the database {db.address.shown} is of another release (its revision is {found}, this one's "
            f"{migrate.HEAD}): use that release, or run `xroute db upgrade`"
        )
    await migrate.ready(db)


def _api(scene: Scene, services: Services) -> App:
    # FastAPI, which a command that fails before its first request need not wait for.
    import time

    from xroute.web.api.app import create_api

    return create_api(scene.fleet, time.monotonic, services)
