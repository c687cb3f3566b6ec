"""Every key that may be used, in memory, kept as the database is by following table `changes`."""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.config.settings import Settings
from xroute.limits.rules import Rules
from xroute.store import reading, tables
from xroute.store.db import AWAY, Database, why
from xroute.store.declared import image_of
from xroute.store.image import Image
from xroute.store.rows import BudgetRow
from xroute.wire.who import Who

log = logging.getLogger("xroute.store")

PERIOD_S: Final = 0.5  # between looks at what has changed
ANSWER_S: Final = 5.0  # how long a look may take
STALE_S: Final = 3600.0  # after so long without a look, changes may have been swept: all is read again
MOST: Final = 5000  # changes that are followed one by one
MANY: Final = 10_000  # keys
OVERLAP: Final = 1000  # changes before the last one that may still be on their way into the database
KEPT_S: Final = 30 * 24 * 3600.0  # how long a key that has ended is told so, and not that it is unknown
USED_S: Final = 60.0  # how exact `used` of a key is
GAP_S: Final = 90.0  # a number that has not shown up after this never will: its transaction was undone

Heard = Callable[[set[str]], Awaitable[None]]
Seed = Callable[[Mapping[str, int]], Awaitable[None]]


class Directory:
    """`find` answers from memory and is never late by more than a look; `load` before the first one."""

    def __init__(self, db: Database | None = None, now: Callable[[], float] = time.time) -> None:
        self._db = db
        self._now = now
        self._image = Image()
        self._turn = asyncio.Lock()
        self._floor = 0  # every change up to this number has been taken in
        self._taken: set[int] = set()  # numbers beyond it that have been taken in too
        self._gap_since: float | None = None
        self._looked = float("-inf")
        self._kept = float("-inf")
        self._down: tuple[float, str] | None = None
        self._heard: dict[str, list[Heard]] = {}
        self.seed: Seed | None = None  # is told what the purses of a new budget begin with

    @classmethod
    def of_settings(
        cls, settings: Settings, pepper: bytes, now: Callable[[], float] = time.time
    ) -> "Directory":
        """One without a database, of the config's keys alone: nothing changes in it."""
        directory = cls(now=now)
        directory._image = image_of(settings, pepper)
        return directory

    def __len__(self) -> int:
        return len(self._image)

    def __repr__(self) -> str:
        return f"<Directory of {len(self)} keys, {self.state}>"

    @property
    def state(self) -> str:
        """`up`, or since when and why the database does not answer."""
        if self._down is None:
            return "up"
        since, reason = self._down
        when = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        return f"down since {when}: {reason}; keys are as they were then"

    def find(self, digest: bytes, /) -> Who | None:
        """Whose key it is, by its keyed hash; None where it is not known.

        Authentication (key_expired, key_revoked) or PermissionDenied (key_disabled, workspace_closed,
        project_archived, member_removed) for one that may not be used.
        """
        return self._image.find(digest, self._now())

    def rules(self, key: str) -> Rules | None:
        """What bounds a key, by its id."""
        return self._image.rules(key)

    def listen(self, table: str, heard: Heard) -> None:
        """Has something told which rows of a table have changed; no rows = all of them may have."""
        self._heard.setdefault(table, []).append(heard)

    async def load(self) -> None:
        """Reads everything; what was known stays in use until it is through. `db.AWAY` where it cannot be."""
        if self._db is None:
            return
        async with self._turn:
            with _uncollected():
                await self._read(self._db)
        if len(self) > MANY:
            gc.freeze()  # they stay, and to look through them again and again would stop every call
        await self._tell({name: set[str]() for name in self._heard})

    async def _read(self, db: Database) -> None:
        image, began = Image(), self._now()
        async with db.read() as connection:
            top = (await connection.execute(select(func.max(tables.changes.c.id)))).scalar() or 0
            floor = max(top - OVERLAP, 0)
            taken = await connection.execute(select(tables.changes.c.id).where(_after(floor)))
            numbers = {number for (number,) in taken}
        async with db.read() as connection:
            for name in reading.TABLES:
                await reading.read_all(connection, image, name, int((began - KEPT_S) * 1000))
            await reading.read_funds(connection, image, None)
            if self._looked > float("-inf"):  # the engine has counted by what was known before
                budgets = [row for row in image.budgets() if _is_begun(self._image, row)]
                spaces = [id_ for id_, space in image.spaces.items() if _is_metered(self._image, space)]
                await self._seed(connection, budgets, spaces)
        self._image, self._looked, self._down = image, began, None
        self._floor, self._taken, self._gap_since = floor, numbers, None

    async def refresh(self) -> None:
        """Takes in what has changed. With the database away all stays as it is, and `state` says so."""
        if self._db is None:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                changed = await self._follow(self._db)
        except AWAY as error:
            self._lost(why(error))
            return
        if changed is None:
            await self._reload()
            return
        if self._down is not None:
            log.info("the database answers again: changes of keys are followed")
        self._down, self._looked = None, self._now()
        await self._tell(changed)
        await self._keep_used(self._db)

    async def _keep_used(self, db: Database) -> None:
        """Writes down once a minute which keys were used; where that cannot be, the next time."""
        image, now = self._image, self._now()
        if not image.used or now - self._kept < USED_S:
            return
        self._kept, used = now, sorted(image.used)
        try:
            for start in range(0, len(used), reading.CHUNK):
                some = used[start : start + reading.CHUNK]
                async with db.write() as connection:
                    await connection.execute(
                        update(tables.keys).where(tables.keys.c.id.in_(some)).values(used=int(now * 1000))
                    )
                image.used.difference_update(some)
        except AWAY as error:  # two processes may stand in each other's way
            log.info("which keys were used is written down later: %s", why(error))

    async def follow(self) -> None:
        """Refreshes for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(PERIOD_S)

    async def _reload(self) -> None:
        try:
            await self.load()
        except AWAY as error:
            self._lost(why(error))

    def _lost(self, reason: str) -> None:
        if self._down is None:
            self._down = (self._now(), reason)
            log.warning("the database does not answer (%s): keys stay as they are", reason)

    async def _tell(self, changed: Mapping[str, set[str]]) -> None:
        for table, rows in changed.items():
            for heard in self._heard.get(table, ()):
                await heard(rows)

    async def _follow(self, db: Database) -> dict[str, set[str]] | None:
        """What has changed, by table; None where it is too much to follow."""
        async with self._turn:
            if self._now() - self._looked > STALE_S:
                return None
            async with db.read() as connection:
                columns = (tables.changes.c.id, tables.changes.c.table, tables.changes.c.row)
                found = (
                    await connection.execute(
                        select(*columns).where(_after(self._floor)).order_by(columns[0]).limit(MOST + OVERLAP)
                    )
                ).all()
                fresh = [each for each in found if each[0] not in self._taken]
                if len(fresh) > MOST or len(found) == MOST + OVERLAP:
                    return None
                changed: dict[str, set[str]] = {}
                for _, table, row in fresh:
                    changed.setdefault(table, set()).add(row)
                if fresh:
                    await self._take(connection, changed)
            self._advance({number for number, _, _ in fresh})
            return changed

    async def _take(self, connection: AsyncConnection, changed: Mapping[str, set[str]]) -> None:
        """Reads the changed rows, then puts them in place in one step."""
        image = self._image
        found: dict[str, list[Any]] = {}
        for table, rows in changed.items():
            if table in reading.TABLES:
                found[table] = await reading.read_some(connection, table, rows)
        if users := changed.get("users"):
            found["members"] = found.get("members", []) + await reading.read_users(connection, users)
        budgets = [BudgetRow(*row) for row in found.get("budgets", ())]
        budgets = [row for row in budgets if _is_begun(image, row)]
        await self._seed(
            connection, budgets, [row[0] for row in found.get("workspaces", ()) if _is_metered(image, row)]
        )
        if spaces := changed.get("workspaces"):
            await reading.read_funds(connection, image, spaces)
        for table, rows in found.items():
            reading.put(image, table, rows)
            for gone in changed.get(table, set()) - {row[0] for row in rows}:
                image.drop(table, gone)

    async def _seed(self, connection: AsyncConnection, budgets: list[BudgetRow], spaces: list[str]) -> None:
        """What is new here has been spent of already: by calls before it, or elsewhere."""
        if self.seed is not None and (budgets or spaces):
            now_ms = int(self._now() * 1000)
            await self.seed(await reading.read_purses(connection, budgets, spaces, now_ms))

    def _advance(self, numbers: set[int]) -> None:
        """Numbers are given before a transaction is through: what is missing may still come."""
        self._taken |= numbers
        self._climb()
        if not self._taken:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = self._now()
        elif self._now() - self._gap_since > GAP_S:
            self._floor, self._gap_since = min(self._taken) - 1, None
            self._climb()

    def _climb(self) -> None:
        before = self._floor
        while self._floor + 1 in self._taken:
            self._floor += 1
            self._taken.discard(self._floor)
        if self._floor != before:
            self._gap_since = None


@contextmanager
def _uncollected() -> Generator[None]:
    """Python's collector would look through all of the image again and again while that grows: there is no
    circle in it, and each look stops every call for a tenth of a second."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _after(floor: int) -> Any:
    return tables.changes.c.id > floor


def _is_begun(image: Image, row: BudgetRow) -> bool:
    """Does it count from here on in purses that nobody has counted in before?"""
    known = image.bound(row.id)
    if not isinstance(known, BudgetRow):
        return True
    return (known.window, known.tz, known.model) != (row.window, row.tz, row.model)


def _is_metered(image: Image, row: Any) -> bool:
    """Does a workspace pay from here on, and did not before?"""
    known = image.spaces.get(row.id)
    return row.plan != "unmetered" and (known is None or known.plan == "unmetered")
