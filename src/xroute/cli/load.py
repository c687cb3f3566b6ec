"""The load that `xroute bench` puts on an endpoint: so many calls, so many at once, for so long at most."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from xroute.errors import ConfigError, TransportError
from xroute.upstream.client import HttpTransport
from xroute.wire.http import Exchange, Target, Timeouts, Transport
from xroute.wire.sse import Parser

MOST_BYTES = 64 * 1024 * 1024
TIMEOUTS = Timeouts(connect=5.0, first_byte=60.0, between_chunks=60.0)
PROMPT = "Say in two sentences what a reverse proxy is."


@dataclass(frozen=True, slots=True)
class Work:
    """What to do."""

    url: str
    key: str = field(repr=False)
    model: str
    calls: int
    concurrency: int
    stream: bool
    max_tokens: int
    seconds: float

    def target(self) -> Target:
        """Where the calls go."""
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError("expected an address such as http://127.0.0.1:8790/v1", "--url")
        credential = (("authorization", f"Bearer {self.key}"),) if self.key else ()
        return Target(f"{self.url}/chat/completions", (("content-type", "application/json"), *credential))

    def body(self) -> bytes:
        """What each call asks."""
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": self.max_tokens,
        }
        if self.stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return orjson.dumps(asked)


@dataclass(frozen=True, slots=True)
class Sample:
    """One call that was answered, in seconds."""

    latency_s: float
    ttft_s: float | None
    tokens: int


@dataclass(slots=True)
class Result:
    """What came of it."""

    samples: list[Sample] = field(default_factory=list[Sample])
    errors: Counter[str] = field(default_factory=Counter[str])
    elapsed_s: float = 0.0


class RefusedError(TransportError):
    """The endpoint answered with an error."""


async def run(work: Work, transport: Transport | None = None) -> Result:
    """Makes the calls; ends early, without waiting for those under way, when the time is up."""
    transport = transport or HttpTransport()
    result, started = Result(), time.perf_counter()
    numbers = iter(range(work.calls))
    tasks = [
        _worker(work, work.target(), transport, numbers, result)
        for _ in range(min(work.concurrency, work.calls))
    ]
    try:
        async with asyncio.timeout(work.seconds):
            await asyncio.gather(*tasks)
    except TimeoutError:
        result.errors["not finished in time"] += work.calls - len(result.samples) - result.errors.total()
    finally:
        result.elapsed_s = time.perf_counter() - started
        await transport.close()
    return result


def summary(result: Result) -> dict[str, Any]:
    """The figures by name: times in milliseconds, rates per second."""
    elapsed = max(result.elapsed_s, 1e-9)
    figures: dict[str, Any] = {
        "calls answered": len(result.samples),
        "errors": result.errors.total(),
        "seconds": round(result.elapsed_s, 2),
        "calls per second": round(len(result.samples) / elapsed, 1),
        "tokens per second": round(sum(sample.tokens for sample in result.samples) / elapsed, 1),
    }
    latencies = [sample.latency_s for sample in result.samples]
    firsts = [sample.ttft_s for sample in result.samples if sample.ttft_s is not None]
    return figures | _quantiles("latency", latencies) | _quantiles("time to first token", firsts)


def _quantiles(name: str, values: Sequence[float]) -> dict[str, float]:
    """Nearest-rank quantiles; nothing for no values."""
    ordered = sorted(values)
    ranks = {"median": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        f"{name} {rank}, ms": round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for rank, share in ranks.items()
        if ordered
    }


async def _worker(
    work: Work, target: Target, transport: Transport, numbers: Iterator[int], result: Result
) -> None:
    body = work.body()
    for _ in numbers:
        try:
            result.samples.append(await _call(work, target, body, transport))
        except TransportError as error:
            result.errors[str(error)[:200]] += 1


async def _call(work: Work, target: Target, body: bytes, transport: Transport) -> Sample:
    started = time.perf_counter()
    exchange = await transport.send("POST", target, body, TIMEOUTS)
    try:
        if exchange.status != 200:
            raise RefusedError(f"status {exchange.status}: {_message(await exchange.read(MOST_BYTES))}")
        if work.stream:
            return await _stream(exchange, started)
        tokens = _tokens(_parse(await exchange.read(MOST_BYTES)))
        return Sample(time.perf_counter() - started, None, tokens)
    finally:
        exchange.close()


async def _stream(exchange: Exchange, started: float) -> Sample:
    parser, first, tokens, done = Parser(), None, 0, False
    while data := await exchange.chunk(TIMEOUTS.between_chunks):
        for event in parser.feed(data):
            if event == b"[DONE]":
                done = True
                continue
            chunk = _parse(event)
            if "error" in chunk:
                raise RefusedError(f"an error in the stream: {_message(event)}")
            if first is None and _has_content(chunk):
                first = time.perf_counter() - started
            tokens = _tokens(chunk) or tokens
    if not done:
        raise RefusedError("the stream ended without [DONE]")
    return Sample(time.perf_counter() - started, first, tokens)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RefusedError("the answer is not JSON") from None
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _tokens(answer: dict[str, Any]) -> int:
    usage: dict[str, Any] = answer.get("usage") or {}
    return int(usage.get("completion_tokens") or 0)


def _has_content(chunk: dict[str, Any]) -> bool:
    choices: list[dict[str, Any]] = chunk.get("choices") or []
    deltas: list[dict[str, Any]] = [choice.get("delta") or {} for choice in choices]
    return any(delta.get(name) for delta in deltas for name in ("content", "tool_calls", "reasoning"))


def _message(data: bytes) -> str:
    """The error's own text, else the start of what came."""
    try:
        return str(orjson.loads(data)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return data[:100].decode("utf-8", "replace")
