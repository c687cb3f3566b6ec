"""What a process keeps besides its connections: opened in order at its start, closed in reverse."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from xroute.config.load import Loaded
from xroute.errors import ConfigError
from xroute.gateway.byok import Byok
from xroute.gateway.compose import Scene
from xroute.gateway.keeping import bodies_of
from xroute.limits.gate import Engine
from xroute.limits.memory import Memory
from xroute.limits.plans import KEPT_S
from xroute.store import billing, migrate, reaper, tables
from xroute.store.address import url_of
from xroute.store.alone import INTERVAL_S as ALONE_S
from xroute.store.alone import Alone
from xroute.store.audit import SYSTEM
from xroute.store.credentials import Credentials
from xroute.store.db import Database, now_ms
from xroute.store.directory import Directory, Seed
from xroute.store.gitops import declare
from xroute.store.journal import Journal
from xroute.store.keys import Keys, Wish
from xroute.store.ledger import Ledger
from xroute.store.opening import open_keys
from xroute.store.retention import sweep
from xroute.store.vault import Vault
from xroute.store.workspaces import MAIN
from xroute.store.writer import Writer
from xroute.web import persons, tenancy
from xroute.web.alerting import mail_by
from xroute.web.api.services import Services
from xroute.web.chores import Chores
from xroute.wire.http import Transport

if TYPE_CHECKING:
    from xroute.store.shared import Shared

log = logging.getLogger("xroute")

JOURNALS = "journals"
HOUR_S = 3600.0
MIB = 1024 * 1024


@dataclass(slots=True)
class Parts:
    """Everything that outlives a call."""

    db: Database
    pepper: bytes
    directory: Directory
    engine: Engine
    shared: "Shared | None"  # the engine, where it is that of several processes
    journal: Journal
    writer: Writer
    reaper: reaper.Reaper
    services: Services
    byok: Byok
    alone: Alone
    chores: Chores = field(default_factory=Chores)

    def states(self) -> dict[str, str]:
        """For /readyz: what each part is, `up` where it is well."""
        found = {"database": self.writer.state, "keys": self.directory.state}
        if self.shared is not None:
            found["redis"] = self.shared.state
        elif self.alone.state != "up":
            found["limits"] = self.alone.state
        if self.journal.reason:
            found["journal"] = self.journal.reason
        if self.services.bodies is not None:
            found["bodies"] = self.services.bodies.state
        return found

    async def first_key(self, *, wanted: bool) -> str | None:
        """A key for whoever starts xroute for the first time, or asks for another one."""
        if not wanted and len(self.directory):
            return None
        wish = Wish(time.strftime("made %Y-%m-%d %H:%M:%S"))
        _, secret = await Keys(self.db, self.pepper).create(SYSTEM, MAIN, wish)
        await self.directory.load()
        return secret

    def begin(self, settings_days: int) -> None:
        """Starts what runs in the background."""
        self.writer.start()
        if self.services.bodies is not None:
            self.services.bodies.start()
        first_s = 0.0 if self.shared is not None else None  # Redis waits for what the dead have left
        self.chores.every(reaper.INTERVAL_S, "dead processes", self.reaper.look, first_s=first_s)
        if self.shared is None:
            self.chores.every(ALONE_S, "other processes", self.alone.look)
        self.chores.every(0.5, "changes", self.directory.refresh)
        self.chores.every(billing.EVERY_S, "billing", self.services.billing.look)
        self.chores.every(HOUR_S, "retention", lambda: sweep(self.db, now_ms(), settings_days), first_s=60.0)

    async def close(self) -> None:
        """Ends all of it; what is not in the database yet stays in the journal."""
        await self.chores.close()
        await self.byok.close()
        if self.services.bodies is not None:
            await self.services.bodies.close()
        if self.shared is not None:
            await self.shared.close()
        if await self.writer.stop() and self.shared is None:
            await reaper.retire(self.db, self.journal)
        self.journal.close()  # with Redis whoever adopts it sees to it that Redis has counted it
        await self.services.persons.close()
        await self.db.close()


async def open_parts(loaded: Loaded, scene: Scene, transports: Mapping[str, Transport]) -> Parts:
    """Opens the database and all that stands on it. ConfigError for what cannot be used."""
    settings, folder = loaded.settings, loaded.state_dir
    check_shared(loaded)
    db = Database(url_of(loaded), settings.pool)
    await migrate.ready(db)
    pepper = await open_keys(db, folder, settings.pepper)
    try:
        await declare(db, settings, pepper, loaded.path.name if loaded.path else "the environment")
    except ConfigError as error:
        raise loaded.locate(error) from error
    directory = Directory(db)
    await directory.load()
    journal = Journal(folder / JOURNALS, settings.accounting.spool_mib * MIB)
    shared = await _shared(loaded, db, journal)
    engine = shared or await _memory(loaded, db)
    directory.seed = _seed(engine)
    vault = Vault(loaded)
    vault.known()  # a key that cannot be used is told at the start, and not when it is first needed
    byok = Byok(scene, Credentials(db, vault), transports)
    await byok.reload()
    directory.listen("credentials", byok.heard)
    services = make_services(loaded, scene, transports, db, pepper, directory, byok, _counted(engine))
    policy = settings.accounting.lost
    watching = reaper.Reaper(db, folder / JOURNALS, journal.id, policy, tally=shared)
    return Parts(
        db, pepper, directory, engine, shared, journal, Writer(db, journal), watching, services, byok,
        Alone(db, journal.id),
    )  # fmt: skip


def make_services(
    loaded: Loaded,
    scene: Scene,
    transports: Mapping[str, Transport],
    db: Database,
    pepper: bytes,
    directory: Directory,
    byok: Byok,
    counted: tenancy.Spent = lambda key: None,
) -> Services:
    """What the management API works with. ConfigError for settings that cannot be used."""
    settings = loaded.settings
    people = persons.make(settings, db, pepper, transports)
    services = Services(settings, db, people)
    services.byok = byok
    services.bodies = bodies_of(loaded, scene.fleet, transports)
    services.billing = billing.assemble(db, Ledger(db), pepper, settings, mail_by(people.mailer))
    services.tenancy = tenancy.make(db, pepper, directory, counted)
    return services


async def _shared(loaded: Loaded, db: Database, journal: Journal) -> "Shared | None":
    """What counts for several processes."""
    if loaded.settings.redis is None:
        return None
    # Only several processes need Redis, and its client takes a tenth of a second.
    from xroute.store.shared import Shared

    shared = Shared(loaded.settings.redis, journal, db)
    await shared.start()
    return shared


async def _memory(loaded: Loaded, db: Database) -> Memory:
    """What counts for this process alone, after it has settled what an earlier one left."""
    await reaper.adopt(db, loaded.state_dir / JOURNALS, loaded.settings.accounting.lost)
    memory = Memory()
    memory.load(await _spent(db))
    return memory


def _seed(engine: "Memory | Shared") -> Seed:
    """Tells the engine what the purses of a new budget begin with."""

    async def seed(spent: Mapping[str, int]) -> None:
        if isinstance(engine, Memory):
            engine.load(spent)
        else:
            await engine.load(spent)

    return seed


def _counted(engine: "Memory | Shared") -> tenancy.Spent:
    """What is spent of a purse, where that is known without asking anybody."""
    return engine.spent if isinstance(engine, Memory) else lambda key: None


async def _spent(db: Database) -> dict[str, int]:
    """What is spent of every purse that is not over, or was not a day ago: a clock may be set back."""
    purses, since = tables.purses.c, now_ms() - int(KEPT_S * 1000)
    query = select(purses.key, purses.spent).where(or_(purses.until.is_(None), purses.until > since))
    async with db.read() as connection:
        return {row.key: row.spent for row in await connection.execute(query)}


def check_shared(loaded: Loaded) -> None:
    """ConfigError unless several processes have what they share: with a half of it they would count alone."""
    settings = loaded.settings
    is_postgres = settings.database is not None and settings.database.reveal().startswith("postgres")
    if settings.workers > 1 and not (is_postgres and settings.redis):
        raise ConfigError(
            f"{settings.workers} processes need a PostgreSQL and a Redis that they share: set `database` "
            "(postgresql://...) and `redis` (redis://...), or workers: 1",
            "workers",
        )
    if settings.redis is not None and not is_postgres:
        raise ConfigError(
            "counts for several processes, which cannot share a SQLite file: set `database` to a PostgreSQL "
            "(postgresql://...), or leave `redis` out",
            "redis",
        )
