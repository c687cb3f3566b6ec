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
    block = b"".join(lines)
    if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines):
        raise ValueError("a header of the answer has a line break in it")
    return block, length


def encode(status: int, *blocks: bytes) -> bytes:
    """The status line, further lines as they stand, and the empty line."""
    return b"%b%b\r\n" % (_lines.get(status) or b"HTTP/1.1 %d \r\n" % status, b"".join(blocks))
