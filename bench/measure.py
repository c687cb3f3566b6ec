"""One measurement each: calls, streams, a crowd, latency."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench.crowd import gather
from bench.load import Ask, result, start_wrk
from bench.sse import CHUNKS
from bench.startup import Running
from bench.steady import latencies, percentile
from bench.upstreams import Upstreams

CONNECTIONS = 64
FILE_STREAMS = 16  # connections of a coalesced run: few, so that what is cut at its end counts little
PACE_S = 0.005  # between two chunks of a paced stream
WARM_S = 1.0


def calls(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per call, calls per second, and memory under load, with 64 connections."""
    spent, load = _loaded(running, "whole", upstreams.bases, folder, CONNECTIONS, seconds)
    return {
        "call_us": spent / load.requests * 1e6,
        "calls_per_s": load.requests / load.seconds,
        "loaded_mb": running.process.rss_mb(),
    }


def coalesced(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per chunk where nginx sends a whole stream at once, in a few segments."""
    spent, load = _loaded(running, "coalesced", upstreams.bases, folder, FILE_STREAMS, seconds)
    return {
        "coalesced_us": spent / (load.requests * CHUNKS) * 1e6,
        "coalesced_per_s": load.requests * CHUNKS / load.seconds,
    }


def paced(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per chunk where each chunk comes on its own: 64 streams with one every 5 ms."""
    upstreams.pace(PACE_S, CHUNKS)
    ask = running.subject.ask(running.port, "paced", upstreams.bases)
    wrk = start_wrk(ask, folder, connections=CONNECTIONS, seconds=seconds + 2)
    time.sleep(WARM_S)
    before, cpu, began = upstreams.pace()["written"], running.process.cpu_s(), time.perf_counter()
    time.sleep(seconds)
    spent, chunks = running.process.cpu_s() - cpu, upstreams.pace()["written"] - before
    took = time.perf_counter() - began
    result(wrk)
    return {"paced_us": spent / chunks * 1e6, "paced_per_s": chunks / took}


def crowd(running: Running, upstreams: Upstreams, count: int, seconds: float) -> dict[str, float]:
    """Memory with this many streams open, each with a chunk per second."""
    upstreams.pace(1.0, 1000)
    ask = running.subject.ask(running.port, "paced", upstreams.bases)
    process = running.process
    found = uvloop.run(gather(ask, count, lambda: (process.cpu_s(), process.rss_mb()), seconds))
    return {"streams": found.flowing, "streams_mb": found.rss_mb, "streams_cpu": found.cpu_share * 100}


def latency(ask: Ask, per_s: int, seconds: float) -> dict[str, float]:
    """Median and 99th percentile in ms, at a constant rate."""
    taken = uvloop.run(latencies(ask, per_s, seconds))
    return {"p50_ms": percentile(taken, 0.5) * 1000, "p99_ms": percentile(taken, 0.99) * 1000}


def direct(upstreams: Upstreams) -> Ask:
    """The request to nginx itself: what a relay adds is measured against it."""
    return Ask(upstreams.port, "/whole/v1/chat/completions", {"content-type": "application/json"}, b"{}")


def _loaded(
    running: Running, kind: str, bases: Mapping[str, str], folder: Path, connections: int, seconds: int
) -> tuple[float, Any]:
    """(CPU seconds spent, what wrk counted), after a second of warming up."""
    ask = running.subject.ask(running.port, kind, bases)
    result(start_wrk(ask, folder, connections=connections, seconds=1))
    cpu = running.process.cpu_s()
    load = result(start_wrk(ask, folder, connections=connections, seconds=seconds))
    return running.process.cpu_s() - cpu, load
