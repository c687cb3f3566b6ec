"""The database and the Redis of the bench itself, empty: what is in them belongs to one folder's pepper."""

import asyncio
import os
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
from redis import Redis

# Where they are for `make bench`, if not here: XROUTE_BENCH_DATABASE and XROUTE_BENCH_REDIS.
DATABASE, REDIS = "postgresql://postgres@127.0.0.1:5432/xroute_bench", "redis://127.0.0.1:6379/9"
OWN = "_bench"  # what the name of a database ends in that may be dropped
ADMIN = "postgres"  # the database from which others are dropped and made


def places() -> tuple[str, str]:
    """The URLs of the database and of Redis."""
    return os.environ.get("XROUTE_BENCH_DATABASE", DATABASE), os.environ.get("XROUTE_BENCH_REDIS", REDIS)


def make() -> str:
    """Makes both anew; gives back the lines of xroute.yaml that name them."""
    database, redis = places()
    asyncio.run(_database(database))
    _redis(redis)
    return f"database: {database}\nredis: {redis}\n"


async def _database(url: str) -> None:
    parts = urlsplit(url)
    name = unquote(parts.path.strip("/"))
    if not name.endswith(OWN):
        raise SystemExit(f"XROUTE_BENCH_DATABASE would be dropped: let its name end in {OWN}, not {name!r}")
    admin = await asyncpg.connect(urlunsplit(parts._replace(path=f"/{quote(ADMIN)}")))
    quoted = name.replace('"', '""')
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{quoted}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{quoted}"')
    finally:
        await admin.close()


def _redis(url: str) -> None:
    with Redis.from_url(url) as client:
        if not client.get_connection_kwargs().get("db"):
            raise SystemExit("XROUTE_BENCH_REDIS would be emptied: let it name a number, not 0, as in /9")
        client.flushdb()
