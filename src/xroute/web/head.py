"""The head of an answer, as bytes."""

from collections.abc import Iterable
from http import HTTPStatus

# The server says these itself; what an application says of them is left out.
OURS = frozenset((b"content-length", b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server"))

_lines = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def fields(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int | None]:
    """An application's headers as lines, and the length that it announces."""
    lines: list[bytes] = []
    length = None
    for name, value in headers:
        key = name.lower()
        if key not in OURS:
            lines.append(b"%b: %b\r\n" % (key, value))
        elif key == b"content-length":
            length = int(value)
    return _checked(b"".join(lines), len(lines)), length


def as_lines(headers: list[str]) -> bytes:
    """Our own headers, which are none of `OURS`; a model's name may be beyond Latin-1."""
    if not headers:
        return b""
    return _checked(("\r\n".join(headers) + "\r\n").encode(), len(headers))


def as_pairs(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Lines as ASGI has headers."""
    parted = [line.partition(b": ") for line in lines.split(b"\r\n")[:-1]]
    return [(name, value) for name, _, value in parted]


def encode(status: int, *blocks: bytes) -> bytes:
    """The status line, further lines as they stand, and the empty line."""
    return b"%b%b\r\n" % (_lines.get(status) or b"HTTP/1.1 %d \r\n" % status, b"".join(blocks))


def _checked(block: bytes, lines: int) -> bytes:
    if block.count(b"\n") != lines or block.count(b"\r") != lines:
        raise ValueError("a header of the answer has a line break in it")
    return block
