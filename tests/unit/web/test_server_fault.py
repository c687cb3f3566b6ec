"""Applications that do wrong: the client learns that, and never takes a part for the whole."""

import asyncio
import logging

import pytest
from tests.unit.web.serving import play, read, running, stream, until

from xroute.web.asgi import SendFailed

GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


async def broken_before(scope, receive, send):
    raise ValueError("secret")


async def silent(scope, receive, send):
    await read(receive)


@pytest.mark.parametrize(("app", "logged"), [(broken_before, True), (silent, False)])
async def test_an_application_that_does_not_answer_is_a_500(app, logged, caplog):
    async with running(app) as place:
        said = await place.ask(GET + GET)
    assert said.startswith(b"HTTP/1.1 500 ") and said.count(b"HTTP/1.1") == 1
    assert b'"error_type":"server"' in said and b"secret" not in said
    assert ("secret" in caplog.text) is logged


async def broken_inside(scope, receive, send):
    await stream(send, b"one", end=False)
    raise ValueError("secret")


async def unfinished(scope, receive, send):
    await stream(send, b"one", end=False)


async def too_short(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


async def too_long(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("app", [broken_inside, unfinished, too_short, too_long])
async def test_a_broken_answer_is_cut_and_never_looks_complete(app, version):
    async with running(app) as place:
        wire = await place.dial()
        await wire.send(b"GET /a HTTP/%b\r\nhost: x\r\n\r\n" % version)
        with pytest.raises(ConnectionResetError):
            await wire.rest()


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b""}],
        [{"type": "http.response.start", "status": 200}, {"type": "http.response.start", "status": 200}],
        [{"type": "websocket.accept"}],
    ],
)
async def test_messages_out_of_place_are_the_applications_fault(messages, caplog):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    await play(app, GET)
    assert "has no place here" in caplog.text


async def test_sending_to_a_client_that_left_fails_quietly(caplog):
    failed = []

    async def app(scope, receive, send):
        await read(receive)
        await receive()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            failed.append(error)
            raise

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(GET)
        await until(lambda: any(each.task for each in place.server.connections))
        await wire.close()
        await until(lambda: failed)
    assert isinstance(failed[0], SendFailed)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
