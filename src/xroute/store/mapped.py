"""A file of the journal, written through memory: what is in the mapping outlives a killed process.

That costs no system call for a line, and does not let other threads in between. The disk's room is taken
before the first line, as a full disk would else end the process: a write into memory cannot fail otherwise.
"""

import errno
import mmap
import os
from contextlib import suppress
from pathlib import Path

NEWLINE = 10
AT_ONCE = 256 * 1024  # zeros, where the file system cannot take room by itself
_CANNOT = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class Mapped:
    """`capacity` bytes, zeros behind the last line. OSError when the disk does not give them."""

    __slots__ = ("_at", "_capacity", "_file", "_map")

    def __init__(self, path: Path, capacity: int) -> None:
        self._at = 0
        self._capacity = capacity
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _reserve(self._file, capacity)
            self._map = mmap.mmap(self._file, capacity)
        except OSError:
            os.close(self._file)
            with suppress(OSError):
                path.unlink()
            raise

    def write(self, line: bytes) -> int:
        """How many bytes it takes; 0 = there was no room. Its end comes last: what is cut off has none."""
        at, memory = self._at, self._map
        end = at + len(line)
        if end >= self._capacity:
            return 0
        memory[at:end] = line
        memory[end] = NEWLINE
        self._at = end = end + 1
        return end - at

    def duplicate(self) -> int:
        """Another descriptor of the file, which is the caller's to close."""
        return os.dup(self._file)

    def close(self) -> int:
        """Gives back what no line needed. The descriptor, which is the caller's to close."""
        self._map.close()
        with suppress(OSError):  # zeros behind the lines are no harm
            os.ftruncate(self._file, self._at)
        return self._file


def _reserve(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):  # not on macOS
        try:
            os.posix_fallocate(file, 0, size)
            return
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    for offset in range(0, size, AT_ONCE):
        zeros = bytes(min(AT_ONCE, size - offset))
        if os.pwrite(file, zeros, offset) != len(zeros):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
