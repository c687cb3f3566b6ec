"""One measurement each: calls, streams, a crowd, latency."""

import time
from pathlib import Path

import uvloop

from bench.crowd import gather
from bench.load import Ask, Load, result, start_wrk
from bench.sse import CHUNKS
from bench.startup import Running
from bench.steady import latencies, percentile
from bench.upstreams import Upstreams
from bench.ways import Way

CONNECTIONS = 64
FILE_STREAMS = 16  # connections of a coalesced run: few, so that what is cut at its end counts little
PACE_S = 0.005  # between two chunks of a paced stream
WARM_S = 1.0


def calls(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per call, calls per second, and memory under load, with 64 connections."""
    ask = running.subject.ask(running.port, "whole", upstreams.bases)
    spent, load = _loaded(running, ask, folder, CONNECTIONS, seconds)
    return {
        "call_us": spent / load.requests * 1e6,
        "calls_per_s": load.requests / load.seconds,
        "loaded_mb": running.process.rss_mb(),
    }


def coalesced(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per chunk where nginx sends a whole stream at once, in a few segments."""
    ask = running.subject.ask(running.port, "coalesced", upstreams.bases)
    spent, load = _loaded(running, ask, folder, FILE_STREAMS, seconds)
    return {
        "coalesced_us": spent / (load.requests * CHUNKS) * 1e6,
        "coalesced_per_s": load.requests * CHUNKS / load.seconds,
    }


def paced(running: Running, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per chunk where each chunk comes on its own: 64 streams with one every 5 ms."""
    ask = running.subject.ask(running.port, "paced", upstreams.bases)
    spent, per_s = _streamed(running, ask, upstreams, folder, seconds)
    return {"paced_us": spent, "paced_per_s": per_s}


def way(running: Running, way: Way, upstreams: Upstreams, folder: Path, seconds: int) -> dict[str, float]:
    """CPU per call, and per chunk in both forms, of one way through xroute; the keys begin with its name."""
    port = running.port
    whole, calls = _loaded(running, way.ask(port, "whole"), folder, CONNECTIONS, seconds)
    stream, streams = _loaded(running, way.ask(port, "coalesced"), folder, FILE_STREAMS, seconds)
    paced_us, _ = _streamed(running, way.ask(port, "paced"), upstreams, folder, seconds)
    found = {
        "call_us": whole / calls.requests * 1e6,
        "coalesced_us": stream / (streams.requests * CHUNKS) * 1e6,
        "paced_us": paced_us,
    }
    return {f"{way.name}.{name}": value for name, value in found.items()}


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


def _loaded(running: Running, ask: Ask, folder: Path, connections: int, seconds: int) -> tuple[float, Load]:
    """(CPU seconds spent, what wrk counted), after a second of warming up."""
    result(start_wrk(ask, folder, connections=connections, seconds=1))
    cpu = running.process.cpu_s()
    load = result(start_wrk(ask, folder, connections=connections, seconds=seconds))
    return running.process.cpu_s() - cpu, load


def _streamed(
    running: Running, ask: Ask, upstreams: Upstreams, folder: Path, seconds: int
) -> tuple[float, float]:
    """(CPU in us per chunk, chunks per second) while paced streams flow."""
    upstreams.pace(PACE_S, CHUNKS)
    wrk = start_wrk(ask, folder, connections=CONNECTIONS, seconds=seconds + 2)
    time.sleep(WARM_S)
    before, cpu, began = upstreams.pace()["written"], running.process.cpu_s(), time.perf_counter()
    time.sleep(seconds)
    spent, chunks = running.process.cpu_s() - cpu, upstreams.pace()["written"] - before
    took = time.perf_counter() - began
    result(wrk)
    return spent / chunks * 1e6, chunks / took
