"""How the events of a stream are framed: as server-sent events, as lines, as AWS messages, as one array."""

from binascii import crc32
from struct import Struct
from typing import Protocol

PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>xroute simulator</body></html>\n"
_NOISE = b"\xff\xfe upstream error\n" + PAGE
# The layout of a message: https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-21.
_PRELUDE, _WORD, _SHORT = Struct("!II"), Struct("!I"), Struct("!H")
_HEAD = _PRELUDE.size + _WORD.size
_STRING = 7


class Frames(Protocol):
    """What the faults must know of a framing."""

    media: str  # content type of the stream
    noise: bytes  # what is no event here

    def units(self, data: bytes) -> list[bytes]:
        """The single events in some; never empty."""
        ...

    def broken(self, event: bytes) -> bytes:
        """One event whose JSON breaks off, in a frame that is whole."""
        ...

    def again(self, event: bytes) -> bytes:
        """The event as it may follow itself."""
        ...


class Sse:
    """Server-sent events."""

    media = "text/event-stream; charset=utf-8"
    noise = _NOISE + b"\n"

    def units(self, data: bytes) -> list[bytes]:
        return [event + b"\n\n" for event in data.removesuffix(b"\n\n").split(b"\n\n")]

    def broken(self, event: bytes) -> bytes:
        return _halved(event) + b"\n\n"

    def again(self, event: bytes) -> bytes:
        return event


class Lines:
    """A JSON object a line."""

    media = "application/x-ndjson"
    noise = _NOISE

    def units(self, data: bytes) -> list[bytes]:
        return data.splitlines(keepends=True)

    def broken(self, event: bytes) -> bytes:
        return _halved(event) + b"\n"

    def again(self, event: bytes) -> bytes:
        return event


class Array:
    """One JSON array, an element an event."""

    media = "application/json; charset=utf-8"
    noise = _NOISE

    def units(self, data: bytes) -> list[bytes]:
        return [data]

    def broken(self, event: bytes) -> bytes:
        return _halved(event) + b"\r\n"

    def again(self, event: bytes) -> bytes:
        return b"," + event[1:]


class Messages:
    """AWS event streams, with checksums that hold."""

    media = "application/vnd.amazon.eventstream"
    noise = _NOISE

    def units(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        while data:
            length, _ = _PRELUDE.unpack_from(data)
            found.append(data[:length])
            data = data[length:]
        return found

    def broken(self, event: bytes) -> bytes:
        _, size = _PRELUDE.unpack_from(event)
        headers, payload = event[_HEAD : _HEAD + size], event[_HEAD + size : -_WORD.size]
        return _framed(headers, payload[: len(payload) // 2])

    def again(self, event: bytes) -> bytes:
        return event


def message(payload: bytes, **headers: str) -> bytes:
    """An AWS message; a header `message_type` is written as `:message-type`."""
    return _framed(b"".join(_header(name, value) for name, value in headers.items()), payload)


def _header(name: str, value: str) -> bytes:
    name_, text = b":" + name.replace("_", "-").encode(), value.encode()
    return b"%c%b%c%b%b" % (len(name_), name_, _STRING, _SHORT.pack(len(text)), text)


def _framed(headers: bytes, payload: bytes) -> bytes:
    prelude = _PRELUDE.pack(_HEAD + len(headers) + len(payload) + _WORD.size, len(headers))
    data = prelude + _WORD.pack(crc32(prelude)) + headers + payload
    return data + _WORD.pack(crc32(data))


def _halved(event: bytes) -> bytes:
    """The event up to the middle of its JSON."""
    start = max(event.find(b"{"), 0)
    return event[: start + (len(event) - start) // 2]


SSE, LINES, ARRAY, MESSAGES = Sse(), Lines(), Array(), Messages()
