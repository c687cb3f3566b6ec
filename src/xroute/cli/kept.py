"""What `xroute doctor` finds in what is kept: database, Redis, journals, secrets of the machine."""

import asyncio
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from xroute.cli.checks import Finding
from xroute.config.load import Loaded
from xroute.errors import ConfigError
from xroute.store import lock, migrate, tables
from xroute.store.address import parse, url_of
from xroute.store.db import AWAY, Database, now_ms, why
from xroute.store.opening import ADVICE, FACT
from xroute.store.pepper import PepperFile, bits, fingerprint
from xroute.store.reaper import orphans
from xroute.store.replay import REFUSED
from xroute.store.segments import Segments
from xroute.store.vault import Vault

JOURNALS = "journals"
MIB = 1024 * 1024
MOST_LINES = 100_000  # that are counted of one journal
SILENT_MS = 60_000  # a process that has not been heard of for so long does not reach the database


@dataclass(slots=True)
class Known:
    """What the database says; empty where there is none yet."""

    finding: Finding
    applied: dict[str, int] = field(default_factory=dict[str, int])  # journal -> its last line there
    silent: set[str] = field(default_factory=set[str])  # journals that nobody has heard of for a while
    masters: dict[str, int] = field(default_factory=dict[str, int])  # master key -> credentials under it
    pepper: str = ""  # which one keys are hashed under
    keys: int = 0  # that only their pepper can recognise
    is_read: bool = False  # else nobody knows what it has


def check(loaded: Loaded, *, offline: bool) -> Iterator[Finding]:
    """Everything; with `offline` nothing that is on another machine."""
    known = asyncio.run(_database(loaded, offline=offline))
    yield known.finding
    if loaded.settings.redis is not None:
        yield Finding("ok", "redis", "not asked") if offline else asyncio.run(_redis(loaded))
    yield from _journals(loaded, known)
    yield from _told("pepper", lambda: _pepper(loaded, known))
    yield from _told("master key", lambda: _master(loaded, known))


