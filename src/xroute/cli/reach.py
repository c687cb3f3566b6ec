"""What `xroute doctor` finds by asking each provider in use for its list of models, once for each key.

Listing models costs nothing. It is the shortest question that shows name resolution, TLS, the proxy, the
credential and, by its Date header, the clock.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from xroute.cli.checks import Finding
from xroute.errors import ConfigError, TransportError
from xroute.gateway.hosts import Host
from xroute.upstream.auth import models_target
from xroute.upstream.client import HttpTransport
from xroute.upstream.proxy import ProxyRules
from xroute.wire.http import Target, Timeouts, Transport

TIMEOUTS = Timeouts(connect=3.0, first_byte=10.0)
AT_ONCE = 8
DRIFT_S = 60  # a clock this wrong breaks signed requests and Retry-After dates


@dataclass(frozen=True, slots=True)
class Probe:
    """What one key at one provider met; `date_s` is the provider's clock, None where it did not say."""

    finding: Finding
    date_s: float | None = None


async def probe_all(hosts: Sequence[Host], proxies: ProxyRules) -> list[Probe]:
    """Every provider in use that is reached over HTTP, with each of its keys."""
    transport = HttpTransport(proxy=proxies)
    gate = asyncio.Semaphore(AT_ONCE)
    asked = [
        _gated(gate, probe(transport, f"provider {host.provider.id}, key {name}", found))
        for host in hosts
        for name, key, _ in host.keys
        if (found := probe_target(host, key)) is not None
    ]
    try:
        return await asyncio.gather(*asked)
    finally:
        await transport.close()


async def probe(transport: Transport, subject: str, target: Target) -> Probe:
    """One question and what its answer means."""
    origin = urlsplit(target.url).netloc
    try:
        answer = await transport.send("GET", target, b"", TIMEOUTS)
    except TransportError as error:
        text = f"{origin} cannot be reached ({error}): check the address, the network and the proxy variables"
        return Probe(Finding("fail", subject, text))
    answer.close()
    return Probe(judged(subject, origin, answer.status), _date(answer.headers.get("date", "")))


def judged(subject: str, origin: str, status: int) -> Finding:
    """What a status says of a key; only 401 and 403 are about the key itself."""
    if status in (401, 403):
        return Finding("fail", subject, f"{origin} refuses the key (status {status}): make or copy a new one")
    if status == 429 or status >= 500:
        return Finding(
            "warn", subject, f"{origin} is reached but answers with status {status}: try again later"
        )
    if status >= 400:
        return Finding("ok", subject, f"{origin} is reached; it does not list models (status {status})")
    return Finding("ok", subject, f"{origin} is reached and takes the key")


def clock(probes: Sequence[Probe], now_s: float) -> Finding:
    """How far this machine's clock is from the providers'."""
    dates = sorted(probe.date_s for probe in probes if probe.date_s is not None)
    if not dates:
        return Finding("ok", "clock", "not compared: no provider said what time it is")
    drift = now_s - dates[len(dates) // 2]
    if abs(drift) > DRIFT_S:
        side = "ahead" if drift > 0 else "behind"
        return Finding(
            "warn", "clock", f"{abs(drift):.0f} s {side} of the providers': switch time synchronisation on"
        )
    return Finding("ok", "clock", "agrees with the providers'")


def probe_target(host: Host, key: str | None) -> Target | None:
    """Where its models are listed; None for the simulator and for an address that is not complete."""
    try:
        target = models_target(host.provider, key, host.variables)
    except ConfigError:
        return None
    return target if target.url.startswith(("http://", "https://")) else None


async def _gated(gate: asyncio.Semaphore, work: Awaitable[Probe]) -> Probe:
    async with gate:
        return await work


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
