"""The head of an answer, as bytes."""

from collections.abc import Iterable
from http import HTTPStatus

# The server says these itself; what an application says of them is left out.
OURS = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server"))

_lines = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def encode(status: int, headers: Iterable[tuple[bytes, bytes]], more: bytes) -> bytes:
    """Status line, headers, `more` lines as they stand, and the empty line."""
    lines = [_lines.get(status) or b"HTTP/1.1 %d \r\n" % status]
    lines += [b"%b: %b\r\n" % header for header in headers if header[0] not in OURS]
    block = b"".join(lines)
    count = len(lines)
    if block.count(b"\n") != count or block.count(b"\r") != count:
        raise ValueError("a header of the answer has a line break in it")
    return b"%b%b\r\n" % (block, more)
