"""An installation as people run it: a simulated provider, and `xroute serve` with its processes."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil
from tests.ports import free_port

START_S = 60.0
MODEL = "acme/model"
WORKSPACE = "chaos"
KEY = "sk-chaos"
ADMIN = "xrt-chaos-admin"
SECRET = hashlib.sha256(b"chaos").hexdigest()  # pepper and master key: the same on every host
INPUT_NANO, OUTPUT_NANO = 100, 10_000  # of a token: $0.1 and $10 per million


class Site:
    """One. `start`, `kill` and `stop` are of the gateway; the simulator runs on."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        workers: int = 1,
        models: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`models`: by provider, the model that each of its ids serves."""
        self.folder = folder
        self.port = free_port()
        self.workers = workers
        self.served = folder / "served.jsonl"
        self.sim_port = free_port()
        self._config = config
        self._models = models or {"acme": {"any": MODEL}}
        self._gateway: subprocess.Popen[bytes] | None = None
        self._sim: subprocess.Popen[bytes] | None = None

    def open(self, sim: Mapping[str, Any]) -> None:
        """Starts the provider, whose profile is `sim`, and the gateway."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sim.yaml").write_text(json.dumps({"sim": sim}))
        words = ["sim", "--port", str(self.sim_port), "--record", str(self.served)]
        self._sim = self._spawn("sim", [*words, "--config", str(self.folder / "sim.yaml")])
        self._wait(self._sim, f"http://127.0.0.1:{self.sim_port}/healthz")
        (self.folder / "xroute.yaml").write_text(json.dumps(self._whole()))  # JSON is YAML too
        self.start()

    def start(self) -> None:
        """Starts the gateway, and waits until all its processes take calls."""
        assert self._gateway is None
        words = ["serve", "--config", str(self.folder / "xroute.yaml"), "--workers", str(self.workers)]
        self._gateway = self._spawn("gateway", words)
        self._wait(self._gateway, f"http://127.0.0.1:{self.port}/healthz")
        self.await_processes()

    def await_processes(self, but: frozenset[int] = frozenset()) -> None:
        """Until as many processes listen as there are to be, none of which is one of those."""
        until = time.monotonic() + START_S
        while (
            len([p for p in self.processes() if p.pid not in but and _listens(p, self.port)]) < self.workers
        ):
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """Those that serve."""
        assert self._gateway is not None
        first = psutil.Process(self._gateway.pid)
        return [first] if self.workers == 1 else first.children()

    def kill(self) -> None:
        """Ends every process of the gateway as `kill -9` does."""
        assert self._gateway is not None
        first, family = psutil.Process(self._gateway.pid), psutil.Process(self._gateway.pid).children(True)
        for process in (first, *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._gateway.wait()
        psutil.wait_procs(family, START_S)
        self._gateway = None

    def kill_workers(self) -> None:
        """The same, but for the one that watches them and starts others."""
        killed = self.processes()
        for process in killed:
            process.kill()
        self.await_processes(frozenset(process.pid for process in killed))

    def kill_watcher(self) -> None:
        """The same for that one alone: the others end by themselves, or nobody would ever end them."""
        assert self._gateway is not None
        left = self.processes()
        self._gateway.kill()
        self._gateway.wait()
        self._gateway = None
        _, alive = psutil.wait_procs(left, START_S)
        for process in alive:
            process.kill()
        assert left and not alive, alive

    def stop(self) -> None:
        """Ends the gateway in order. A second time does nothing."""
        if self._gateway is not None:
            self._gateway.send_signal(signal.SIGTERM)
            assert self._gateway.wait(START_S) == 0, self.log()
            self._gateway = None

    def close(self) -> None:
        """Ends all of it."""
        try:
            if self._gateway is not None and self._gateway.poll() is None:
                self.stop()
        finally:
            if self._gateway is not None and self._gateway.poll() is None:
                self.kill()
            if self._sim is not None:
                self._sim.kill()
                self._sim.wait()

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What /readyz says; of one of its processes."""
        found = httpx2.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False, timeout=START_S)
        return found.status_code, found.json()

    def command(self, *words: str) -> None:
        """Has the terminal do something, in a process of its own, with this installation's file."""
        process = self._spawn("command", [*words, "--config", str(self.folder / "xroute.yaml")])
        assert process.wait(START_S) == 0, (self.folder / "command.txt").read_text()

    def log(self) -> str:
        """The end of what the processes have written, the gateway's last."""
        files = [self.folder / f"{name}.txt" for name in ("sim", "gateway")]
        return "".join(file.read_text("utf-8", "replace")[-6000:] for file in files if file.exists())

    def _whole(self) -> dict[str, Any]:
        own = {"base_url": f"http://127.0.0.1:{self.sim_port}/v1", "auth": "none"}
        price = {"input": INPUT_NANO / 1000, "output": OUTPUT_NANO / 1000}
        served = {
            provider: [{"id": id_, "serves": serves} for id_, serves in models.items()]
            for provider, models in self._models.items()
        }
        return {
            "port": self.port,
            "admin_token": ADMIN,
            "pepper": SECRET,
            "master_key": SECRET,
            "discover": False,
            "log_level": "warning",
            "providers": {provider: {**own, "models": models} for provider, models in served.items()},
            "prices": {model["serves"]: price for models in served.values() for model in models},
            **self._config,
        }

    def _spawn(self, name: str, words: list[str]) -> subprocess.Popen[bytes]:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XROUTE_STATE_DIR": str(self.folder)}
        with (self.folder / f"{name}.txt").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "xroute", *words],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def _wait(self, process: subprocess.Popen[bytes], url: str) -> None:
        until = time.monotonic() + START_S
        while True:
            assert process.poll() is None and time.monotonic() < until, self.log()
            with contextlib.suppress(httpx2.TransportError):
                httpx2.get(url, trust_env=False)
                return
            time.sleep(0.02)


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        found = process.net_connections("tcp")
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)
    return False


@contextlib.contextmanager
def site(
    folder: Path,
    config: Mapping[str, Any],
    sim: Mapping[str, Any],
    workers: int = 1,
    models: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Site]:
    """One that runs until the block ends."""
    made = Site(folder, config, workers, models)
    try:
        made.open(sim)
        yield made
    finally:
        made.close()
