"""Several processes that serve one port: started, watched and stopped by this one."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from types import FrameType

from xroute.cli.output import note
from xroute.errors import ConfigError

POLL_S = 0.2
GRACE_S = 15.0  # for calls under way to end
UP_S = 60.0  # until the first one listens
SHORT_S = 5.0  # a process that lives no longer than this is not started again at once
MAX_PAUSE_S = 30.0


class Worker:
    """One process, and when it may be started again."""

    def __init__(self, number: int, command: list[str]) -> None:
        self._command = [*command, "--worker", str(number)]
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.due = 0.0
        self.pause_s = 0.5

    def start(self, now: float, more: Sequence[str] = ()) -> None:
        """The same program with the arguments of this one: nothing comes from outside."""
        self.started = now
        self.process = subprocess.Popen([*self._command, *more], start_new_session=True)  # noqa: S603

    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll() if self.process is not None else None

    def rest(self, now: float) -> None:
        """It has ended: the next start waits the longer the shorter it lived."""
        self.process = None
        self.pause_s = min(self.pause_s * 2, MAX_PAUSE_S) if now - self.started < SHORT_S else 0.5
        self.due = now + self.pause_s


class Workers:
    """Runs `count` processes until SIGINT or SIGTERM, which they get too. A dead one is started again.

    The first one makes the schema, the first key and the banner; the others begin once it listens. From then
    on no worker's end is that of the others: it cannot start while the database is away, and they can serve.
    """

    def __init__(self, count: int, host: str, port: int, arguments: list[str], *, new_key: bool) -> None:
        command = [sys.executable, "-m", "xroute", "serve", *arguments]
        self._workers = [Worker(number, command) for number in range(count)]
        self._first = ["--new-key"] if new_key else []  # for its first start alone
        self._host = host
        self._port = port
        self._stopping = False

    def run(self) -> int:
        """The exit code: 0, or the first process's where it could not begin."""
        _check_free(self._host, self._port)
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            first = self._workers[0]
            first.start(time.monotonic(), self._first)
            if (code := self._first_up(first)) is not None:
                return code
            for worker in self._workers[1:]:
                worker.start(time.monotonic())
            return self._watch()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _first_up(self, first: Worker) -> int | None:
        """None once it listens; its exit code if it ends before."""
        until = time.monotonic() + UP_S
        while not self._stopping and time.monotonic() < until:
            if (code := first.ended()) is not None:
                return code
            if _answers(self._host, self._port):
                return None
            time.sleep(POLL_S)
        return 0 if self._stopping else 1

    def _watch(self) -> int:
        while not self._stopping:
            time.sleep(POLL_S)
            now = time.monotonic()
            for worker in self._workers:
                if worker.process is None:
                    if now >= worker.due:
                        worker.start(now)
                elif (code := worker.ended()) is not None:
                    worker.rest(now)
                    note(f"xroute: worker {worker.number} ended ({code}); again in {worker.pause_s:g} s")
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _check_free(host: str, port: int) -> None:
    """The workers share the port, so that the system would not tell them of a stranger on it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _answers(host: str, port: int) -> bool:
    place = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((place, port), POLL_S):
            return True
    except OSError:
        return False
