"""Processes that the benchmark starts, what they use, and their end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
GRACE_S = 5.0


class Process:
    """One started program with all that it starts. `cpu_s` and `rss_mb` are of the whole tree."""

    def __init__(self, argv: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        self.began = time.perf_counter()
        with log.open("wb") as out:
            self._popen = subprocess.Popen(argv, stdout=out, stderr=out, env=env, start_new_session=True)
        self.pid = self._popen.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def cpu_s(self) -> float:
        """User and system time of the tree so far, in seconds; the clock ticks in 10 ms."""
        return sum(_ticks(pid) for pid in self._tree()) / TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory of the tree in MB (10^6 bytes)."""
        return sum(_rss_kib(pid) for pid in self._tree()) * 1024 / 1e6

    def stop(self) -> None:
        """Ends the group that it leads."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(GRACE_S)
                return

    def tail(self) -> str:
        """The end of what it wrote, for error messages."""
        return self.log.read_text(errors="replace")[-2000:]

    def _tree(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, ...; proc_pid_stat(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) if fields else 0  # utime stime cutime cstime


def _rss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
