"""An answer is read as it was meant, however it is cut; a broken one never looks whole."""

import asyncio

import pytest

from xroute.errors import ConnectError, CutError, ProtocolError
from xroute.upstream.connection import HIGH, Connection
from xroute.upstream.head import make_head
from xroute.wire.http import Target, Timeouts

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def drain(answer):
    pieces = []
    while piece := await answer.chunk(30):
        pieces.append(piece)
    return b"".join(pieces)


WHOLE = {
    "content-length": (OK, 200, b"ok", 1),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
        200,
        b"abcdefg",
        1,
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-t: 1\r\n\r\n",
        200,
        b"a",
        1,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", 1),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b"", 1),
    "redirect": (b"HTTP/1.1 307 X\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 307, b"", 1),
    "interim": (b"HTTP/1.1 100 Continue\r\nx: 1\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK, 200, b"ok", 1),
    "close": (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", 0),
    "old": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", 0),
    "junk behind": (OK + b"HTTP/1.1 200 OK\r\n", 200, b"ok", 0),
    "other junk behind": (OK + b"??", 200, b"ok", 0),
    "second answer": (OK + OK, 200, b"ok", 0),
}


@pytest.mark.parametrize("raw, status, body, idle", WHOLE.values(), ids=WHOLE)
async def test_an_answer_is_read_and_its_connection_kept_if_it_may_be(
    client, upstream, raw, status, body, idle
):
    task, peer = await upstream.ask(client)
    peer.write(raw)
    answer = await task
    assert answer.status == status
    assert await answer.read(100) == body
    assert "x-t" not in answer.headers and "x" not in answer.headers
    assert client.stats().idle == client.stats().open == idle
    if not idle:
        await peer.gone()


async def test_the_request_on_the_wire(client, upstream):
    upstream.answer = OK
    task = asyncio.create_task(client.send("POST", upstream.target, b'{"a":1}', Timeouts()))
    await task
    peer = await upstream.peer()
    upstream.answer = None
    second = asyncio.create_task(client.send("GET", Target(upstream.url + "?a=b", ()), b"", Timeouts()))
    request = await peer.request()
    assert request.startswith(b"GET /v1/chat?a=b HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in request
    assert b"content-length" not in request
    peer.write(OK)
    await second


async def test_an_answer_to_head_has_no_body(client, upstream):
    task, peer = await upstream.ask(client, "HEAD", b"")
    peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    answer = await task
    assert (answer.headers["content-length"], await answer.read(10)) == ("1000", b"")


async def test_a_body_without_a_length_ends_with_the_connection(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.0 200 OK\r\n\r\nabc")
    answer = await task
    assert await answer.chunk(30) == b"abc"
    peer.write(b"def")
    peer.close()
    assert await answer.read(100) == b"def"
    assert client.stats().open == 0


async def test_a_body_without_a_length_that_is_reset_is_cut(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.0 200 OK\r\n\r\nabc")
    answer = await task
    assert await answer.chunk(30) == b"abc"
    peer.reset()
    with pytest.raises(CutError):
        await answer.chunk(30)


async def test_repeated_headers_are_joined_and_names_are_lower_case(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\nX-A: 1 \r\nx-a:2\r\nEmpty:\r\nCafe: \xe9\r\ncontent-length: 0\r\n\r\n")
    answer = await task
    assert answer.headers == {"x-a": "1, 2", "empty": "", "cafe": "é", "content-length": "0"}


CUT = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
    "last chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "last line": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
}


@pytest.mark.parametrize("raw", CUT.values(), ids=CUT)
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_cut_answer_gives_what_came_and_then_an_error(client, upstream, raw, how):
    task, peer = await upstream.ask(client)
    peer.write(raw)
    answer = await task
    received = await answer.chunk(30)
    getattr(peer, how)()
    with pytest.raises(CutError):
        received += await drain(answer)
    with pytest.raises(CutError):
        await answer.read(100)
    assert received == b"abc"
    assert client.stats().open == 0


@pytest.mark.parametrize("raw", CUT.values(), ids=CUT)
async def test_reading_a_cut_answer_as_a_whole_is_an_error(client, upstream, raw):
    task, peer = await upstream.ask(client)
    peer.write(raw)
    peer.close()
    with pytest.raises(CutError):
        await (await task).read(100)


async def test_a_connection_that_ends_before_any_answer_is_a_connect_error(client, upstream):
    task, peer = await upstream.ask(client)
    peer.reset()
    with pytest.raises(ConnectError, match="without an answer"):
        await task
    assert (upstream.count, client.stats().open) == (1, 0)


@pytest.mark.parametrize("raw", [b"H", b"HTTP/1.1 200 OK\r\nx: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_head_without_an_end_is_cut(client, upstream, raw):
    task, peer = await upstream.ask(client)
    peer.write(raw)
    await asyncio.sleep(0.01)
    peer.close()
    with pytest.raises(CutError, match="head"):
        await task


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
    "status": b"HTTP/1.1 20x OK\r\n\r\n",
    "bare newlines": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunked and length": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
    "length of letters": b"HTTP/1.1 200 OK\r\ncontent-length: three\r\n\r\n",
    "coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "huge head": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"abcd: efghijklmnop\r\n" * 4000 + b"\r\n",
    "endless interim": b"HTTP/1.1 102 Processing\r\n\r\n" * 4000,
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_a_protocol_error_and_ends_the_connection(client, upstream, raw):
    task, peer = await upstream.ask(client)
    peer.write(raw)
    with pytest.raises(ProtocolError):
        await task
    await peer.gone()
    assert client.stats().open == 0


@pytest.mark.parametrize("tail", [b"zz\r\n", b"0\r\n" + b"x-t: aaaaaaaaaaaaaaaaaaa\r\n" * 4000])
async def test_a_broken_chunk_is_a_protocol_error_after_what_came(client, upstream, tail):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    answer = await task
    assert await answer.chunk(30) == b"abc"
    peer.write(tail)
    with pytest.raises(ProtocolError):
        await answer.chunk(30)
    await peer.gone()


@pytest.mark.parametrize(
    "head", [b"content-length: 11\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nb\r\n", b"\r\n"]
)
async def test_a_body_above_the_limit_is_refused(client, upstream, head):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\n" + head + b"elevenbytes")
    if b"11" not in head:
        peer.close()
    with pytest.raises(ProtocolError, match="larger than 10 bytes"):
        await (await task).read(10)
    assert client.stats().open == client.stats().idle


async def test_a_body_of_exactly_the_limit_is_read(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(OK)
    assert await (await task).read(2) == b"ok"


async def test_a_body_is_had_without_waiting_once_its_end_is_here_and_not_before(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(OK[:-1])
    answer = await task
    assert (answer.whole(10), await answer.chunk(30)) == (None, b"o")
    task, peer = await upstream.ask(client)
    peer.write(OK)
    assert (await task).whole(2) == b"ok"


async def test_a_cut_body_is_never_whole(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(OK[:-1])
    answer = await task
    peer.close()
    assert await answer.chunk(30) == b"o"
    with pytest.raises(CutError):
        await answer.chunk(30)
    assert answer.whole(10) is None


async def test_a_body_that_is_here_is_refused_above_the_limit(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(OK)
    with pytest.raises(ProtocolError, match="larger than 1 bytes"):
        (await task).whole(1)


async def test_a_declared_length_is_refused_before_the_body_comes(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n")
    with pytest.raises(ProtocolError):
        await (await task).read(10)
    await peer.gone()


async def test_long_streams_of_short_chunks_pass(client, upstream):
    """Framing bytes that come apart from their content must not add up to a refusal."""
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    answer = await task
    padding = b";" + b"p" * 30_000 + b"\r\n"
    for _ in range(4):
        peer.write(b"1" + padding)
        await asyncio.sleep(0.01)
        peer.write(b"a\r\n")
        assert await answer.chunk(30) == b"a"
    peer.write(b"0\r\n\r\n")
    assert await answer.chunk(30) == b""


class Wire(asyncio.Transport):
    """A transport in memory: the cutting of bytes is the test's, not the kernel's."""

    def __init__(self):
        super().__init__()
        self.closing = False

    def write(self, data):
        pass

    def abort(self):
        self.closing = True

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 0


class Keeper:
    """Notes what becomes of a connection."""

    fate = ""

    def keep(self, connection):
        self.fate = "kept"

    def forget(self, connection):
        self.fate = "gone"


async def replay(pieces):
    """Feed an answer in these pieces; status, headers, body, and what became of the connection."""
    keeper = Keeper()
    connection = Connection(asyncio.get_running_loop(), keeper, "test")
    connection.connection_made(Wire())
    head = make_head("POST", "/", "test", Target("http://test/", ()), ())
    asking = asyncio.create_task(connection.ask(head, b"", Timeouts()))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    answer = await asking
    return answer.status, answer.headers, await answer.read(HIGH), keeper.fate


@pytest.mark.parametrize("raw", [case[0] for case in WHOLE.values()], ids=WHOLE)
async def test_any_cutting_of_the_bytes_gives_the_same_answer(raw):
    whole = await replay([raw])
    for at in range(1, len(raw)):
        assert (await replay([raw[:at], raw[at:]]))[:3] == whole[:3]
    assert (await replay([raw[at : at + 1] for at in range(len(raw))]))[:3] == whole[:3]
