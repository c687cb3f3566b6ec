"""The writer: brings this process's journal into the database in the background, a batch at a time."""

import asyncio
import logging
import os
import random
import socket
import time

from xroute.store.db import AWAY, Database
from xroute.store.journal import Journal
from xroute.store.replay import Replay
from xroute.store.statements import Away, Channel

log = logging.getLogger("xroute.store")

MOST = 2000  # lines of a batch
INTERVAL_S = 0.1  # between batches that are not full
BEAT_S = 5.0
SYNC_S = 1.0  # what a machine that loses its power loses at most
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
SILENT_S = 5.0  # a database that does not answer for so long is told as down


class Writer:
    """Nothing waits for it. While the database is away the lines stay in the journal's files."""

    def __init__(
        self, db: Database, journal: Journal, most: int = MOST, interval_s: float = INTERVAL_S
    ) -> None:
        self._db = db
        self._journal = journal
        self._channel = Channel(db)
        self._replay = Replay(self._channel, journal, socket.gethostname(), os.getpid())
        self._most = most
        self._interval_s = interval_s
        self._pause_s = 0.0
        self._away = ""
        self._away_since = 0.0
        self._asked = 0.0  # monotonic seconds at which the database was asked; 0 = it is not
        self._beaten = self._synced = 0.0  # monotonic seconds
        self._synced_to = 0  # number of the newest line that is on the disk for good
        self._turning = asyncio.Lock()
        self._kicked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Writer of {self._journal.id}: {self.state}, {self.lag} lines behind>"

    @property
    def state(self) -> str:
        """For /readyz: "up", or since when and why the database does not take lines."""
        if not self._away:
            silent_s = time.monotonic() - self._asked if self._asked else 0.0
            return "up" if silent_s < SILENT_S else f"down for {silent_s:.0f} s: no answer"
        return f"down for {time.monotonic() - self._away_since:.0f} s: {self._away}"

    @property
    def lag(self) -> int:
        """Lines that the database has not got."""
        return self._journal.last - self._replay.applied

    @property
    def applied(self) -> int:
        """Number of the last line that the database has."""
        return self._replay.applied

    @property
    def refused(self) -> int:
        """Lines that the database does not take, which were put aside."""
        return self._replay.refused

    def start(self) -> None:
        """Begins to write, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="writer")

    async def flush(self, timeout_s: float = 10.0) -> bool:
        """Whether the database has every line there is now, after waiting so long at the most."""
        last = self._journal.last
        until = time.monotonic() + timeout_s
        while self._replay.applied < last and (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self.turn()
            except TimeoutError:
                break
            if self._away:
                await asyncio.sleep(min(FIRST_PAUSE_S, left))
        return self._replay.applied >= last

    async def stop(self, timeout_s: float = 5.0) -> bool:
        """Whether all that was left is written, after waiting so long at the most.

        The journal is the caller's to close: what it has is for the next process to adopt.
        """
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        is_written = await self.flush(timeout_s)
        await self._journal.sync()
        await self._channel.close()
        return is_written

    async def turn(self) -> None:
        """Writes what there is; a database that is away, or a disk that fails, shows in `state`."""
        async with self._turning:
            self._asked = time.monotonic()
            try:
                while await self._replay.step(self._most) >= self._most:
                    self._up()
                await self._keep_up()
                self._up()
            except Away as error:
                self._down(error.message)
            except OSError as error:  # a file that cannot be read, or no room for what is put aside
                self._down(f"{error.filename or self._journal.folder}: {error.strerror}")
            finally:
                self._asked = 0.0

    async def _run(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception as error:
                # The runner of this task: were it to end, records would pile up until the process does.
                log.exception("the writer failed; it goes on")
                self._down(f"the writer failed: {type(error).__name__}")
            pause_s = self._pause_s * random.uniform(0.5, 1.0) if self._pause_s else self._interval_s
            await asyncio.sleep(pause_s)

    async def _keep_up(self) -> None:
        """What is due now and then besides the lines."""
        now = time.monotonic()
        if now - self._beaten >= BEAT_S:
            await self._replay.beat()
            self._beaten = now
        if now - self._synced >= SYNC_S and self._journal.last > self._synced_to:
            self._synced, self._synced_to = now, self._journal.last
            await self._journal.sync()
        if self._journal.is_droppable(self._replay.applied):
            await self._drop()

    async def _drop(self) -> None:
        """Deletes files whose lines the database would still have if the power failed now."""
        applied = self._replay.applied
        if await _is_durable(self._db):
            self._journal.drop(applied)

    def _up(self) -> None:
        if self._away:
            log.warning("the database takes records again after %.0f s", time.monotonic() - self._away_since)
        self._away, self._pause_s, self._asked = "", 0.0, time.monotonic()

    def _down(self, reason: str) -> None:
        if not self._away:
            self._away_since = time.monotonic()
            log.error("the database takes no records: %s. They stay in %s", reason, self._journal.folder)
        self._away = reason
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)


async def _is_durable(db: Database) -> bool:
    """Whether a loss of power would leave what was committed.

    SQLite's log is not on the disk for good before it is copied into the file (synchronous=NORMAL;
    https://sqlite.org/pragma.html#pragma_synchronous, read 2026-11-21).
    """
    if not db.is_sqlite:
        return True
    try:
        async with db.engine.connect() as connection:
            result = await connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
            is_busy, frames, copied = tuple[int, int, int](result.one())
    except AWAY:
        return False
    return not is_busy and frames == copied
