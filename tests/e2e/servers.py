"""Servers in processes of their own: started on a free port, waited for, stopped."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
# The clients' own environment has no xroute in it: the gateway runs in the project's.
PYTHON = sys.executable if find_spec("xroute") else str(ROOT / ".venv/bin/python")
KEY = "sk-e2e"
START_S = 60.0  # a machine that is busy with other tests starts slowly


@dataclass(frozen=True, slots=True)
class Server:
    """One that accepts connections."""

    port: int
    log: Path
    key: str = KEY

    @property
    def origin(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address as a client's `base_url`."""
        return f"{self.origin}/v1"


@contextlib.contextmanager
def serving(
    command: Sequence[str], port: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Runs a command until the block ends; it must listen on `port` and writes its log into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environ(folder, env), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        _wait(process, port, log)
        yield Server(port, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def gateway(folder: Path, config: Mapping[str, Any] | None = None, **env: str) -> Iterator[Server]:
    """xroute with these settings; without any, with what it finds by itself."""
    port = free_port()
    command = [PYTHON, "-m", "xroute", "serve", "--port", str(port)]
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        file = folder / "xroute.yaml"
        file.write_text(json.dumps({"keys": [{"name": "e2e", "key": KEY}], **config}))  # JSON is YAML too
        command += ["--config", str(file)]
    with serving(command, port, folder, env) as server:
        yield server


@contextlib.contextmanager
def simulator(folder: Path) -> Iterator[Server]:
    """`xroute sim`: a provider whose answers depend on the request alone."""
    port = free_port()
    with serving([PYTHON, "-m", "xroute", "sim", "--port", str(port)], port, folder) as server:
        yield server


def environ(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the caller's environment but where programs are: no keys, no settings, a home of its own."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XROUTE_STATE_DIR": str(folder), **(more or {})}


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(
                f"{process.args!r} does not listen (exit code {process.returncode}):\n{log.read_text()}"
            )
        time.sleep(0.02)
