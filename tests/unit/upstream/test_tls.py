"""TLS is checked, and a proxy is asked the right question, with and without it."""

import asyncio
import base64
import ssl
import subprocess

import pytest

from xroute.errors import ConfigError, ConnectError, TimedOut
from xroute.upstream.client import HttpTransport
from xroute.upstream.proxy import Proxy, ProxyRules, read_proxies
from xroute.wire.http import Target, Timeouts

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LIMITS = Timeouts(connect=30, first_byte=30, between_chunks=30)
HOST = "127.0.0.1.example"  # no loopback to the rules; only the proxy is asked for it


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Paths of a self-signed certificate, good for 127.0.0.1 and HOST, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", f"subjectAltName=IP:127.0.0.1,DNS:{HOST}"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return str(cert), str(key)


@pytest.fixture
async def secure(make_upstream, certificate):
    """An upstream that speaks TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    upstream = await make_upstream("https").listen(tls=context)
    upstream.answer = OK
    yield upstream
    await upstream.close()


class Relay:
    """A scripted proxy: notes what it is asked, answers, and after a 200 passes bytes both ways."""

    def __init__(self, answer, to_port):
        self.answer = answer
        self.to_port = to_port
        self.asked = []
        self.serving = set()

    async def serve(self, reader, writer):
        self.serving.add(asyncio.current_task())
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if b" 200 " not in self.answer or not self.asked[-1].startswith(b"CONNECT"):
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


@pytest.fixture
async def make_proxy():
    relays = []

    async def make(answer, to_port=0):
        relay = Relay(answer, to_port)
        server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
        relays.append((relay, server))
        return relay, server.sockets[0].getsockname()[1]

    yield make
    for relay, server in relays:
        server.close()
        await asyncio.wait_for(asyncio.gather(*relay.serving), 30)  # its ends notice that the client is gone


@pytest.fixture
async def make_client(make_proxy):
    """Its clients are closed before the proxies they use."""
    clients = []

    def make(**arguments):
        clients.append(HttpTransport(**arguments))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


async def call(client, target):
    answer = await client.send("POST", target, b"{}", LIMITS)
    return await answer.read(100)


async def test_a_trusted_server_is_talked_to_and_its_connection_kept(secure, make_client, certificate):
    client = make_client(ca_file=certificate[0])
    for _ in range(3):
        assert await call(client, secure.target) == b"ok"
    assert secure.count == 1


async def test_a_stranger_is_refused(secure, make_client):
    client = make_client()
    with pytest.raises(ConnectError, match="certificate verify failed"):
        await call(client, secure.target)
    assert client.stats().open == 0


async def test_a_certificate_for_another_name_is_refused(secure, make_client, certificate):
    client = make_client(ca_file=certificate[0])
    target = Target(secure.url.replace("127.0.0.1", "localhost"), ())
    with pytest.raises(ConnectError, match="localhost"):
        await call(client, target)


async def test_anyone_is_trusted_when_told_so(secure, make_client):
    assert await call(make_client(insecure=True), secure.target) == b"ok"


async def test_a_server_without_tls_is_a_connect_error(upstream, make_client):
    client = make_client(insecure=True)
    task = asyncio.create_task(call(client, Target(upstream.url.replace("http:", "https:"), ())))
    peer = await upstream.peer()
    peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ConnectError):
        await task


async def test_a_large_body_and_a_large_answer_pass_tls(secure, make_client, certificate):
    body = bytes(range(256)) * 20_000
    secure.answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    answer = await make_client(ca_file=certificate[0]).send("POST", secure.target, body, LIMITS)
    assert await answer.read(len(body)) == body


async def test_cancelling_ends_a_tls_connection(secure, make_client, certificate):
    secure.answer = None
    client = make_client(ca_file=certificate[0])
    task, peer = await secure.ask(client)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await peer.gone()
    assert client.stats().open == 0


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_a_config_error(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        HttpTransport(ca_file=str(path))


async def test_https_goes_through_connect(secure, make_client, make_proxy, certificate):
    relay, port = await make_proxy(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n", secure.port)
    proxy = read_proxies({"HTTPS_PROXY": f"http://me:pass@127.0.0.1:{port}"})
    client = make_client(proxy=proxy, ca_file=certificate[0])
    for _ in range(2):
        assert await call(client, Target(f"https://{HOST}/x", (("authorization", "Bearer sk-1"),))) == b"ok"
    secret = base64.b64encode(b"me:pass")
    assert relay.asked == [
        b"CONNECT %b:443 HTTP/1.1\r\nhost: %b:443\r\nproxy-authorization: Basic %b\r\n\r\n"
        % (HOST.encode(), HOST.encode(), secret)
    ]


async def test_http_is_sent_to_the_proxy_with_the_whole_address(make_client, make_proxy):
    relay, port = await make_proxy(OK)
    client = make_client(proxy=ProxyRules(http=Proxy("127.0.0.1", port, "Basic eA==")))
    assert await call(client, Target(f"http://{HOST}:8080/x?y", ())) == b"ok"
    assert relay.asked[0].startswith(b"POST http://%b:8080/x?y HTTP/1.1\r\n" % HOST.encode())
    assert b"host: %b:8080\r\n" % HOST.encode() in relay.asked[0]
    assert b"proxy-authorization: Basic eA==\r\n" in relay.asked[0]


async def test_an_exempt_host_is_not_asked_of_the_proxy(upstream, make_client):
    upstream.answer = OK
    client = make_client(proxy=ProxyRules(http=Proxy("127.0.0.1", 1)))
    assert await call(client, upstream.target) == b"ok"


@pytest.mark.parametrize(
    "answer, message",
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "status 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!", "no HTTP|status 502"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200", "without an answer"),
        (b"SSH-2.0-x\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nalready talking", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000, "no HTTP"),
    ],
)
async def test_a_proxy_that_refuses_is_a_connect_error(secure, make_client, make_proxy, answer, message):
    _, port = await make_proxy(answer, secure.port)
    client = make_client(proxy=ProxyRules(https=Proxy("127.0.0.1", port)))
    with pytest.raises(ConnectError, match=message):
        await call(client, Target(f"https://{HOST}/x", ()))
    assert client.stats().open == 0


async def test_a_certificate_is_checked_behind_a_proxy_too(secure, make_client, make_proxy):
    _, port = await make_proxy(b"HTTP/1.1 200 OK\r\n\r\n", secure.port)
    client = make_client(proxy=ProxyRules(https=Proxy("127.0.0.1", port)))
    with pytest.raises(ConnectError, match="certificate verify failed"):
        await call(client, Target(f"https://{HOST}/x", ()))
    assert client.stats().open == 0


async def test_a_proxy_that_does_not_answer_times_out(upstream, make_client):
    client = make_client(proxy=ProxyRules(https=Proxy("127.0.0.1", upstream.port)))
    task = asyncio.create_task(
        client.send("POST", Target(f"https://{HOST}/x", ()), b"", Timeouts(connect=0.1))
    )
    peer = await upstream.peer()
    with pytest.raises(TimedOut) as caught:
        await task
    assert caught.value.stage == "connect"
    await peer.gone()


async def test_a_proxy_that_is_not_there_is_a_connect_error(upstream, make_client):
    await upstream.close()
    client = make_client(proxy=ProxyRules(https=Proxy("127.0.0.1", upstream.port)))
    with pytest.raises(ConnectError, match=f"127.0.0.1:{upstream.port}"):
        await call(client, Target(f"https://{HOST}/x", ()))
