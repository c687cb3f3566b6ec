"""What is done with keys when xroute starts: the pepper is found, and an old keys.json is taken over."""

import hashlib
import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.config.secret import Secret
from xroute.errors import ConfigError
from xroute.store import audit, tables, workspaces
from xroute.store.audit import SYSTEM
from xroute.store.db import Database, note_change, now_ms
from xroute.store.keyfile import KeyStore, StoredKey
from xroute.store.pepper import PepperFile, bits, fingerprint
from xroute.store.workspaces import MAIN, MAIN_SLUG

log = logging.getLogger("xroute.store")

FACT: Final = "pepper"
LOCK: Final = 0x78726F757467  # PostgreSQL's advisory lock while keys are opened or declared
ALIVE_MS: Final = 60_000  # a process that was seen since may still know keys by another pepper
ADVICE: Final = (
    "Give every host the same one: copy the file `pepper` from the `state_dir` of the host that made "
    "the keys, or set `pepper` (XROUTE_PEPPER)"
)


async def open_keys(db: Database, folder: Path, given: Secret | None = None) -> bytes:
    """The pepper, after the main workspace and the keys of an old keys.json are in the database.

    ConfigError for a pepper that is damaged, or is not the one that the database's keys are hashed under.
    """
    pepper = await _pepper(db, folder, given)
    store = KeyStore(folder)
    old = store.load()
    async with db.write() as connection:
        await alone(connection)
        await _stamp(connection, pepper)
        await ensure_main(connection)
        taken = await _take_over(connection, old)
    if old:
        _put_away(store.path, taken)
    return pepper


async def ensure_main(connection: AsyncConnection) -> None:
    """The main workspace is there."""
    query = select(tables.workspaces.c.id).where(tables.workspaces.c.slug == MAIN_SLUG)
    if not (await connection.execute(query)).first():
        await workspaces.add(connection, SYSTEM, MAIN, {"slug": MAIN_SLUG})


async def _pepper(db: Database, folder: Path, given: Secret | None) -> bytes:
    if given is not None:
        try:
            return bits(given.reveal())
        except ValueError:
            raise ConfigError("must be 32 bytes in hex: openssl rand -hex 32", where="pepper") from None
    file = PepperFile(folder)
    if (found := file.read()) is not None:
        return found
    if KeyStore(folder).path.exists():
        return KeyStore(folder).pepper()  # raises, and says why
    async with db.read() as connection:
        if await _are_made(connection):
            raise ConfigError(
                f"{file.path} is missing, so no key of the database can be recognised. {ADVICE}"
            )
    return file.make()


async def _stamp(connection: AsyncConnection, pepper: bytes) -> None:
    """Remembers which pepper it is, so that another one is found out before keys are lost by it."""
    facts, mine = tables.facts, fingerprint(pepper)
    known = (await connection.execute(select(facts.c.value).where(facts.c.name == FACT))).scalar()
    if known == mine:
        return
    if known is None:
        await connection.execute(insert(facts).values(name=FACT, value=mine))
        return
    if await _are_made(connection) or await _are_others(connection):
        raise ConfigError(f"the keys of the database are hashed under another pepper. {ADVICE}")
    log.warning("a new pepper: every key of the database is declared in the config, and is hashed again")
    await connection.execute(update(facts).where(facts.c.name == FACT).values(value=mine))


async def _are_made(connection: AsyncConnection) -> bool:
    """Are there keys that can only be recognised with their pepper?"""
    keys = tables.keys.c
    query = select(func.count()).where(
        keys.managed.is_(False), keys.revoked.is_(None), keys.disabled.is_(False)
    )
    return (await connection.execute(query)).scalar_one() > 0


async def _are_others(connection: AsyncConnection) -> bool:
    """Does another process serve?"""
    journals = tables.journals.c
    query = select(func.count()).where(journals.seen > now_ms() - ALIVE_MS, journals.ended.is_(None))
    return (await connection.execute(query)).scalar_one() > 0


async def _take_over(connection: AsyncConnection, old: list[StoredKey]) -> int:
    """Puts keys of the file into the table, those that are there already left out; how many."""
    keys = tables.keys
    known = (
        await connection.execute(select(keys.c.hash).where(keys.c.hash.in_([o.hash for o in old])))
    ).scalars()
    there, taken = set(known), 0
    for each in old:
        if each.hash in there:
            continue
        there.add(each.hash)
        taken += 1
        row: dict[str, Any] = {
            "id": f"key_{hashlib.sha256(each.hash.encode()).hexdigest()[:24]}",
            "workspace": MAIN,
            "name": each.name,
            "shown": each.shown,
            "hash": each.hash,
            "created": _milliseconds(each.created),
            "by": "keys.json",
        }
        await connection.execute(insert(keys).values(row))
        await audit.note(connection, SYSTEM, "key.import", row["id"], None, row, workspace=MAIN)
        await note_change(connection, "keys", row["id"])
    return taken


def _put_away(path: Path, taken: int) -> None:
    done = path.with_name(f"{path.name}.imported")
    try:
        path.replace(done)
    except OSError as error:
        log.warning("keys of %s are in the database; it cannot be renamed: %s", path, error.strerror)
        return
    log.info("%d keys of %s are in the database now; the file is %s", taken, path, done.name)


def _milliseconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return now_ms()


async def alone(connection: AsyncConnection) -> None:
    """Processes that start together do this one after another; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
