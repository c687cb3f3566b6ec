"""What the server hands to an application, and how it writes the answers."""

import asyncio
import gc
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.web.serving import answer, echo, play, read, running, stream, until

from xroute.web.asgi import OWN
from xroute.web.connection import Connection
from xroute.web.exchange import Exchange

GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /z HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def body_of(said):
    return said.partition(b"\r\n\r\n")[2]


async def test_the_scope_is_what_asgi_says():
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)
        assert list(scope["extensions"]) == [OWN]
        await answer(send, b"")

    async with running(app) as place:
        port = place.server.port
        await place.ask(
            b"GET /a%20%C3%A9%ff?q=%20&r HTTP/1.1\r\n"
            b"Host: x\r\nX-A:  1 \t\r\nX-A: \xff\r\nconnection: close\r\n\r\n"
        )
    assert seen.pop("client")[0] == "127.0.0.1"
    seen.pop("extensions")
    assert seen == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a é\ufffd",
        "raw_path": b"/a%20%C3%A9%ff",
        "query_string": b"q=%20&r",
        "root_path": "",
        "headers": [(b"host", b"x"), (b"x-a", b"1"), (b"x-a", b"\xff"), (b"connection", b"close")],
        "server": ("127.0.0.1", port),
    }


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", b""),
        (b"/a?b?c", "/a", b"b?c"),
        (b"/a#b?c", "/a", b""),
        (b"//a/../b", "//a/../b", b""),
        (b"*", "*", b""),
        (b"http://h", "/", b""),
        (b"HTTP://u:p@h:1/a/b?c", "/a/b", b"c"),
        (b"https://h?c", "/", b"c"),
    ],
)
async def test_a_target_is_a_path_and_a_query(target, path, query):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["path"], scope["query_string"]))
        await answer(send, b"")

    await play(app, b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % target)
    assert seen == [(path, query)]


async def test_an_answer_with_a_length_is_one_piece():
    said = await play(echo, GET)
    assert said == (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\ndate: now\r\nserver: xroute\r\n\r\nGET /a ")


async def test_an_answer_without_a_length_is_chunked():
    async def app(scope, receive, send):
        await stream(send, b"one", b"", b"0123456789abcdef")

    assert body_of(await play(app, GET)) == b"3\r\none\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"


async def test_http_1_0_knows_no_chunks_so_the_end_of_the_connection_ends_the_answer():
    async def app(scope, receive, send):
        await stream(send, b"one", b"two")

    async with running(app) as place:
        said = await place.ask(b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert b"transfer-encoding" not in said and b"connection: close\r\n" in said
    assert body_of(said) == b"onetwo"


async def test_http_1_0_may_keep_the_connection_where_the_length_is_known():
    said = await play(echo, b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", b"GET /b HTTP/1.0\r\n\r\n")
    first, second = said.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert b"connection: keep-alive\r\n" in first and b"connection: close\r\n" in second


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"HEAD", 404)])
async def test_an_answer_that_may_have_no_body_has_none(method, status):
    async def app(scope, receive, send):
        await answer(send, b"body" if status == 200 else b"", status)

    said = await play(app, b"%b /a HTTP/1.1\r\nhost: x\r\n\r\n" % method)
    assert said.startswith(b"HTTP/1.1 %d " % status) and body_of(said) == b""
    assert (b"content-length" in said) is (status in (200, 404))
    assert b"transfer-encoding" not in said


async def test_hop_by_hop_headers_and_the_servers_own_are_not_the_applications():
    async def app(scope, receive, send):
        theirs = ((b"Connection", b"close"), (b"date", b"x"), (b"server", b"x"), (b"Transfer-Encoding", b"x"))
        await answer(send, b"", 200, *theirs)

    assert await play(app, GET) == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: now\r\nserver: xroute\r\n\r\n"
    )


