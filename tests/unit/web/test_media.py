"""Large bodies: each byte is held once, and no more of them than allowed."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.errors import InvalidRequest, PayloadTooLarge
from xroute.web.asgi import Plain, RequestHeaders
from xroute.web.body import ClientGone, read_buffer

MIB = 1024 * 1024


def headers(**given: str):
    return RequestHeaders({name.replace("_", "-").encode(): value.encode() for name, value in given.items()})


def receiving(*parts: bytes, gone: bool = False):
    waiting = list(parts)

    async def receive():
        if not waiting and gone:
            return {"type": "http.disconnect"}
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or gone}

    return Plain({"headers": []}, receive, None)


async def read(*parts: bytes, limit: int = 100, **given: str) -> bytearray:
    return await read_buffer(headers(**given), receiving(*parts), limit)


@given(st.lists(st.binary(max_size=20), max_size=5), st.booleans(), st.integers(0, 100))
def test_the_body_is_read_whole(parts, announced, more):
    whole = b"".join(parts)
    length = {"content_length": str(min(len(whole) + more, 100))} if announced else {}
    reading = read(*parts, limit=100, **length)
    with pytest.raises(StopIteration) as caught:
        reading.send(None)
    assert caught.value.value == whole


async def test_a_body_that_is_too_large_is_refused_at_once():
    with pytest.raises(PayloadTooLarge):
        await read(content_length="101")
    with pytest.raises(PayloadTooLarge):
        await read(b"x" * 60, b"x" * 41)


async def test_a_body_in_a_coding_is_refused():
    with pytest.raises(InvalidRequest):
        await read(b"x", content_encoding="gzip")


async def test_a_body_that_breaks_off_is_told():
    with pytest.raises(ClientGone):
        await read_buffer(headers(content_length="10"), receiving(b"x", gone=True), 100)


async def test_a_large_body_is_held_once():
    part = bytes(MIB)
    tracemalloc.start()
    try:
        buffer = await read(*[part] * 32, limit=64 * MIB, content_length=str(32 * MIB))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(buffer) == 32 * MIB
    assert peak < 34 * MIB
