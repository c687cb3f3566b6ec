"""A lock file: whoever holds it lives, as the system lets go of it when a process ends in any way."""

import os
import sys
from pathlib import Path

NAME = "lock"


class Lock:
    """A lock that is held until `release`, or until this process is no more."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets others take it; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def take(folder: Path, flags: int = 0) -> Lock | None:
    """The lock of a folder; None = another process has it, or has removed the folder meanwhile.

    `flags` are os.open's: O_CREAT for an owner. OSError when the file cannot be opened.
    """
    path = folder / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    except FileNotFoundError:
        return None
    if _is_taken(descriptor) and _is_there(path, descriptor):
        return Lock(path, descriptor)
    os.close(descriptor)
    return None


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the file is still the one that was opened: a lock on a deleted file locks nothing."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _is_taken(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _is_taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
