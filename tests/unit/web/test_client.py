"""Our own server's client, which handlers speak to without ASGI's messages: the same as by them."""

import asyncio

import pytest
from tests.unit.web.serving import play, running, until

from xroute.web.asgi import AsgiReply, RequestHeaders, client_of
from xroute.web.body import ClientGone, read_body
from xroute.web.exchange import JOINED

POST = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"
ASKED = {
    "whole": [POST + b"hello"],
    "pieces": [POST, b"he", b"llo"],
    "chunks": [b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    "asks first": [POST.replace(b"host", b"expect: 100-continue\r\nhost"), b"hello"],
    "1.0": [b"POST /a HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello"],
    "1.0, staying": [b"POST /a HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello"],
    "closing": [POST.replace(b"host", b"connection: close\r\nhost") + b"hello"],
    "HEAD": [b"HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n"],
}


def by_messages(app):
    """The application without what our own server has beyond ASGI."""

    async def plain(scope, receive, send):
        await app({**scope, "extensions": {}}, receive, send)

    return plain


async def whole(reply, body):
    await reply.answer(200, ["x-a: 1"], body)


async def other_type(reply, body):
    await reply.answer(201, ["x-a: ü"], body, "audio/mpeg")


async def large(reply, body):
    await reply.answer(200, [], body * JOINED)


async def bodiless(reply, body):
    await reply.answer(204, [], b"")


async def of_an_application(reply, body):
    headers = [(b"Content-Type", b"text/csv"), (b"Content-Length", b"7"), (b"Connection", b"close")]
    await reply.answer_as(200, headers, body)


async def stream(reply, body):
    await reply.open(["x-a: 1"])
    await reply.write(body)
    await reply.write(b"data: 2\n\n")
    await reply.end()


async def stream_of_an_application(reply, body):
    await reply.open_as(200, [(b"Content-Type", b"text/csv")])
    await reply.write(body)
    await reply.end()


async def broken_stream(reply, body):
    await reply.open([])
    await reply.write(body)


@pytest.mark.parametrize(
    "say",
    [whole, other_type, large, bodiless, of_an_application, stream, stream_of_an_application, broken_stream],
    ids=lambda each: each.__name__,
)
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
async def test_an_answer_is_the_same_bytes_by_either_way(asked, say):
    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        reply = AsgiReply(client)
        reply.request_id = "req-1"
        reply.named(b"request-id")
        body = await read_body(RequestHeaders(client.headers), client, 10)
        await say(reply, body)

    said = await play(app, *asked)
    assert said == await play(by_messages(app), *asked)
    assert b"HTTP/1.1 2" in said


async def test_a_line_break_in_a_header_of_ours_is_a_fault(caplog):
    async def app(scope, receive, send):
        await AsgiReply(client_of(scope, receive, send)).answer(200, ["x-a: 1\r\nset-cookie: evil"], b"")

    said = await play(app, POST + b"hello")
    assert said.startswith(b"HTTP/1.1 500 ") and b"evil" not in said
    assert "line break" in caplog.text


@pytest.mark.parametrize("way", [lambda app: app, by_messages], ids=["own", "messages"])
async def test_the_going_of_a_client_that_is_watched_cancels_the_task(way):
    ended = []

    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        assert await read_body(RequestHeaders(client.headers), client, 10) == b"hello"
        client.watch()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(client.left)

    async with running(way(app)) as place:
        wire = await place.dial()
        await wire.send(POST + b"hello")
        await until(lambda: any(each.task for each in place.server.connections))
        await wire.close()
        await until(lambda: ended)
    assert ended == [True]


@pytest.mark.parametrize("way", [lambda app: app, by_messages], ids=["own", "messages"])
async def test_a_client_that_left_before_it_was_watched_is_known_at_once(way):
    ended = []

    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        await read_body(RequestHeaders(client.headers), client, 10)
        await until(lambda: not any(each.is_staying() for each in place.server.connections))
        client.watch()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(client.left)

    async with running(way(app)) as place:
        wire = await place.dial()
        await wire.send(POST + b"hello")
        await wire.close()
        await until(lambda: ended)
    assert ended == [True]


@pytest.mark.parametrize("way", [lambda app: app, by_messages], ids=["own", "messages"])
async def test_one_that_is_not_watched_any_more_cancels_nothing(way):
    ended = []

    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        await read_body(RequestHeaders(client.headers), client, 10)
        client.watch()
        client.unwatch()
        client.abandon()
        await until(lambda: not any(each.is_staying() for each in place.server.connections))
        ended.append(client.left)

    async with running(way(app)) as place:
        wire = await place.dial()
        await wire.send(POST + b"hello")
        await wire.close()
        await until(lambda: ended)
    assert ended == [False]


@pytest.mark.parametrize("way", [lambda app: app, by_messages], ids=["own", "messages"])
async def test_the_body_of_a_client_that_is_gone_is_none(way):
    seen = []

    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        await until(lambda: not place.server.connections)
        try:
            seen.append(await read_body(RequestHeaders(client.headers), client, 10))
        except ClientGone:
            seen.append("gone")

    async with running(way(app)) as place:
        wire = await place.dial()
        await wire.send(POST + b"hello")
        await until(lambda: any(each.task for each in place.server.connections))
        next(iter(place.server.connections)).cut()
        await until(lambda: seen)
    assert seen == ["gone"]


async def test_a_body_is_given_once():
    async def app(scope, receive, send):
        client = client_of(scope, receive, send)
        assert (client.whole(), client.whole()) == (b"hello", None)
        await AsgiReply(client).answer(200, [], b"fine")

    assert (await play(app, POST + b"hello")).endswith(b"fine")