async def test_date_and_server_are_told():
    async with running(echo) as place:
        said = await place.ask(LAST)
    assert re.search(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nserver: xroute\r\n", said)


async def test_a_line_break_in_a_header_never_reaches_the_client(caplog):
    async def app(scope, receive, send):
        await answer(send, b"", 200, (b"x-a", b"1\r\nset-cookie: evil"))

    said = await play(app, GET)
    assert said.startswith(b"HTTP/1.1 500 ") and b"evil" not in said
    assert "line break" in caplog.text


# Requests, and what the application does with them


REQUESTS = (
    b"POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /two HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nauthorization: e\r\n\r\n"
    b"PUT /three?q HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 3\r\n\r\nup!"
    b"GET /four HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n"
    b"\r\nGET /five HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\nGET /never HTTP/1.1\r\n"
)
BROKEN = (
    REQUESTS[: REQUESTS.index(b"GET /four")] + b"POST /bad HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n"
)


async def test_requests_of_every_framing_are_answered_in_their_order():
    said = await play(echo, REQUESTS)
    bodies = [body_of(part) for part in said.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [
        b"POST /one hello",
        b"POST /two abcde",
        b"PUT /three up!HTTP/1.1 100 Continue\r\n\r\n",
        b"GET /four ",
        b"GET /five ",
    ]


async def test_no_cutting_of_the_bytes_in_two_changes_the_answers():
    whole = await play(echo, REQUESTS)
    for place in range(1, len(REQUESTS)):
        assert await play(echo, REQUESTS[:place], REQUESTS[place:]) == whole


@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data(), raw=st.sampled_from([REQUESTS, BROKEN]))
def test_no_cutting_of_the_bytes_changes_the_answers(data, raw):
    places = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=40)))
    parts = [raw[a:b] for a, b in zip([0, *places], [*places, len(raw)], strict=True)]

    async def both():
        return await play(echo, raw), await play(echo, *parts)

    whole, cut = asyncio.run(both())
    number = re.compile(rb"req-\w{24}")
    assert number.sub(b"", whole) == number.sub(b"", cut)


async def test_byte_by_byte_is_the_same():
    assert await play(echo, *(bytes([byte]) for byte in REQUESTS)) == await play(echo, REQUESTS)


async def test_a_whole_request_is_one_message_and_then_a_plain_future_for_the_clients_going():
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        tasks = asyncio.all_tasks()
        gone = asyncio.ensure_future(receive())
        assert not isinstance(gone, asyncio.Task) and asyncio.all_tasks() == tasks
        await answer(send, b"")
        seen.append(await gone)

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        await wire.head()
        await wire.close()
        await until(lambda: len(seen) == 2)
    assert seen == [
        {"type": "http.request", "body": b"abc", "more_body": False},
        {"type": "http.disconnect"},
    ]


async def test_a_cancelled_receive_loses_nothing():
    seen = []

    async def app(scope, receive, send):
        receive().cancel()
        seen.append(await read(receive))
        receive().cancel()
        await answer(send, b"")
        seen.append((await receive())["type"])

    await play(app, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n", b"a", b"b", b"c")
    assert seen == [b"abc", "http.disconnect"]


async def test_a_client_that_waits_to_be_asked_for_the_body_is_asked_when_the_application_wants_it():
    async with running(echo) as place:
        wire = await place.dial()
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n")
        assert await wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(b"ok")
        assert (await wire.whole())[1] == b"POST / ok"


async def test_a_client_that_waits_and_is_refused_is_not_asked():
    async def app(scope, receive, send):
        await answer(send, b"no", 403)

    async with running(app) as place:
        said = await place.ask(
            b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
    assert said.startswith(b"HTTP/1.1 403 ") and b"connection: close\r\n" in said


async def test_a_connection_serves_a_thousand_requests():
    async with running(echo) as place:
        wire = await place.dial()
        for number in range(1000):
            await wire.send(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number)
            head, body = await wire.whole()
            assert body == b"GET /%d " % number and b"connection:" not in head
        assert len(place.server.connections) == 1


async def test_nothing_is_left_of_a_request_or_a_connection_for_the_collector_to_find():
    def left():
        return [each for each in gc.get_objects() if type(each) in (Connection, Exchange)]

    gc.collect()
    gc.freeze()  # what other tests have left is not looked through
    gc.disable()
    try:
        async with running(echo) as place:
            wire = await place.dial()
            for _ in range(3):
                await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
                await wire.whole()
            await until(lambda: len(left()) == 1)
            await wire.close()
            await until(lambda: not left())
    finally:
        gc.enable()
        gc.unfreeze()


async def test_a_thousand_requests_at_once_are_answered_one_after_another():
    most = running_now = 0

    async def app(scope, receive, send):
        nonlocal most, running_now
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0)
        await answer(send, scope["path"].encode())
        running_now -= 1

    async with running(app) as place:
        wire = await place.dial()
        padding = b"x-a: %b\r\n" % (b"a" * 500)
        await wire.send(
            b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n%b\r\n" % (n, padding) for n in range(1000))
        )
        assert [(await wire.whole())[1] for _ in range(1000)] == [b"/%d" % n for n in range(1000)]
    assert most == 1


async def test_a_body_that_nobody_read_is_not_the_next_request():
    async def app(scope, receive, send):
        await answer(send, scope["path"].encode())

    smuggled = b"GET /evil HTTP/1.1\r\nhost: x\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(smuggled)
    assert b"evil" not in await play(app, head + smuggled + LAST)
    async with running(app) as place:
        assert b"evil" not in await place.ask(head, smuggled, LAST)
