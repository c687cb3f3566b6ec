"""Sign-ins that last: 256 random bits in a cookie, kept as keyed hashes, each with an end that slides."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.store import pepper, tables
from xroute.store.db import Database, now_ms

HOUR_MS = 3_600_000
TOUCH_MS = 60_000  # the end is moved at most this often
MOST = 50  # of one user; the one used longest ago gives way
AGENT = 200  # characters kept of a browser's name

_table = tables.sessions


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in."""

    id: str  # tells sessions apart; it is no credential
    user: str
    email: str
    name: str
    operator: bool


class Sessions:
    """`hours` is how long a session lasts after it was last used."""

    def __init__(self, db: Database, secret: bytes, hours: int, now: Callable[[], int] = now_ms) -> None:
        """`secret` is the pepper that hashes are keyed with."""
        self._db = db
        self._pepper = secret
        self._lasts_ms = hours * HOUR_MS
        self._now = now

    @property
    def lasts_s(self) -> int:
        """Seconds, for the cookie."""
        return self._lasts_ms // 1000

    async def begin(self, connection: AsyncConnection, user: str, address: str, agent: str) -> str:
        """A new session within the transaction; the answer is what the cookie holds."""
        token, now = secrets.token_urlsafe(32), self._now()
        older = (
            select(_table.c.hash).where(_table.c.user == user).order_by(_table.c.seen.desc()).offset(MOST - 1)
        )
        gone = list((await connection.execute(older)).scalars())
        await connection.execute(delete(_table).where(_table.c.hash.in_(gone) | (_table.c.expires < now)))
        await connection.execute(
            insert(_table).values(
                hash=self._hash(token),
                user=user,
                created=now,
                expires=now + self._lasts_ms,
                seen=now,
                address=address,
                agent="".join(each for each in agent[:AGENT] if each.isprintable()),
            )
        )
        await connection.execute(update(tables.users).where(tables.users.c.id == user).values(signed_in=now))
        return token

    async def find(self, token: str) -> Session | None:
        """Whose session it is, if it is one and has not ended; its end moves on."""
        hashed, now = self._hash(token), self._now()
        users = tables.users
        asked = (
            select(_table.c.seen, users.c.id, users.c.email, users.c.name, users.c.operator)
            .join(users, users.c.id == _table.c.user)
            .where(_table.c.hash == hashed, _table.c.expires > now, users.c.disabled.is_(False))
        )
        async with self._db.read() as connection:
            row = (await connection.execute(asked)).one_or_none()
        if row is None:
            return None
        if now - row.seen >= TOUCH_MS:
            async with self._db.write() as connection:
                moved = update(_table).where(_table.c.hash == hashed)
                await connection.execute(moved.values(seen=now, expires=now + self._lasts_ms))
        return Session(_shown(hashed), row.id, row.email, row.name, row.operator)

    async def of(self, user: str) -> list[dict[str, Any]]:
        """A user's sessions, the one used last first."""
        asked = (
            select(_table)
            .where(_table.c.user == user, _table.c.expires > self._now())
            .order_by(_table.c.seen.desc())
            .limit(MOST)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(asked)).all()
        return [
            {
                "id": _shown(row.hash),
                "created": row.created,
                "seen": row.seen,
                "expires": row.expires,
                "address": row.address,
                "agent": row.agent,
            }
            for row in rows
        ]

    async def end(self, user: str, id_: str) -> bool:
        """Ends one of a user's; False where they have none of that id."""
        async with self._db.write() as connection:
            asked = select(_table.c.hash).where(_table.c.user == user)
            hashes = (await connection.execute(asked)).scalars()
            found = [each for each in hashes if _shown(each) == id_]
            await connection.execute(delete(_table).where(_table.c.hash.in_(found)))
        return bool(found)

    async def end_others(self, connection: AsyncConnection, user: str, but: str = "") -> None:
        """Ends every session of a user but the one of that id, within the transaction."""
        asked = select(_table.c.hash).where(_table.c.user == user)
        hashes = (await connection.execute(asked)).scalars()
        gone = [each for each in hashes if _shown(each) != but]
        await connection.execute(delete(_table).where(_table.c.hash.in_(gone)))

    def _hash(self, token: str) -> str:
        return pepper.digest(self._pepper, token[:200]).hex()


def _shown(hashed: str) -> str:
    """An id for people: part of the hash, of which nobody can make a session."""
    return f"ses_{hashed[:24]}"
