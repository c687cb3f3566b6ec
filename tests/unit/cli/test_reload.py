"""`serve --reload`: a changed file starts the child again; a signal ends both."""

import signal
import sys
import time
from pathlib import Path

from xroute.cli.reload import Reloader, Stamps, watched_files
from xroute.cli.serve import _is_usable

CHILD = """
import signal, sys, pathlib, time
with open(sys.argv[1], "a") as log:
    log.write(" ".join(sys.argv[2:]) + "\\n")
time.sleep(600)
"""
PATIENCE_S = 60.0


def until(log: Path, lines: int) -> list[str]:
    """The log once it has so many lines."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = log.read_text().splitlines() if log.exists() else []
        if len(found) >= lines:
            return found
        time.sleep(0.01)
    raise AssertionError(f"no {lines} starts in the log")


def test_a_change_starts_the_child_again_and_a_signal_ends_it(tmp_path: Path):
    log, looks = tmp_path / "log", iter(range(10))

    def look() -> Stamps:
        number = next(looks)
        if number == 0:
            return {Path("a"): 1}
        if number == 1:
            until(log, 1)
            return {Path("a"): 2}
        until(log, 2)
        signal.raise_signal(signal.SIGTERM)
        return {Path("a"): 2}

    before = signal.getsignal(signal.SIGTERM)
    command = (sys.executable, "-c", CHILD, str(log))
    reloader = Reloader(["--port", "1", "--new-key"], ["--port", "1"], look, command, poll_s=0.01)
    assert reloader.run() == 0
    assert log.read_text().splitlines() == ["--port 1 --new-key", "--port 1"]
    assert reloader.starts == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_file_and_the_code_are_watched(tmp_path: Path):
    config = tmp_path / "xroute.yaml"
    assert config not in watched_files(config)
    config.write_text("port: 1")
    files = watched_files(config)
    assert config in files
    assert any(path.name == "reload.py" for path in files)


def test_what_cannot_be_used_leaves_the_child_as_it_is(tmp_path: Path):
    log, looks = tmp_path / "log", iter(range(10))

    def look() -> Stamps:
        number = next(looks)
        if number == 1:
            until(log, 1)
        if number == 3:
            signal.raise_signal(signal.SIGTERM)
        return {Path("a"): min(number, 2)}

    command = (sys.executable, "-c", CHILD, str(log))
    reloader = Reloader(["1"], ["2"], look, command, poll_s=0.01, check=lambda: False)
    assert reloader.run() == 0
    assert log.read_text().splitlines() == ["1"]


def test_a_configuration_is_usable_if_a_gateway_could_start_with_it(tmp_path: Path):
    file = tmp_path / "xroute.yaml"
    file.write_text("keys: [{name: a, key: sk-bench}]\n")
    assert _is_usable(file)
    file.write_text("prot: 1\n")
    assert not _is_usable(file)
    file.write_text("models: {smart: {fallback: [no/such]}}\n")
    assert not _is_usable(file)
