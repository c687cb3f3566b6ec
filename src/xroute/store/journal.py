"""The journal of a process: what was held and settled, in files that survive it, until the database has it.

Nothing here waits: a line is put into memory that is a file's, which a killed process does not lose. `sync`
is called now and then, so that a machine that loses its power loses the lines of the last second or so.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from xroute.errors import ConfigError, JournalFull
from xroute.store import ids, lines, lock
from xroute.store.lines import Line, Priced, Settled
from xroute.store.mapped import Mapped
from xroute.store.segments import SLICE, Numbered, Segments, name_of
from xroute.wire.record import Record

log = logging.getLogger("xroute.store")

SEGMENT_BYTES = 4 * 1024 * 1024
# Lines that are kept in memory for the writer: what the busiest process writes in six seconds, some 30 MiB of
# objects. When the writer is further behind, the older ones are read from the files again. That takes a tenth
# of the time of their calls, on the thread of the calls, just when there is none to spare.
KEPT = 32768
KEPT_BYTES = 32 * 1024 * 1024
RESERVED = 4096  # bytes of the limit for the end of each call that was let in
AGAIN_S = 1.0
SAID = 1000  # lost lines between two lines of the log


class Journal:
    """A journal in a folder of its own in `folder`, which processes share; locked while this one lives.

    `limit_bytes` bounds its files. ConfigError when the folder cannot be used.
    """

    def __init__(
        self, folder: Path, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES, kept: int = KEPT
    ) -> None:
        self.last = 0  # number of the newest line
        self.lost = 0  # ended calls that neither the disk nor the memory took
        self.reason = ""  # why the disk takes no lines; "" = it does
        self._limit = limit_bytes
        self._segment_bytes = min(segment_bytes, max(limit_bytes // 8, 1))
        self._most_kept = kept
        self._kept: deque[Numbered] = deque()  # without gaps
        self._sizes: deque[int] = deque()  # the bytes of each
        self._kept_bytes = 0
        self._unfiled: set[int] = set()  # numbers of lines that are in memory alone
        self._open: set[str] = set()  # calls under way
        self._bytes = 0  # of all lines in files
        self._firsts: list[int] = []  # what the files begin with
        self._file: Mapped | None = None
        self._unsynced: list[int] = []  # files that are full
        self._again = (
            0.0  # monotonic seconds before which a disk that failed is not tried again; 0 = it works
        )
        self.id, self._lock = _made(folder)
        self.folder = folder / self.id
        self._segments = Segments(self.folder)

    def __repr__(self) -> str:
        return (
            f"<Journal {self.id}: {self.last} lines, {len(self._kept)} in memory, "
            f"{self._bytes} bytes in files, {len(self._open)} calls open>"
        )

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._open

    def held(self, record: Record) -> int:
        """A call begins: its line is written before its first byte leaves. The line's number.

        JournalFull when there is no room, and nothing was written.
        """
        held, open_ = lines.held(record), self._open
        data = lines.write_held(held)
        if self._bytes + len(data) + len(open_) * RESERVED >= self._limit:
            raise JournalFull(self._full())
        number = self._put(held, data)
        if not number:
            raise JournalFull(f"the journal in {self.folder.parent} cannot be written: {self.reason}")
        open_.add(record.id)
        return number

    def settled(self, record: Record) -> int:
        """A call has ended: from now on its record is not changed. The line's number; 0 = it is lost.

        Where the disk takes no more, the line goes to the database by memory alone, as long as that is not
        far behind; after that it is counted in `lost`.
        """
        self._open.discard(record.id)
        return self._must(Settled(record), lines.write_settled(record))

    def priced(self, id_: str, data: dict[str, Any]) -> int:
        """A price that ended calls name by its id."""
        priced = Priced(id_, data, time.time_ns() // 1_000_000)
        return self._must(priced, lines.write_priced(priced))

    def take(self, after: int, most: int) -> list[Numbered]:
        """The lines after a number, at most so many; of those that are read from files no more than SLICE."""
        first = self.last + 1 - len(self._kept)
        if after + 1 < first:
            older = self._segments.read(after, min(most, SLICE, first - after - 1))
            if found := [each for each in older if each[0] < first]:
                return found
        start = max(after + 1 - first, 0)
        return list(islice(self._kept, start, start + most))

    def forget(self, applied: int) -> None:
        """The database has the lines up to this one: memory need not keep them."""
        kept, sizes, freed = self._kept, self._sizes, 0
        for _ in range(min(applied - self.last + len(kept), len(kept))):
            kept.popleft()
            freed += sizes.popleft()
        self._kept_bytes -= freed
        if self._unfiled:
            self._unfiled = {number for number in self._unfiled if number > applied}

    def is_droppable(self, applied: int) -> bool:
        """Whether there are files with nothing but lines up to this one."""
        return len(self._firsts) > 1 and self._firsts[1] <= applied + 1

    def drop(self, applied: int) -> None:
        """Deletes these files: the database has their lines for good."""
        self._bytes -= self._segments.drop(applied)
        while self.is_droppable(applied):
            self._firsts.pop(0)

    async def sync(self) -> None:
        """What has been written is on the disk for good, if that is possible; a failure shows in `reason`."""
        try:
            if self._file is not None:
                self._unsynced.append(self._file.duplicate())
            files, self._unsynced = self._unsynced, []
            await asyncio.to_thread(_sync, files)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Lets go of the files: what is in them is for whoever adopts them."""
        self._end_file()
        _close(self._unsynced)
        self._unsynced = []
        self._lock.release()

    def remove(self) -> None:
        """Closes the journal and deletes it: every line was applied, and no call is open."""
        self._end_file()
        delete(self.folder)
        self.close()

    def _must(self, line: Line, data: bytes) -> int:
        if self._bytes + len(data) < self._limit and (number := self._put(line, data)):
            return number
        self.reason = self.reason or self._full()
        self._end_file()  # the next file begins after the line that has no place in this one
        self._unfiled.add(self.last + 1)
        number = self._keep(line, len(data))
        return number if number in self._unfiled else 0

    def _put(self, line: Line, data: bytes) -> int:
        """Writes a line, and keeps it. Its number; 0 = the disk has not taken it, and nothing has changed."""
        file = self._file
        size = (0 if file is None else file.write(data)) or self._write_anew(data)
        if not size:
            return 0
        self._bytes += size
        return self._keep(line, size)

    def _keep(self, line: Line, size: int) -> int:
        self.last = number = self.last + 1
        self._kept.append((number, line))
        self._sizes.append(size)
        self._kept_bytes = kept_bytes = self._kept_bytes + size
        if kept_bytes > KEPT_BYTES or len(self._kept) > self._most_kept:
            self._shorten()
        return number

    def _shorten(self) -> None:
        """Memory gives up its oldest lines, which are in the files; those that are not are lost."""
        while self._kept_bytes > KEPT_BYTES or len(self._kept) > self._most_kept:
            number, _ = self._kept.popleft()
            self._kept_bytes -= self._sizes.popleft()
            if number in self._unfiled:
                self._unfiled.remove(number)
                self._lose()

    def _lose(self) -> None:
        if self.lost % SAID == 0:
            log.error("records of calls are lost, %d so far: %s", self.lost + 1, self.reason)
        self.lost += 1

    def _full(self) -> str:
        return (
            f"{self._bytes} bytes of records wait for the database in {self.folder.parent}: "
            "accounting.spool_mib allows no more"
        )

    def _write_anew(self, data: bytes) -> int:
        """Writes a line into the next file: there is none, or it is full. Its bytes; 0 = it is not there."""
        if self._again and time.monotonic() < self._again:
            return 0
        try:
            size = self._begin_file(len(data) + 1).write(data)
        except OSError as error:
            self._fail(error)
            return 0
        self._again, self.reason = 0.0, ""
        return size

    def _begin_file(self, size: int) -> Mapped:
        """The next file, with room for a line of this size. It takes no more of the disk than the limit."""
        self._end_file()
        room = min(self._segment_bytes, self._limit - self._bytes)
        path = self.folder / name_of(self.last + 1)
        self._file = file = Mapped(path, max(room, len(lines.HEAD) + 1 + size))
        self._bytes += file.write(lines.HEAD)
        if self._firsts[-1:] != [self.last + 1]:
            self._firsts.append(self.last + 1)
        return file

    def _end_file(self) -> None:
        if self._file is not None:
            self._unsynced.append(self._file.close())
            self._file = None

    def _fail(self, error: OSError) -> None:
        if not self.reason:
            log.error("the journal %s takes no lines: %s", self.folder, error.strerror)
        self.reason = error.strerror or type(error).__name__
        self._again = time.monotonic() + AGAIN_S
        self._end_file()


def delete(folder: Path) -> None:
    """Removes a journal's folder, the lock last: whoever finds it gone knows that the rest is."""
    names = sorted(folder.iterdir(), key=lambda path: path.name == lock.NAME)
    for path in names:
        path.unlink(missing_ok=True)
    folder.rmdir()


def _made(folder: Path) -> tuple[str, lock.Lock]:
    """The id and the lock of a new journal."""
    try:
        while True:
            id_ = ids.new("jrn")
            (folder / id_).mkdir(parents=True, mode=0o700)
            if taken := lock.take(folder / id_, os.O_CREAT):
                return id_, taken
    except OSError as error:
        raise ConfigError(
            f"cannot use {folder}: {error.strerror}. Set state_dir (XROUTE_STATE_DIR) to a folder of your own"
        ) from error


def _sync(files: list[int]) -> None:
    try:
        for file in files:
            os.fsync(file)
    finally:
        _close(files)


def _close(files: Iterable[int]) -> None:
    for file in files:
        os.close(file)
