"""Redis for tests: the one at 127.0.0.1:6379 with keys of our own, and one that a test starts and may stop.

Where neither can be had, the tests are skipped, with the reason.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port

# The library is imported where it is used: other environments run some of the tests without it.

LOCAL = "redis://127.0.0.1:6379/0"
SERVERS = ("redis-server", "valkey-server")


class Server:
    """A Redis of a test's own, on a free port: `freeze` and `thaw`, `kill` and `start` it."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Starts it and waits until it answers. It keeps nothing, unless an option says so."""
        assert self._process is None
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += [*(options or ("--save", "")), "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        by = time.monotonic() + 30
        while time.monotonic() < by:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError(f"{self.program} did not start")

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends it as a crash does. A second time does nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def redis_program() -> str:
    """A Redis or Valkey that can be started."""
    for name in SERVERS:
        if found := shutil.which(name):
            return found
    pytest.skip("no redis-server and no valkey-server is installed")


@pytest.fixture
def redis_server(redis_program: str, tmp_path: Path) -> Generator[Server]:
    """A Redis of the test's own, running."""
    server = Server(redis_program, tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Redis that is only used with the keys of `redis_prefix`."""
    try:
        with socket.create_connection(("127.0.0.1", 6379), 1) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(64).startswith(b"+PONG"):
                yield LOCAL
                return
    except OSError:
        pass
    program = next((found for name in SERVERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Redis at 127.0.0.1:6379, and no redis-server is installed")
    server = Server(program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def redis_prefix(redis_url: str, request: pytest.FixtureRequest) -> Generator[str]:
    """What the test's keys begin with; they are gone after it."""
    import redis

    prefix = f"xr_test_{os.getpid()}_{time.time_ns()}"
    yield prefix
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(key)


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncGenerator[Any]:
    """A client, to look at keys and to do harm."""
    from redis.asyncio import Redis

    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def shared_db(sqlite_url: str) -> AsyncGenerator[Any]:
    """store.db.Database that several processes of a test share."""
    from xroute.store.db import Database
    from xroute.store.migrate import ready

    db = Database(sqlite_url)
    await ready(db)
    yield db
    await db.close()


@pytest.fixture
async def start_process(redis_server: Server, shared_db: Any, tmp_path: Path) -> AsyncGenerator[Any]:
    """Starts tests.processes.Process at a Redis of the test's own; they are closed after it."""
    from tests.processes import Process, redis, running

    async with AsyncExitStack() as stack:

        async def begin(**fields: object) -> Process:
            settings = redis(redis_server.url, "xr_outage", **({"timeout_s": 0.3} | fields))
            process = Process(settings, shared_db, tmp_path / "journals")
            return await stack.enter_async_context(running(process))

        yield begin


async def until(condition: Any, timeout_s: float = 30.0) -> None:
    """Waits until something is so; AssertionError after too long."""
    by = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < by, "it did not happen"
        await asyncio.sleep(0.005)