def _told(subject: str, work: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from work()
    except ConfigError as error:
        yield Finding("fail", subject, str(error))


async def _database(loaded: Loaded, *, offline: bool) -> Known:
    try:
        db = _opened(loaded, offline=offline)
    except ConfigError as error:
        return Known(Finding("fail", "database", str(error)))
    if isinstance(db, Finding):
        return Known(db)
    shown = db.address.shown
    try:
        return await _known(db, shown)
    except AWAY as error:
        text = f"{shown} cannot be used: {why(error)}. See that it runs, and that `database` names it"
        return Known(Finding("fail", "database", text))
    finally:
        await db.close()


def _opened(loaded: Loaded, *, offline: bool) -> Database | Finding:
    """The database, or why there is none to ask; a file is not made for that."""
    place = parse(url_of(loaded))
    if place.is_sqlite and not place.path.exists():
        return Finding("ok", "database", f"{place.shown} (made at the first start)")
    if offline and not place.is_sqlite:
        return Finding("ok", "database", f"{place.shown}, not asked")
    return Database(url_of(loaded), 1)


async def _known(db: Database, shown: str) -> Known:
    revision = await migrate.revision(db)
    if not revision:
        text = f"{shown} is empty (its tables are made at the first start)"
        return Known(Finding("ok", "database", text), is_read=True)
    if revision != migrate.HEAD:
        text = (
            f"{shown} is at revision {revision}, this release needs {migrate.HEAD}: run `xroute db upgrade`"
        )
        return Known(Finding("fail", "database", text))
    known = Known(Finding("ok", "database", f"{shown} answers"), is_read=True)
    journals, credentials, keys = tables.journals.c, tables.credentials.c, tables.keys.c
    made = select(func.count()).where(keys.managed.is_(False), keys.revoked.is_(None))
    async with db.read() as connection:
        for row in await connection.execute(select(journals.id, journals.applied, journals.seen)):
            known.applied[row.id] = row.applied
            if row.seen < now_ms() - SILENT_MS:
                known.silent.add(row.id)
        masters = select(credentials.master, func.count()).group_by(credentials.master)
        known.masters = {row[0]: row[1] for row in await connection.execute(masters)}
        fact = select(tables.facts.c.value).where(tables.facts.c.name == FACT)
        known.pepper = (await connection.execute(fact)).scalar() or ""
        known.keys = (await connection.execute(made)).scalar_one()
    return known


async def _redis(loaded: Loaded) -> Finding:
    # Only several processes need Redis, and its client takes a tenth of a second.
    from redis.exceptions import RedisError

    from xroute.store.dial import Address, reason
    from xroute.store.scripts import Scripts

    settings = loaded.settings.redis
    assert settings is not None
    try:
        address = Address(settings.url)
    except ConfigError as error:
        return Finding("fail", "redis", str(error))
    try:
        connection = await address.connect(Scripts(settings.prefix))
    except (RedisError, OSError) as error:
        text = f"{address.shown} cannot be used: {reason(error)}. See that it runs, and that `redis` names it"
        return Finding("fail", "redis", text)
    await connection.disconnect()
    return Finding("ok", "redis", f"{address.shown} answers")


def _journals(loaded: Loaded, known: Known) -> Iterator[Finding]:
    """Whether what calls have cost gets from this machine into the database."""
    folder = loaded.state_dir / JOURNALS
    found = [_journal(path, known) for path in orphans(folder)]
    yield from found
    if not found:
        yield Finding("ok", "journals", f"none in {folder}: no call is waiting to be recorded")
    if (folder / REFUSED).exists():
        text = (
            f"lines that the database did not take are in {folder / REFUSED}: the reasons stand beside them"
        )
        yield Finding("warn", "journals", text)
    yield from _disk(loaded)


def _journal(path: Path, known: Known) -> Finding:
    subject = f"journal {path.name}"
    try:
        waiting = len(Segments(path).read(known.applied.get(path.name, 0), MOST_LINES))
        held = lock.take(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        return Finding("fail", subject, f"{path} cannot be read: {reason}. Run this as who runs the server")
    count = f"{waiting:,}" if waiting < MOST_LINES else f"more than {MOST_LINES:,}"
    if not known.is_read:
        if held is not None:
            held.release()
        return Finding("ok", subject, f"{count} lines, some of which the database may have")
    if held is None:
        if path.name in known.silent:
            text = f"its process has not reached the database for a minute; {count} lines wait"
            return Finding("fail", subject, f"{text}: see `/readyz` and the log")
        return Finding("ok", subject, f"in use, {count} lines on their way")
    held.release()
    if not waiting:
        return Finding("ok", subject, "of a process that has ended, and all of it is recorded")
    text = f"a process that has ended left {count} lines: whoever starts next records them"
    return Finding("warn", subject, text)


def _disk(loaded: Loaded) -> Iterator[Finding]:
    folder = next(path for path in (loaded.state_dir, *loaded.state_dir.parents) if path.exists())
    free, wanted = shutil.disk_usage(folder).free // MIB, loaded.settings.accounting.spool_mib
    if free < wanted:
        text = f"{free} MiB free, and accounting.spool_mib may take {wanted}: free some, or set it lower"
        yield Finding("warn", "disk", text)
    else:
        yield Finding("ok", "disk", f"{free:,} MiB free for journals, which take {wanted:,} at most")


def _pepper(loaded: Loaded, known: Known) -> Iterator[Finding]:
    """Whether the database's keys can be recognised here."""
    given, file = loaded.settings.pepper, PepperFile(loaded.state_dir)
    if given is not None:
        try:
            here: bytes | None = bits(given.reveal())
        except ValueError:
            raise ConfigError("must be 32 bytes in hex: openssl rand -hex 32") from None
    else:
        here = file.read()
        yield from _private("pepper", file.path)
    if here is None:
        state = "fail" if known.keys else "ok"
        text = f"{file.path} is missing. {ADVICE}" if known.keys else "none yet: made at the first start"
        yield Finding(state, "pepper", text)
    elif known.pepper and known.pepper != fingerprint(here):
        yield Finding("fail", "pepper", f"the keys of the database are hashed under another one. {ADVICE}")
    else:
        yield Finding("ok", "pepper", "keys are hashed under it" if known.pepper else "there is one")


def _master(loaded: Loaded, known: Known) -> Iterator[Finding]:
    """Whether stored credentials can be opened here."""
    vault = Vault(loaded)
    here = {key.id for key in vault.known()}
    if vault.file is not None:
        yield from _private("master key", vault.file)
    closed = sum(count for master, count in known.masters.items() if master not in here)
    if closed:
        text = f"{closed} stored credentials are sealed under another one: set master_key or master_key_file"
        yield Finding("fail", "master key", f"{text} to the key that they were sealed with")
    elif here:
        count = sum(known.masters.values())
        yield Finding(
            "ok", "master key", f"opens {count} stored credentials" if known.is_read else "there is one"
        )
    else:
        yield Finding("ok", "master key", "none yet: made with the first credential that is stored")


def _private(subject: str, path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("warn", subject, f"others of this machine can read {path}: chmod 600 {path}")
