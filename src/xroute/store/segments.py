"""The files of one journal, read by the numbers of their lines.

`000000000000042.jsonl` holds the lines from number 42 on, after a head that is not counted. The first is 1.
A line without its end was being written when the process died: it counts for nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from xroute.store import lines
from xroute.store.lines import Line

SUFFIX = ".jsonl"
SLICE = 64  # lines that are read before calls have their turn
MOST_BYTES = 1024 * 1024  # that are read at once
LONGEST = 64 * 1024 * 1024  # of one line: no line is, and no file is read into memory whole

Numbered = tuple[int, Line]


@dataclass(slots=True)
class _Place:
    """Where the next line to read stands."""

    path: Path
    number: int
    offset: int
    read: Callable[[bytes], Line]


def name_of(first: int) -> str:
    """The file that begins with this line."""
    return f"{first:015d}{SUFFIX}"


def first_of(path: Path) -> int:
    return int(path.stem)


class Segments:
    """What a folder has of a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place: _Place | None = None

    def paths(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if path.stem.isdigit())

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths())

    def read(self, after: int, most: int) -> list[Numbered]:
        """The lines after a number, at most so many; [] = there are no more. Numbers may be left out."""
        found: list[Numbered] = []
        place = following = self._seek(after)
        while following is not None and len(found) < most:
            place = following
            before = place.number
            found += self._take(place, after, most - len(found))
            if place.number == before:
                following = self._after(place)
        self._place = place
        return found

    def drop(self, applied: int) -> int:
        """Deletes the files of which every line has been applied, but never the newest. How many bytes."""
        freed = 0
        paths = self.paths()
        for path, following in pairwise(paths):
            if first_of(following) <= applied + 1:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _seek(self, after: int) -> _Place | None:
        """Where reading goes on: where it ended, if that is before the line that is asked for."""
        place = self._place
        if place is not None and place.number <= after + 1 and place.path.exists():
            return place
        paths = self.paths()
        older = [path for path in paths if first_of(path) <= after + 1]
        path = older[-1] if older else next(iter(paths), None)
        return _begin(path) if path is not None else None

    def _after(self, place: _Place) -> _Place | None:
        """The beginning of the next file, once this one is read to its end."""
        newer = [path for path in self.paths() if first_of(path) > first_of(place.path)]
        return _begin(newer[0]) if newer else None

    def _take(self, place: _Place, after: int, most: int) -> list[Numbered]:
        found: list[Numbered] = []
        passed = max(after + 1 - place.number, 0)
        for line in _whole_lines(place, passed + most):
            if place.number > after:
                found.append((place.number, place.read(line)))
            place.number += 1
            place.offset += len(line)
        return found


def _begin(path: Path) -> _Place:
    with path.open("rb") as file:
        head = file.readline(LONGEST)
    return _Place(path, first_of(path), len(head), lines.reader(head))


def _whole_lines(place: _Place, most: int) -> list[bytes]:
    """The next lines of a file, at most so many, which is one at the least."""
    size = MOST_BYTES
    while True:
        with place.path.open("rb") as file:
            file.seek(place.offset)
            data = file.read(size)
        whole, end, _ = data.rpartition(b"\n")
        if end:
            return [line + b"\n" for line in whole.split(b"\n", most)[:most]]
        if len(data) < size or size >= LONGEST:
            return []
        size *= 8
