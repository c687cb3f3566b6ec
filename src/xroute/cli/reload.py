"""A process that serves, started again whenever a watched file changes."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import xroute
from xroute.cli.output import note

POLL_S = 1.0
GRACE_S = 10.0  # for calls under way to end

Stamps = Mapping[Path, int]  # file -> time of its last change, nanoseconds


def watched_files(config: Path) -> dict[Path, int]:
    """When the configuration file and each file of the package's code last changed."""
    package = Path(xroute.__file__).parent
    files = [config, *package.rglob("*.py"), *package.rglob("*.toml")]
    return {path: changed for path in files if (changed := _changed(path))}


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # gone, or being written anew
        return 0


class Reloader:
    """Runs `xroute serve` as a child. `first` are its arguments at the first start, `later` at the others.

    `check` says whether what changed can be used; while it cannot, the child goes on as it is.
    """

    def __init__(
        self,
        first: list[str],
        later: list[str],
        look: Callable[[], Stamps],
        command: tuple[str, ...] = (sys.executable, "-m", "xroute", "serve"),
        poll_s: float = POLL_S,
        check: Callable[[], bool] = lambda: True,
    ) -> None:
        self._check = check
        self._first = first
        self._later = later
        self._look = look
        self._command = command
        self._poll_s = poll_s
        self._stop = threading.Event()
        self.starts = 0

    def run(self) -> int:
        """Until SIGINT or SIGTERM; 0. Both are handed to the child, which ends its calls properly."""
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        seen = self._look()
        child = self._start()
        try:
            while not self._stop.wait(self._poll_s):
                now = self._look()
                if now != seen:
                    changed, seen = _difference(seen, now), now
                    if not self._check():
                        note(f"xroute: {changed} changed and cannot be used; going on as before")
                        continue
                    note(f"xroute: {changed} changed, starting again")
                    _end(child)
                    child = self._start()
        finally:
            _end(child)
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0

    def _start(self) -> "subprocess.Popen[bytes]":
        arguments = self._later if self.starts else self._first
        self.starts += 1
        # The same program with the arguments of this one: nothing comes from outside. In a session of its
        # own, Ctrl-C reaches it once, through us.
        return subprocess.Popen([*self._command, *arguments], start_new_session=True)  # noqa: S603

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _difference(old: Stamps, new: Stamps) -> str:
    changed = sorted(path.name for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
