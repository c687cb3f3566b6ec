"""The parser of AWS event streams, judged by botocore's own."""

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.bedrock.frames import Frames
from xroute.errors import ProtocolError


def header(name: str, value: bytes, kind: int = 7) -> bytes:
    """One header; texts and bytes get their length."""
    size = struct.pack("!H", len(value)) if kind in (6, 7) else b""
    return bytes([len(name)]) + name.encode() + bytes([kind]) + size + value


def frame(headers: bytes, payload: bytes) -> bytes:
    """A whole message."""
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", crc32(prelude))
    body = prelude + headers + payload
    return body + struct.pack("!I", crc32(body))


def event(name: str, payload: bytes) -> bytes:
    """An event as Bedrock sends it."""
    return frame(
        header(":event-type", name.encode())
        + header(":content-type", b"application/json")
        + header(":message-type", b"event"),
        payload,
    )


TWO = event("messageStart", b'{"role":"assistant"}') + event("messageStop", b'{"stopReason":"end_turn"}')


def theirs(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


def test_messages_are_read_as_botocore_reads_them() -> None:
    assert Frames().feed(TWO) == theirs(TWO)


@given(
    st.lists(st.tuples(st.text("abc-:", min_size=1, max_size=9), st.binary(max_size=200)), max_size=6),
    st.data(),
)
def test_any_cutting_gives_what_botocore_reads(rows: list[tuple[str, bytes]], data: st.DataObject) -> None:
    whole = b"".join(event(name, payload) for name, payload in rows)
    frames, found, place = Frames(), list[tuple[dict[str, str], bytes]](), 0
    while place < len(whole):
        size = data.draw(st.integers(1, 120))
        found += frames.feed(whole[place : place + size])
        place += size
    assert found == theirs(whole)
    assert not frames.pending


def test_every_type_of_header_becomes_text() -> None:
    headers = (
        header("yes", b"", 0)
        + header("no", b"", 1)
        + header("byte", b"\xff", 2)
        + header("short", b"\x01\x00", 3)
        + header("int", b"\x00\x00\x00\x07", 4)
        + header("long", b"\x00" * 7 + b"\x08", 5)
        + header("bytes", b"\x01\x02", 6)
        + header("text", "é".encode())
        + header("time", b"\x00" * 7 + b"\x09", 8)
        + header("uuid", bytes(range(16)), 9)
    )
    assert Frames().feed(frame(headers, b"x")) == [
        (
            {
                "yes": "true",
                "no": "false",
                "byte": "-1",
                "short": "256",
                "int": "7",
                "long": "8",
                "bytes": "0102",
                "text": "é",
                "time": "9",
                "uuid": "000102030405060708090a0b0c0d0e0f",
            },
            b"x",
        )
    ]


@given(st.integers(0, len(TWO) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_an_answer(place: int, change: int) -> None:
    broken = bytearray(TWO)
    broken[place] ^= change
    with pytest.raises(ProtocolError, match="checksum"):
        Frames().feed(bytes(broken))


def test_what_stands_before_a_broken_message_can_be_read() -> None:
    frames = Frames()
    frames.add(TWO[:-1] + b"\x00")
    assert frames.next() == theirs(TWO)[0]
    with pytest.raises(ProtocolError, match="checksum"):
        frames.next()


def prelude(length: int, headers: int) -> bytes:
    start = struct.pack("!II", length, headers)
    return start + struct.pack("!I", crc32(start))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (prelude(17 * 1024 * 1024, 0), "16 MiB"),
        (prelude(15, 0), "impossible"),
        (prelude(100, 90), "impossible"),
    ],
)
def test_an_absurd_length_is_refused_at_once(start: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        Frames().feed(start)


@pytest.mark.parametrize(
    "headers",
    [b"\x09a", header("a", b"", 12), header("a", b"\xff"), header("a", b"\x00", 9), b"\x01a\x07\x00\x09b"],
)
def test_unreadable_headers_are_refused(headers: bytes) -> None:
    with pytest.raises(ProtocolError, match="headers"):
        Frames().feed(frame(headers, b""))


def test_an_unfinished_message_is_pending() -> None:
    frames = Frames()
    assert not frames.pending
    frames.feed(TWO[:-5])
    assert frames.pending
    assert "bytes" in repr(frames)
