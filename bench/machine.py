"""What a result was measured on, and with."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bench.subjects import library

LIBRARIES = ("granian", "uvloop", "httptools", "orjson", "pyreqwest")


def describe() -> dict[str, str]:
    """The machine and the versions."""
    found = {
        "cpu": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    found |= {name: library(name) for name in LIBRARIES}
    return found | {"nginx": _version(["nginx", "-v"]), "wrk": _version(["wrk", "-v"])}


def missing() -> list[str]:
    """Debian packages to install before anything can be measured."""
    return [name for name in ("nginx", "wrk") if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> float:
    line = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) * 1024 / 1e9


def _version(argv: list[str]) -> str:
    program = shutil.which(argv[0], path=_path()) or argv[0]
    ran = subprocess.run([program, *argv[1:]], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+~-]*", ran.stdout + ran.stderr)
    return found[0] if found else "unknown"
