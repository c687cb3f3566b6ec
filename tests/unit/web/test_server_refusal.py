"""What is not clearly HTTP is refused with a short answer, and the connection ends."""

import asyncio

import orjson
import pytest
from tests.unit.web.serving import answer, echo, play, running, until

HOST = b"host: x\r\n"
POST = b"POST /a HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
NEXT = b"GET /evil HTTP/1.1\r\nhost: x\r\n\r\n"


def head(*lines, start=b"GET /a HTTP/1.1", host=HOST):
    return b"".join([start, b"\r\n", host, *(line + b"\r\n" for line in lines), b"\r\n"])


BAD = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method nobody knows": head(start=b"SPOIL /a HTTP/1.1"),
    "a small method": head(start=b"get /a HTTP/1.1"),
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/2": head(start=b"GET /a HTTP/2.0"),
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": head(start=b"GET /a HTTP/1.2"),
    "a target that is no path": head(start=b"GET a HTTP/1.1"),
    "a target of another scheme": head(start=b"GET ftp://x/a HTTP/1.1"),
    "a target beyond ASCII": head(start=b"GET /\xff HTTP/1.1"),
    "a control character in the target": head(start=b"GET /\x01 HTTP/1.1"),
    "no host": head(host=b""),
    "two hosts": head(b"Host: y"),
    "the same host twice": head(b"host: x"),
    "two lengths": head(b"content-length: 1", b"content-length: 2", start=b"POST /a HTTP/1.1"),
    "one length twice": head(b"content-length: 1", b"content-length: 1", start=b"POST /a HTTP/1.1"),
    "length, then coding": head(b"content-length: 1", b"transfer-encoding: chunked"),
    "coding, then length": head(b"transfer-encoding: chunked", b"content-length: 1"),
    "two codings": head(b"transfer-encoding: chunked", b"transfer-encoding: chunked"),
    "gzip as coding": head(b"transfer-encoding: gzip, chunked"),
    "a coding in HTTP/1.0": head(b"transfer-encoding: chunked", start=b"POST /a HTTP/1.0", host=b""),
    "a folded line": head(b"x-a: 1", b" 2"),
    "a bare LF": b"GET /a HTTP/1.1\nhost: x\n\n",
    "a bare CR": head(b"x-a: 1\rx-b: 2"),
    "NUL": head(b"x-a: \0"),
    "a space before the colon": head(b"x-a : 1"),
    "chunks with LF": CHUNKED + b"1\na\n0\n\n",
    "a chunk of no size": CHUNKED + b"z\r\n",
    "a chunk that is too long": CHUNKED + b"1\r\nabc\r\n0\r\n\r\n",
    "a space after a chunk's size": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "a chunk's extension without end": CHUNKED + b"1;" + b"a" * 200_000,
    "trailers without end": CHUNKED + b"0\r\n" + b"a: b\r\n" * 40_000,
}


def refused(said, status):
    """The whole of what was said is one refusal."""
    assert said.startswith(b"HTTP/1.1 %d " % status) and said.count(b"HTTP/1.1") == 1
    start, _, body = said.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in start and b"\r\ncontent-length: %d\r\n" % len(body) in start
    error = orjson.loads(body)["error"]
    assert set(error) == {"message", "type", "code", "param", "metadata"}
    assert error["type"] == "invalid_request_error"
    assert set(error["metadata"]) == {"error_type", "request_id"}
    assert b"x-request-id: %b\r\n" % error["metadata"]["request_id"].encode() in start
    return error


@pytest.mark.parametrize("name", BAD)
async def test_what_could_be_understood_in_two_ways_is_refused_and_nothing_behind_it_read(name):
    async with running(echo) as place:
        refused(await place.ask(BAD[name] + NEXT), 400)


@pytest.mark.parametrize("name", [name for name in BAD if len(BAD[name]) < 1000])
async def test_also_byte_by_byte(name):
    refused(await play(echo, *(bytes([byte]) for byte in BAD[name] + NEXT)), 400)


