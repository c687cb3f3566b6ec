"""AWS event streams: bytes in any cutting become messages.

The format is public: https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-21.
"""

from functools import lru_cache
from struct import Struct
from struct import error as StructError
from zlib import crc32

from xroute.errors import ProtocolError

MAX_MESSAGE = 16 * 1024 * 1024  # bytes; what the format allows for a payload

_PRELUDE = Struct("!III")  # length of the whole, length of the headers, checksum of these eight bytes
_CHECKSUM = Struct("!I")
_SMALLEST = _PRELUDE.size + _CHECKSUM.size
_SHORT = Struct("!H")
# type of a header's value -> how it is read; 0 and 1 are true and false, 6 and 7 have a length of their own
_NUMBERS = {2: Struct("!b"), 3: Struct("!h"), 4: Struct("!i"), 5: Struct("!q"), 8: Struct("!q")}
_BYTES, _STRING, _UUID = 6, 7, 9


class Frames:
    """Feed bytes, get each finished message as (headers, payload).

    Values of headers that are no text are given as text: "true", "12", hexadecimal digits. The headers are
    shared between messages: read them only.
    """

    __slots__ = ("_held", "_rest", "_size", "_wanted")

    def __init__(self) -> None:
        self._rest: bytes = b""
        self._held: list[bytes] = []  # what came since: joined only when a message is whole
        self._size = 0
        self._wanted = _PRELUDE.size  # bytes without which nothing more can be said

    def __repr__(self) -> str:
        return f"<Frames, {self._size} of {self._wanted} bytes>"

    @property
    def pending(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[tuple[dict[str, str], bytes]]:
        """The messages that `data` finishes.

        Raises ProtocolError for a wrong checksum, an impossible length or unreadable headers; what came
        before the broken message in the same `data` is lost then, so a reader that wants it uses `next`.
        """
        self.add(data)
        found: list[tuple[dict[str, str], bytes]] = []
        while (message := self.next()) is not None:
            found.append(message)
        return found

    def add(self, data: bytes) -> None:
        """Bytes for `next`."""
        self._held.append(data)
        self._size += len(data)

    def next(self) -> tuple[dict[str, str], bytes] | None:
        """The next message; None when the bytes so far hold no whole one. Raises ProtocolError."""
        if self._size < self._wanted:
            return None
        rest = self._joined()
        length, headers_length = _prelude(rest)
        self._wanted = length
        if self._size < length:
            return None
        self._rest = rest[length:]
        self._size -= length
        self._wanted = _PRELUDE.size
        return _message(rest[:length], headers_length)

    def _joined(self) -> bytes:
        if self._held:
            self._rest = b"".join((self._rest, *self._held))
            self._held.clear()
        return self._rest


def _prelude(data: bytes) -> tuple[int, int]:
    length, headers_length, checksum = _PRELUDE.unpack_from(data)
    if crc32(data[:8]) != checksum:
        raise ProtocolError("the provider's event stream has a wrong checksum")
    if length > MAX_MESSAGE:
        raise ProtocolError("a message of the provider's event stream is larger than 16 MiB")
    if length < _SMALLEST + headers_length:
        raise ProtocolError("a message of the provider's event stream has an impossible length")
    return length, headers_length


def _message(data: bytes, headers_length: int) -> tuple[dict[str, str], bytes]:
    end = len(data) - _CHECKSUM.size
    if crc32(data[:end]) != _CHECKSUM.unpack_from(data, end)[0]:
        raise ProtocolError("the provider's event stream has a wrong checksum")
    start = _PRELUDE.size + headers_length
    try:
        return _headers(data[_PRELUDE.size : start]), data[start:end]
    except (IndexError, StructError, UnicodeDecodeError):
        raise ProtocolError("a message of the provider's event stream has unreadable headers") from None


@lru_cache(maxsize=256)
def _headers(data: bytes) -> dict[str, str]:
    """Most messages of a stream have the same headers: read once, shared, never changed."""
    headers: dict[str, str] = {}
    place = 0
    while place < len(data):
        end = place + 1 + data[place]
        name = data[place + 1 : end].decode()
        headers[name], place = _value(data, end + 1, data[end])
    return headers


def _value(data: bytes, place: int, kind: int) -> tuple[str, int]:
    """(the value as text, where the next header begins)."""
    if kind in (0, 1):
        return ("true", "false")[kind], place
    if number := _NUMBERS.get(kind):
        return str(number.unpack_from(data, place)[0]), place + number.size
    if kind == _UUID:
        size = 16
    elif kind in (_BYTES, _STRING):
        size = _SHORT.unpack_from(data, place)[0]
        place += _SHORT.size
    else:
        raise IndexError("a type of value that the format does not have")
    value = data[place : place + size]
    if len(value) < size:
        raise IndexError("a header that is cut")
    return value.decode() if kind == _STRING else value.hex(), place + size
