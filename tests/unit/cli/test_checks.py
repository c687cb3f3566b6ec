"""The doctor's checks: each says what to do, and none says a key."""

import socket
from pathlib import Path

import pytest

from xroute.catalog.entries import Provider
from xroute.cli import checks, reach
from xroute.cli.checks import Finding, doubtful
from xroute.cli.reach import Probe
from xroute.config.settings import ProviderSettings
from xroute.errors import ConnectError
from xroute.gateway.hosts import Host
from xroute.wire.http import Target, Timeouts


def host(key: str | None = "sk-0123456789", **changes: str) -> Host:
    fields = {"id": "p", "name": "P", "dialect": "openai", "base_url": "https://h/v1"} | changes
    variables = {"region": "REGION"} if "{region}" in fields["base_url"] else {}
    provider = Provider(**fields, vars=variables)  # type: ignore[arg-type]
    return Host(provider, (("K", key, 1.0),), {}, ProviderSettings(), "here", "", (None,))


@pytest.mark.parametrize(
    ("key", "doubt"),
    [
        ("sk-proj-0123456789abcdef", ""),
        ("Bearer sk-0123456789", "begins with"),
        ("'sk-0123456789'", "quotes"),
        ("sk-0123 456789", "space"),
        ("sk-0123456789…", "characters that no key has"),
        ("your-api-key", "placeholder"),
        ("<your key>", "placeholder"),
        ("sk-xxxxxxxxxxxx", "placeholder"),
        ("changeme", "placeholder"),
        ("sk-1", "fewer than 8"),
    ],
)
def test_odd_keys_are_recognised(key: str, doubt: str):
    found = doubtful(key)
    assert doubt in found
    assert bool(found) is bool(doubt)
    assert key not in found


def test_a_good_provider_is_present():
    assert [f.state for f in checks.credentials(host())] == ["ok"]


def test_a_provider_without_a_key_needs_none():
    assert list(checks.credentials(host(None))) == [Finding("ok", "provider p", "needs no key (from here)")]


def test_a_missing_placeholder_is_a_failure():
    (finding,) = checks.credentials(host(base_url="https://{region}.h/v1"))
    assert finding.state == "fail"
    assert "REGION" in finding.text


def test_a_port_in_use_is_a_warning():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert checks.port_free("127.0.0.1", port).state == "warn"
    assert checks.port_free("127.0.0.1", port).state == "ok"


def test_a_host_that_is_not_this_machine_is_a_warning():
    assert checks.port_free("192.0.2.1", 8790).state == "warn"


def test_a_folder_is_writable_or_says_why_not(tmp_path: Path):
    assert checks.writable("s", tmp_path).state == "ok"
    assert "made at the first start" in checks.writable("s", tmp_path / "a" / "b").text
    file = tmp_path / "file"
    file.write_text("")
    assert checks.writable("s", file / "below").state == "fail"


def test_the_limit_of_open_files_is_read():
    assert checks.open_files().subject == "open files"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "ok"),
        (401, "fail"),
        (403, "fail"),
        (404, "ok"),
        (405, "ok"),
        (429, "warn"),
        (500, "warn"),
        (503, "warn"),
    ],
)
def test_only_a_refused_key_is_a_failure(status: int, state: str):
    assert reach.judged("s", "h", status).state == state


@pytest.mark.parametrize(
    ("dates", "state", "text"),
    [
        ([], "ok", "not compared"),
        ([1000.0], "ok", "agrees"),
        ([880.0], "warn", "120 s ahead"),
        ([1200.0], "warn", "200 s behind"),
        ([1000.0, 1001.0, 5.0], "ok", "agrees"),
    ],
)
def test_the_clock_is_compared_with_the_providers(dates: list[float], state: str, text: str):
    probes = [Probe(Finding("ok", "s", ""), date) for date in dates] + [Probe(Finding("fail", "s", ""))]
    finding = reach.clock(probes, 1000.0)
    assert finding.state == state
    assert text in finding.text


class Listing:
    """A transport whose provider answers with this status and these headers; None refuses the connection."""

    def __init__(self, status: int | None, date: str = "") -> None:
        self.status = status or 0
        self.headers = {"date": date} if date else {}
        self.asked: list[str] = []
        self.closed = False

    async def send(self, method: str, target: Target, body: bytes, timeouts: Timeouts) -> "Listing":
        self.asked.append(f"{method} {target.url}")
        if not self.status:
            raise ConnectError("refused")
        return self

    async def read(self, limit: int) -> bytes:
        return b""

    async def chunk(self, timeout_s: float | None) -> bytes:
        return b""

    def close(self) -> None:
        self.closed = True


TARGET = Target("https://h/v1/models", (("authorization", "Bearer sk-verysecret"),))


async def test_a_provider_is_asked_once_for_its_models():
    transport = Listing(200, "Sat, 21 Nov 2026 10:00:00 GMT")
    found = await reach.probe(transport, "provider p", TARGET)  # type: ignore[arg-type]
    assert transport.asked == ["GET https://h/v1/models"]
    assert transport.closed
    assert (found.finding.state, found.date_s) == ("ok", 1795255200.0)


@pytest.mark.parametrize("date", ["", "yesterday"])
async def test_a_provider_may_not_say_what_time_it_is(date: str):
    found = await reach.probe(Listing(401, date), "provider p", TARGET)  # type: ignore[arg-type]
    assert (found.finding.state, found.date_s) == ("fail", None)
    assert "verysecret" not in found.finding.text


async def test_a_refused_connection_names_the_host_alone():
    found = await reach.probe(Listing(None), "provider p", TARGET)  # type: ignore[arg-type]
    assert found.finding.text.startswith("h cannot be reached (refused)")


def test_the_simulator_is_not_asked():
    assert reach.probe_target(host(base_url="sim:"), None) is None
