"""What is measured: how each one is started and asked, and which are here to be measured."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from bench import anew
from bench.load import Ask
from bench.ways import KEY, KINDS, WAYS, Way, providers

Start = Callable[[int, Mapping[str, str], Path], list[str]]  # port, upstreams' bases, folder -> command


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to measure. `path` and `headers` may hold {kind} and {base} of the upstream."""

    name: str
    about: str  # what it is, with its version
    start: Start
    path: str = "/v1/chat/completions"
    model: str = "{kind}"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    env: dict[str, str] = field(default_factory=dict[str, str])
    ready_s: float = 20.0  # the longest that its start may take
    ways: tuple[Way, ...] = ()  # measured beside the pass-through
    peer: bool = False  # a whole gateway of others: left out where hundreds of open streams are asked for

    def ask(self, port: int, kind: str, bases: Mapping[str, str]) -> Ask:
        """The request for an answer of this kind."""
        body = {
            "model": self.model.format(kind=kind),
            "messages": [{"role": "user", "content": "Hello"}],
            **({} if kind == "whole" else {"stream": True}),
        }
        headers = {name: value.format(kind=kind, base=bases[kind]) for name, value in self.headers.items()}
        headers |= {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        return Ask(port, self.path.format(kind=kind), headers, json.dumps(body).encode())

    def environ(self, folder: Path) -> dict[str, str]:
        """Its environment: nothing of ours but the path, so that no key of the user is used."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return inherited | {"HOME": str(folder)} | self.env


def present(litellm: Path | None, portkey: Path | None) -> tuple[list[Subject], list[str]]:
    """(those that can be measured, the bare relay first; why each other one cannot)."""
    found = [_relay(), _own(), _xroute(), _accounts(), _shared(), _litellm(litellm), _portkey(portkey)]
    return [s for s in found if isinstance(s, Subject)], [why for why in found if isinstance(why, str)]


def _relay() -> Subject | str:
    if find_spec("pyreqwest") is None:
        return "bare relay: `pip install -r bench/requirements.lock` for pyreqwest"
    about = f"granian {version('granian')} + pyreqwest {version('pyreqwest')}, raw RSGI"
    return Subject("bare relay", about, _starter("reqwest"), path="/{kind}/v1/chat/completions")


def _own() -> Subject:
    about = f"granian {version('granian')} + xroute's upstream client, raw RSGI"
    return Subject("bare relay, own client", about, _starter("own"), path="/{kind}/v1/chat/completions")


def _starter(module: str) -> Start:
    def start(port: int, bases: Mapping[str, str], folder: Path) -> list[str]:
        return [sys.executable, "-m", f"bench.relays.{module}", str(port), *(bases[kind] for kind in KINDS)]

    return start


def _xroute() -> Subject:
    about = f"xroute {version('xroute')}: one process, keys, metrics, accounting on"
    return Subject("xroute", about, _start_xroute, model="{kind}/gpt-4o-mini", ways=WAYS)


def _start_xroute(port: int, bases: Mapping[str, str], folder: Path) -> list[str]:
    config = folder / "xroute.yaml"
    config.write_text(
        f"host: 127.0.0.1\nport: {port}\nstate_dir: {folder}\nkeys: [{{name: bench, key: {KEY}}}]\n"
        + providers(bases)
    )
    return [sys.executable, "-m", "xroute", "serve", "--config", str(config)]


# What every call passes there: four limits, a budget of the key, one of the project.
BOUNDS = """keys:
  - name: bench
    key: {key}
    project: bench
    limits: {{rpm: 100000000, tpm: 100000000000, concurrency: 100000, rpd: 1000000000}}
    budget: {{usd: 1000000, window: month}}
projects: [{{name: bench, budget: {{usd: 1000000, window: day}}}}]
"""


def bounded(key: str) -> str:
    """The key with its limits and budgets, for xroute.yaml."""
    return BOUNDS.format(key=key)


def _accounts() -> Subject:
    about = f"xroute {version('xroute')}: one process, SQLite; key, 4 limits, 2 budgets, hold, settle, event"
    return Subject("xroute, limits and budgets", about, _start_accounts(str), model="{kind}/gpt-4o-mini")


def _shared() -> Subject | str:
    if away := [url for url in anew.places() if not _answers(url)]:
        return f"xroute with Redis and PostgreSQL: {' and '.join(map(_place, away))} cannot be reached"
    about = f"xroute {version('xroute')}: the same with Redis and PostgreSQL"
    return Subject(
        "xroute, Redis and PostgreSQL", about, _start_accounts(anew.make), model="{kind}/gpt-4o-mini"
    )


def _start_accounts(stores: Callable[[], str]) -> Start:
    """`stores` makes those of a folder that is new, and names them in words of xroute.yaml."""
    named: dict[Path, str] = {}

    def start(port: int, bases: Mapping[str, str], folder: Path) -> list[str]:
        if folder not in named:
            named[folder] = stores()
        config = folder / "xroute.yaml"
        head = f"host: 127.0.0.1\nport: {port}\nstate_dir: {folder}\n"
        config.write_text(head + bounded(KEY) + named[folder] + providers(bases))
        return [sys.executable, "-m", "xroute", "serve", "--config", str(config)]

    return start


def _place(url: str) -> str:
    """Host and port, without what is secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port), 1):
            return True
    except OSError:
        return False


def _litellm(venv: Path | None) -> Subject | str:
    if venv is None:
        return "LiteLLM: give --litellm VENV, a venv with `pip install 'litellm[proxy]'`"
    command = venv / "bin" / "litellm"
    if not command.exists():
        return f"LiteLLM: there is no {command}"
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    own = subprocess.run([venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)

    def start(port: int, bases: Mapping[str, str], folder: Path) -> list[str]:
        config = folder / "litellm.json"  # YAML's reader takes JSON
        params = {
            kind: {"model": "openai/gpt-4o-mini", "api_base": bases[kind], "api_key": "x"} for kind in KINDS
        }
        models = [{"model_name": kind, "litellm_params": params[kind]} for kind in KINDS]
        config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": KEY}}))
        flags = ["--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False"]
        return [str(command), "--config", str(config), "--port", str(port), *flags]

    return Subject(
        "LiteLLM",
        f"LiteLLM {own.stdout.strip()} proxy: one worker, master key, no database",
        start,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        ready_s=90.0,
        peer=True,
    )


def _portkey(folder: Path | None) -> Subject | str:
    if folder is None:
        return "Portkey: give --portkey FOLDER, one with `npm install @portkey-ai/gateway`"
    package = folder / "node_modules" / "@portkey-ai" / "gateway"
    program = package / "build" / "start-server.js"
    if not program.exists():
        return f"Portkey: there is no {program}"
    own = json.loads((package / "package.json").read_text())["version"]

    def start(port: int, bases: Mapping[str, str], folder: Path) -> list[str]:
        return ["node", str(program), f"--port={port}", "--headless"]

    return Subject(
        "Portkey",
        f"Portkey gateway {own}: no keys, no logs",
        start,
        model="gpt-4o-mini",
        headers={"x-portkey-provider": "openai", "x-portkey-custom-host": "{base}"},
        ready_s=30.0,
        peer=True,
    )


def library(name: str) -> str:
    """A library's version, for the record."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
