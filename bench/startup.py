"""From the start of a process to its first answer, and the time that imports take."""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.load import HttpError, fetch
from bench.process import Process, free_port
from bench.subjects import Subject

POLL_S = 0.002
SETTLE_S = 1.0  # after the first answer, before idle memory is read


class Running:
    """A started subject, after its first answer."""

    def __init__(self, subject: Subject, process: Process, port: int, first_s: float) -> None:
        self.subject = subject
        self.process = process
        self.port = port
        self.first_s = first_s


def start(subject: Subject, bases: Mapping[str, str], folder: Path) -> Running:
    """Starts a subject and asks it until it answers; RuntimeError says what it wrote instead."""
    port = free_port()
    own = folder / subject.name.replace(" ", "-").replace(",", "")
    own.mkdir(exist_ok=True)
    argv = subject.start(port, bases, own)
    process = Process(argv, own / "log", subject.environ(own))
    request = subject.ask(port, "whole", bases).encode()
    end = process.began + subject.ready_s
    refusal: OSError | None = None
    while process.is_alive() and time.perf_counter() < end:
        try:
            fetch(port, request)
        except OSError as error:
            refusal = error if isinstance(error, HttpError) else refusal
            time.sleep(POLL_S)
            continue
        return Running(subject, process, port, time.perf_counter() - process.began)
    process.stop()
    raise RuntimeError(f"{subject.name} gave no answer: {refusal or ''}\n{process.tail()}")


def import_ms(module: str, times: int) -> float:
    """Milliseconds that importing a module takes in a new interpreter: the median of several."""
    code = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    taken = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(times)
    ]
    return statistics.median(taken) * 1000
