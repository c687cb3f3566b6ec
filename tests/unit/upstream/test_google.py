"""Tokens of Google Cloud, from a token endpoint on this machine."""

import asyncio
import datetime
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google.auth._helpers
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from xroute.errors import ConfigError, ConnectError, TransportError
from xroute.upstream import google as ours
from xroute.upstream.google import GoogleSigner
from xroute.wire.http import Target

TARGET = Target("https://vertex.test/v1/models/m:generateContent", (("content-type", "application/json"),))


class Endpoint(ThreadingHTTPServer):
    """Hands out token-1, token-2, ... , or whatever `answer` says."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = 0
        self.life_s = 3600
        self.answer = None  # (status, body)
        self.held = threading.Event()
        self.held.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/token"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.held.wait(5)
        self.server.asked += 1
        token = {"access_token": f"token-{self.server.asked}", "expires_in": self.server.life_s}
        status, body = self.server.answer or (200, {**token, "token_type": "Bearer"})
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def key():
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def account(endpoint, key):
    info = {
        "type": "service_account",
        "client_email": "robot@project.test",
        "private_key": key,
        "private_key_id": "1",
        "token_uri": endpoint.url,
    }
    return json.dumps(info)


@pytest.fixture
def clock(monkeypatch):
    """google-auth's own clock, set forward by the test."""
    now = [datetime.datetime(2026, 11, 21)]
    monkeypatch.setattr(google.auth._helpers, "utcnow", lambda: now[0])

    def forward(seconds):
        now[0] += datetime.timedelta(seconds=seconds)

    return forward


async def token_of(signer):
    signed = await signer.sign("POST", TARGET, b"")
    return dict(signed.headers)["authorization"]


async def test_a_service_account_signs_with_a_bearer_token(endpoint, account):
    signed = await GoogleSigner(account).sign("POST", TARGET, b"{}")
    assert signed.url == TARGET.url
    assert signed.headers == (*TARGET.headers, ("authorization", "Bearer token-1"))


async def test_the_json_may_stand_in_a_file(endpoint, account, tmp_path):
    path = tmp_path / "account.json"
    path.write_text(account)
    assert await token_of(GoogleSigner(str(path))) == "Bearer token-1"


async def test_the_file_that_google_names_is_used_where_nothing_else_is_said(
    endpoint, account, tmp_path, monkeypatch
):
    path = tmp_path / "account.json"
    path.write_text(account)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert await token_of(GoogleSigner()) == "Bearer token-1"


async def test_the_signed_target_is_the_same_object_while_the_token_is(endpoint, account, clock):
    signer = GoogleSigner(account)
    first = await signer.sign("POST", TARGET, b"")
    assert await signer.sign("POST", TARGET, b"other") is first
    clock(3601)
    assert await signer.sign("POST", TARGET, b"") is not first
    assert endpoint.asked == 2


async def test_a_token_that_stands_on_the_target_is_replaced(endpoint, account):
    target = Target(TARGET.url, (("Authorization", "Bearer old"),))
    signed = await GoogleSigner(account).sign("POST", target, b"")
    assert signed.headers == (("authorization", "Bearer token-1"),)


async def test_all_who_wait_are_served_by_one_renewal(endpoint, account):
    signer = GoogleSigner(account)
    tokens = await asyncio.gather(*(token_of(signer) for _ in range(20)))
    assert set(tokens) == {"Bearer token-1"}
    assert endpoint.asked == 1


async def test_a_token_near_its_end_is_used_while_the_next_one_is_fetched(endpoint, account, clock):
    signer = GoogleSigner(account)
    assert await token_of(signer) == "Bearer token-1"
    clock(3600 - 60)
    assert await token_of(signer) == "Bearer token-1"
    await signer._renewing
    assert await token_of(signer) == "Bearer token-2"


async def test_a_renewal_that_fails_is_not_asked_for_at_once_again(endpoint, account, clock):
    now = [100.0]
    signer = GoogleSigner(account, clock=lambda: now[0])
    await token_of(signer)
    clock(3600 - 60)
    endpoint.answer = (400, {"error": "invalid_grant"})
    for _ in range(3):
        assert await token_of(signer) == "Bearer token-1"
        await signer._renewing
    assert endpoint.asked == 2
    now[0] += ours.AGAIN_S
    endpoint.answer = None
    await token_of(signer)
    await signer._renewing
    assert await token_of(signer) == "Bearer token-3"


async def test_one_who_stops_waiting_leaves_the_renewal_to_the_others(endpoint, account):
    endpoint.held.clear()
    signer = GoogleSigner(account)
    impatient, patient = asyncio.create_task(token_of(signer)), asyncio.create_task(token_of(signer))
    await asyncio.sleep(0.05)
    impatient.cancel()
    endpoint.held.set()
    assert await patient == "Bearer token-1"
    assert impatient.cancelled()


async def test_a_refused_account_is_a_matter_of_the_configuration(endpoint, account):
    endpoint.answer = (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    with pytest.raises(ConfigError, match="Invalid JWT Signature"):
        await token_of(GoogleSigner(account))


async def test_an_endpoint_that_is_not_there_is_a_matter_of_the_network(account):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    info = json.loads(account) | {"token_uri": f"http://127.0.0.1:{port}/token"}
    with pytest.raises(ConnectError, match="token endpoint"):
        await token_of(GoogleSigner(json.dumps(info)))


async def test_after_an_error_the_next_call_asks_anew(endpoint, account):
    signer = GoogleSigner(account)
    endpoint.answer = (400, {"error": "invalid_grant"})
    with pytest.raises(ConfigError):
        await token_of(signer)
    endpoint.answer = None
    assert await token_of(signer) == "Bearer token-2"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{not json", "no JSON"),
        ("/nowhere/account.json", "cannot be read"),
        ('{"type": "service_account"}', "cannot be used"),
        ('{"type": "of another time"}', "of another time"),
        ('{"private_key": 1}', "type"),
    ],
)
async def test_what_are_no_credentials_is_said_plainly(source, text):
    with pytest.raises(ConfigError, match=text):
        await token_of(GoogleSigner(source))


async def test_no_secret_is_in_an_error_or_a_repr(endpoint, account, key):
    signer = GoogleSigner(account)
    assert "PRIVATE" not in repr(signer)
    broken = json.dumps(json.loads(account) | {"private_key": "PRIVATE nonsense"})
    with pytest.raises(ConfigError) as caught:
        await token_of(GoogleSigner(broken))
    assert "nonsense" not in str(caught.value)


async def test_without_google_auth_the_error_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(ours, "import_module", missing)
    with pytest.raises(ConfigError, match=r"xroute\[google\]"):
        GoogleSigner()


async def test_an_answer_without_a_token_is_an_error(endpoint, account):
    endpoint.answer = (200, {"token_type": "Bearer"})
    with pytest.raises((ConfigError, TransportError)):
        await token_of(GoogleSigner(account))


async def test_the_targets_that_are_kept_are_limited(endpoint, account, monkeypatch):
    monkeypatch.setattr(ours, "MAX_TARGETS", 3)
    signer = GoogleSigner(account)
    for number in range(10):
        await signer.sign("POST", Target(f"https://vertex.test/{number}", ()), b"")
    assert len(signer._signed) <= 3
