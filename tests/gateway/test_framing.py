"""Where a request ends: HTTP that two readers could understand in two ways is refused."""

import orjson
import pytest
import pytest_asyncio
from tests.gateway.sims import said
from tests.gateway.stage import provider
from tests.gateway.wires import CHAT, KEY, check_good, head

from xroute.sim.plan import Profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROFILE = Profile(output_tokens=12)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(lodge):
    sim = await lodge.sim(output_tokens=PROFILE.output_tokens)
    return await lodge.stage(providers={"p": provider(sim.url, ("u", "m"))})


BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
SIZE = len(BODY)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (SIZE, BODY)
TE = "transfer-encoding: chunked"

# Framings that leave no doubt where a request ends: answered, and what follows is a request of its own.
CLEAR = {
    "length": ([f"content-length: {SIZE}"], BODY),
    "chunked": ([TE], CHUNKED),
    "chunked in capitals": (["Transfer-Encoding: CHUNKED"], CHUNKED),
    "behind a tab": (["transfer-encoding:\tchunked"], CHUNKED),
    "a chunk's extension": ([TE], b'%x;a="b"\r\n%b\r\n0\r\n\r\n' % (SIZE, BODY)),
    "byte by byte": ([TE], b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
    "a trailer": ([TE], b"%x\r\n%b\r\n0\r\nauthorization: Bearer sk-nobody\r\n\r\n" % (SIZE, BODY)),
    "expectation": (["expect: 100-continue", f"content-length: {SIZE}"], BODY),
    "bytes beyond ASCII in a value": (["x-a: \xff\xfe", f"content-length: {SIZE}"], BODY),
    "a large header": (["x-a: " + "a" * 60_000, f"content-length: {SIZE}"], BODY),
}
# Framings that two readers could understand in two ways: refused, and the connection ends (RFC 9112, 6.3).
UNCLEAR = {
    "both framings, length first": ([f"content-length: {len(CHUNKED)}", TE], CHUNKED),
    "both framings, short length first": (["content-length: 4", TE], CHUNKED),
    "both framings, coding first": ([TE, "content-length: 4"], CHUNKED),
    "both framings, length of nothing": (["content-length: 0", TE], CHUNKED),
    "the same length twice": ([f"content-length: {SIZE}", f"content-length: {SIZE}"], BODY),
    "two lengths": ([f"content-length: {SIZE}", "content-length: 3"], BODY),
    "a list of lengths": ([f"content-length: {SIZE}, {SIZE}"], BODY),
    "a length with a sign": ([f"content-length: +{SIZE}"], BODY),
    "a negative length": (["content-length: -1"], BODY),
    "a length in hex": (["content-length: 0x20"], BODY),
    "a length beyond 64 bits": (["content-length: 99999999999999999999"], BODY),
    "a space before the colon": ([f"content-length : {SIZE}"], BODY),
    "a coding nobody knows": (["transfer-encoding: xchunked"], CHUNKED),
    "identity": (["transfer-encoding: identity"], CHUNKED),
    "chunked is not last": (["transfer-encoding: chunked, gzip"], CHUNKED),
    "chunked, then identity": ([TE, "transfer-encoding: identity"], CHUNKED),
    "a vertical tab": (["transfer-encoding: \x0bchunked"], CHUNKED),
    "a folded line": (["x-a: 1", f" content-length: {SIZE}"], BODY),
    "a folded coding": (["x-a: 1", " transfer-encoding: chunked", f"content-length: {SIZE}"], BODY),
    "a bare CR": ([f"x-a: 1\rcontent-length: 5\r\ncontent-length: {SIZE}"], BODY),
    "NUL in a value": (["x-a: a\0b", f"content-length: {SIZE}"], BODY),
    "NUL in a name": (["x\0a: b", f"content-length: {SIZE}"], BODY),
    "no name": ([": x", f"content-length: {SIZE}"], BODY),
    "no colon": (["nothing", f"content-length: {SIZE}"], BODY),
    "a name with brackets": (["x(a): b", f"content-length: {SIZE}"], BODY),
    "two codings": ([TE, TE], CHUNKED),
    "a coding in two steps": (["transfer-encoding: gzip, chunked"], CHUNKED),
    "a chunk size that is none": ([TE], b"zz\r\n%b\r\n0\r\n\r\n" % BODY),
    "a negative chunk size": ([TE], b"-1\r\n%b\r\n0\r\n\r\n" % BODY),
    "a chunk size with 0x": ([TE], b"0x%x\r\n%b\r\n0\r\n\r\n" % (SIZE, BODY)),
    "a chunk size beyond 64 bits": ([TE], b"fffffffffffffffff\r\n%b\r\n0\r\n\r\n" % BODY),
    "a chunk that is longer than it says": ([TE], b"3\r\n%b\r\n0\r\n\r\n" % BODY),
    "a chunk without its line end": ([TE], b"%x\r\n%b0\r\n\r\n" % (SIZE, BODY)),
    "LF in a chunk's extension": ([TE], b"%x;a\nb\r\n%b\r\n0\r\n\r\n" % (SIZE, BODY)),
    "chunks ended by LF": ([TE], b"%x\n%b\n0\n\n" % (SIZE, BODY)),
    "an extension without an end": ([TE], b"%x;%b\r\n%b\r\n0\r\n\r\n" % (SIZE, b"a" * 100_000, BODY)),
    "trailers without an end": ([TE], b"%x\r\n%b\r\n0\r\n%b\r\n" % (SIZE, BODY, b"a: b\r\n" * 20_000)),
}
NEXT = b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("name", CLEAR)
async def test_a_request_ends_where_it_says(stage, name):
    lines, body = CLEAR[name]
    wire = await stage.dial()
    await wire.send(head(*lines) + body + NEXT)
    if "expectation" in name:
        assert (await wire.head())[0] == 100
    reply = await wire.reply()
    assert (reply.status, reply.text) == (200, said("Hi", PROFILE))
    assert (await wire.reply()).body == {"status": "ready"}
    await check_good(wire)


@pytest.mark.parametrize("name", UNCLEAR)
async def test_a_request_of_which_nobody_knows_where_it_ends_is_refused_and_nothing_behind_it_read(
    stage, name
):
    lines, body = UNCLEAR[name]
    wire = await stage.dial()
    await wire.send(head(*lines) + body + NEXT)
    status, headers = await wire.head()
    assert status == 400
    rest = await wire.ended()
    assert b"HTTP/1" not in rest and b"ready" not in rest
    assert len(rest) == int(headers["content-length"])
    await wire.close()
    assert (await stage.chat()).status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /healthz\r\n\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\nhost: x\r\n\r\n", 400),
        (b" GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /v1/models /x HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\nhost: x\n\n", 400),
        (b"GET /healthz HTTP/1.1\r\nhost: x\n\r\n", 400),
        (b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * 100_000), 414),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: %b\r\n\r\n" % (b"a" * 100_000), 431),
        (b"GET /healthz HTTP/1.1\r\n%b\r\n" % b"".join(b"x-%d: a\r\n" % n for n in range(200)), 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200, 400),
        (b"POST /v1/chat/completions HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_is_no_http_gets_a_short_answer_and_no_second_one(stage, data, status):
    wire = await stage.dial()
    await wire.send(data)
    assert (await wire.head())[0] == status
    assert b"HTTP/1" not in await wire.ended()
    await wire.close()
    assert (await stage.chat()).status == 200


async def test_a_head_without_an_end_is_not_kept_in_memory(stage):
    wire = await stage.dial()
    try:
        await wire.send(b"GET /healthz HTTP/1.1\r\nx-a: %b" % (b"a" * 4_000_000))
        assert (await wire.head())[0] == 431
    except ConnectionError:
        pass  # it was ended while we were still sending
    await wire.ended()
    assert (await stage.chat()).status == 200


async def test_a_body_that_was_not_read_is_never_taken_for_the_next_request(stage):
    for start, key in ((f"POST {CHAT}", None), ("GET /healthz", None), ("POST /nowhere", KEY)):
        wire = await stage.dial()
        await wire.send(head(f"content-length: {len(NEXT)}", start=start, key=key) + NEXT)
        first = await wire.reply()
        assert "ready" not in str(first.body)
        await check_good(wire)


async def test_a_body_that_breaks_off_is_refused(stage):
    wire = await stage.dial()
    await wire.send(head(f"content-length: {SIZE + 10}") + BODY)
    wire.writer.write_eof()
    reply = await wire.reply()
    assert (reply.status, reply.error_type, reply.error["code"]) == (
        400,
        "invalid_request",
        "incomplete_body",
    )
    await wire.close()


async def test_requests_in_one_piece_are_answered_one_after_the_other(stage):
    texts = [f"number {n}" for n in range(8)]
    bodies = [orjson.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}) for text in texts]
    wire = await stage.dial()
    await wire.send(b"".join(head(f"content-length: {len(body)}") + body for body in bodies))
    assert [(await wire.reply()).text for _ in texts] == [said(text, PROFILE) for text in texts]
    await wire.close()
