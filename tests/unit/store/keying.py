"""Keys in a database and a directory that knows them, for tests; a test module imports what it uses."""

import secrets
from typing import Any

import pytest

from xroute.errors import CallError
from xroute.limits.gate import Gate
from xroute.store.audit import Actor
from xroute.store.db import Database
from xroute.store.directory import Directory
from xroute.store.keys import Keys, Wish
from xroute.store.opening import ensure_main
from xroute.store.pepper import digest
from xroute.store.workspaces import MAIN

PEPPER = secrets.token_bytes(32)
OWNER = Actor("user", "usr_1", "anne@example.com", workspace=MAIN, role="owner")
OPERATOR = Actor("admin_token", operator=True, workspace=MAIN)
NOW = 1_800_000_000.0


@pytest.fixture(name="keys")
async def keys_fixture(database: Database) -> Keys:
    async with database.write() as connection:
        await ensure_main(connection)
    return Keys(database, PEPPER)


@pytest.fixture(name="directory")
async def directory_fixture(keys: Keys) -> Directory:
    made = Directory(keys.db)
    await made.load()
    return made


async def made(keys: Keys, name: str = "bench", **wish: Any) -> tuple[dict[str, Any], bytes]:
    row, secret = await keys.create(OWNER, MAIN, Wish(name, **wish))
    return row, digest(PEPPER, secret)


def gates(
    directory: Directory, found: bytes, model: str = "openai/gpt-4o-mini", user: str = ""
) -> list[Gate]:
    who = directory.find(found)
    assert who is not None
    return list(who.rules.gates(model, user, NOW))


def refused(directory: Directory, found: bytes) -> CallError:
    with pytest.raises(CallError) as caught:
        directory.find(found)
    return caught.value