async def test_another_expectation_is_not_met():
    refused(await play(echo, head(b"expect: a-miracle")), 417)
    twice = head(b"expect: 100-continue", b"expect: 100-continue", b"content-length: 1")
    refused(await play(echo, twice), 417)


async def test_http_1_0_has_no_expectations():
    said = await play(echo, head(b"expect: a-miracle", start=b"GET /a HTTP/1.0", host=b""))
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_this_is_no_proxy():
    said = await play(echo, head(start=b"CONNECT evil.example:443 HTTP/1.1") + b"more")
    refused(said, 405)
    assert b"\r\nallow: GET, HEAD, POST\r\n" in said


async def test_an_upgrade_is_not_taken_up_and_the_request_is_one_like_others():
    upgrade = (b"connection: upgrade", b"upgrade: websocket", b"sec-websocket-key: x")
    said = await play(echo, head(*upgrade), NEXT)
    assert said.count(b"HTTP/1.1 200 ") == 2 and b"GET /evil" in said


async def test_128_headers_are_taken_and_one_more_is_not():
    lines = [b"x-%d: a" % number for number in range(127)]
    assert (await play(echo, head(*lines))).startswith(b"HTTP/1.1 200 ")
    refused(await play(echo, head(*lines, b"x-a: a")), 431)


SIZES = {
    431: lambda n: head(b"x-a: " + b"a" * n),
    414: lambda n: head(start=b"GET /%b HTTP/1.1" % (b"a" * n)),
}


@pytest.mark.parametrize("status", SIZES)
@pytest.mark.parametrize("cut", [1000, 16 * 1024, 50_000, 200_000])
async def test_a_head_up_to_64_kib_is_taken_and_a_larger_one_is_not(status, cut):
    for size, expected in ((65_000, 200), (66_000, status), (150_000, status)):
        raw = SIZES[status](size)
        said = await play(echo, *(raw[at : at + cut] for at in range(0, len(raw), cut)))
        assert said.startswith(b"HTTP/1.1 %d " % expected)


ENDLESS = {
    "a target": (b"GET /", b"a", 414),
    "a header": (head()[:-2] + b"x: ", b"a", 431),
    "nothing": (b"", b"\r\n", 431),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_head_without_an_end_is_not_kept(name):
    start, piece, status = ENDLESS[name]
    async with running(echo) as place:
        refused(await place.ask(start + piece * 1_000_000), status)


async def test_a_client_that_is_still_sending_can_read_why_it_is_refused():
    async def app(scope, receive, send):
        await answer(send, b"no", 413)

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(POST + b"content-length: 30000000\r\n\r\n")
        assert (await wire.whole())[1] == b"no"
        await wire.send(*[b"x" * 100_000] * 100)  # what it had on its way is read and thrown away
        assert await wire.rest() == b""


async def test_a_request_before_a_broken_one_is_answered_first():
    async def app(scope, receive, send):
        await asyncio.sleep(0.01)
        await echo(scope, receive, send)

    async with running(app) as place:
        said = await place.ask(head() + head() + b"nonsense\r\n\r\n")
    first, second, third = said.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200") and second.startswith(b"200") and third.startswith(b"400")


async def test_a_body_that_turns_out_broken_ends_the_call_that_reads_it():
    ended = []

    async def app(scope, receive, send):
        try:
            await echo(scope, receive, send)
        finally:
            ended.append(scope["path"])

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(CHUNKED)
        await until(lambda: any(each.task for each in place.server.connections))
        await wire.send(b"nonsense\r\n")
        refused(await wire.rest(), 400)
        await until(lambda: ended)


async def test_a_body_that_breaks_behind_its_answer_ends_the_connection_and_the_answer_stays_whole():
    async def app(scope, receive, send):
        await answer(send, b"early")

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(CHUNKED)
        assert (await wire.whole())[1] == b"early"
        await wire.send(b"nonsense\r\n")
        assert await wire.rest() == b""
