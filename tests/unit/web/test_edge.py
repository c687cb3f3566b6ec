"""What becomes of a request whatever its handler does, and of a body whatever its sender does."""

import asyncio
import logging

import pytest
from tests.unit.web.dialogue import ask, request

from xroute.config.settings import Settings
from xroute.errors import ProviderOverloaded, RateLimited, ServerError
from xroute.store.directory import Directory
from xroute.web.access import KEY, PUBLIC
from xroute.web.asgi import AsgiReply, Plain, RequestHeaders
from xroute.web.auth import Keyring
from xroute.web.body import read_body
from xroute.web.edge import Edge, Route

PLAIN = "the database password is hunter2"


KEYS = Settings.model_validate({"keys": [{"name": "me", "key": "sk-me"}]})
KEYRING = Keyring(b"pepper", Directory.of_settings(KEYS, b"pepper"))


def edge(handler, access=PUBLIC, path="/x"):
    return Edge([Route("GET", path, handler)], KEYRING, table={f"GET {path}": access}).serve


async def fault(request, reply):
    raise ZeroDivisionError(PLAIN)


async def test_a_fault_of_ours_is_a_500_without_detail_and_a_log_with_it(caplog):
    with caplog.at_level(logging.ERROR, "xroute.web"):
        answer = await ask(edge(fault), "GET", "/x")
    assert answer.status == 500
    assert answer.error["metadata"]["error_type"] == "server"
    assert answer.error["message"] == ServerError().message
    for word in (b"hunter2", b"ZeroDivision", b"Traceback", b".py"):
        assert word not in answer.body
    assert PLAIN in caplog.text
    assert answer.headers["x-request-id"] in caplog.text
    assert answer.error["metadata"]["request_id"] == answer.headers["x-request-id"]


async def test_a_fault_in_mid_answer_begins_no_second_one():
    async def handler(request, reply):
        await reply.open([f"x-request-id: {reply.request_id}"])
        await reply.write(b"data: 1\n\n")
        raise ZeroDivisionError(PLAIN)

    answer = await ask(edge(handler), "GET", "/x")
    assert answer.status == 200
    assert answer.body == b"data: 1\n\n"


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (7.0, "7"), (7.1, "8"), (0.0, "0")])
async def test_a_call_error_is_its_status_with_the_pause_in_whole_seconds(seconds, header):
    async def handler(request, reply):
        raise RateLimited("slow down", code="too_fast", param="p", provider="alpha", retry_after_s=seconds)

    answer = await ask(edge(handler), "GET", "/x")
    assert (answer.status, answer.headers["retry-after"]) == (429, header)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.error == {
        "message": "slow down",
        "type": "rate_limit_error",
        "code": "too_fast",
        "param": "p",
        "metadata": {
            "error_type": "rate_limit_exceeded",
            "request_id": answer.headers["x-request-id"],
            "provider": "alpha",
            "retry_after": seconds,
        },
    }


async def test_attempts_are_counted_in_a_header():
    async def handler(request, reply):
        raise ProviderOverloaded("no", metadata={"previous_errors": [{"kind": "server"}, {"kind": "server"}]})

    answer = await ask(edge(handler), "GET", "/x")
    assert answer.headers["x-xroute-attempts"] == "2"
    assert answer.error["code"] == "provider_overloaded"


async def test_the_key_and_the_rest_of_the_path_reach_the_handler():
    seen = []

    async def handler(request, reply):
        seen.append((request.argument, request.who.name))
        await reply.answer(200, [], b"{}")

    serve = edge(handler, KEY, "/things/")
    await ask(serve, "GET", "/things/a/b c", key="sk-me")
    assert seen == [("a/b c", "me")]


async def test_half_a_body_never_passes_for_a_whole_one():
    async def handler(request, reply):
        await read_body(request.headers, request.client, 100)
        raise AssertionError("half a body passed for one")

    answer = await ask(edge(handler), "GET", "/x", b"half", leaves=True)
    assert answer.status == 400


async def test_a_client_that_leaves_cancels_its_handler():
    reached = asyncio.Event()
    ended = []

    async def handler(request, reply):
        request.client.watch()
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(request.client.left)

    async def receive():
        await reached.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError("somebody who left was answered")

    async with asyncio.timeout(30):
        await edge(handler)(request("GET", "/x"), receive, send)
    assert ended == [True]


async def test_a_server_that_stops_is_not_taken_for_a_client_that_left():
    async def handler(request, reply):
        await asyncio.Event().wait()

    task = asyncio.create_task(ask(edge(handler), "GET", "/x"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def receiving(*messages):
    said = list(messages)

    async def receive():
        return said.pop(0)

    return Plain({"headers": []}, receive, None)


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


NO_HEADERS = RequestHeaders({})


async def test_a_body_in_pieces_is_put_together():
    receive = receiving(part(b"a", True), {"type": "http.request", "more_body": True}, part(b"b"))
    assert await read_body(NO_HEADERS, receive, 2) == b"ab"
    assert await read_body(NO_HEADERS, receiving(part(b"whole")), 5) == b"whole"


async def test_a_body_beyond_the_limit_is_refused_as_soon_as_it_shows(app):
    announced = await ask(app, "POST", "/v1/chat/completions", (), content_length=str(2**20 + 1))
    endless = await ask(app, "POST", "/v1/chat/completions", (b"x" * 2**19 for _ in range(9)), leaves=True)
    for answer in (announced, endless):
        assert answer.status == 413
        assert answer.error["metadata"]["error_type"] == "payload_too_large"
        assert "1 MiB" in answer.error["message"]


async def test_a_compressed_body_is_refused_with_what_to_do(app):
    answer = await ask(app, "POST", "/v1/chat/completions", b"x", content_encoding="gzip")
    assert (answer.status, answer.error["code"]) == (400, "unsupported_encoding")
    fine = await ask(app, "POST", "/v1/chat/completions", b"x", content_encoding="identity")
    assert fine.error["code"] == "invalid_json"


@pytest.mark.parametrize("length", ["", "-1", "1e9", "²", "many", "9" * 5000])
async def test_a_length_that_is_none_does_no_harm(app, length):
    answer = await ask(app, "POST", "/v1/chat/completions", b"x", content_length=length)
    assert answer.status in (400, 413)


ASKED = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]'


def test_request_ids_do_not_repeat():
    ids = {AsgiReply(None).request_id for _ in range(1000)}
    assert len(ids) == 1000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"{}", "missing_field"),
        (b'{"model": "gpt-4o", "messages": []}', "invalid_value"),
        (b'{"model": "nothing-like-it-zz", "messages": [{"role": "user"}]}', "model_not_found"),
        (ASKED + b', "provider": {"only": ["nobody"]}}', "no_allowed_provider"),
        (ASKED + b', "provider": {"sort": "fun"}}', "invalid_value"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_a_call_is_refused_by_name(app, body, code):
    answer = await ask(app, "POST", "/v1/chat/completions", body)
    assert 400 <= answer.status < 500
    assert answer.error["code"] == code
    assert answer.error["message"]
