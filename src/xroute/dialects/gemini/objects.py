"""JSON objects one after the other, alone or in a list, from bytes in any cutting."""

import re

from xroute.errors import ProtocolError
from xroute.wire.sse import MAX_EVENT

_MARK = re.compile(rb'["{}\[\]]')
_QUOTE = re.compile(rb'["\\]')


class Objects:
    """Feed bytes, get each finished object. `closed`: the list around them has ended, or there is none."""

    __slots__ = ("_depth", "_listed", "_parts", "_quoted", "_size", "_skip", "closed")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of the unfinished object
        self._size = 0
        self._depth = 0  # inside the object
        self._quoted = False  # inside a string
        self._skip = 0  # bytes of an escape that the next bytes begin with
        self._listed = False
        self.closed = True

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that `data` finishes; ProtocolError for an endless one."""
        found: list[bytes] = []
        place, begin = self._skip, 0
        self._skip = 0
        while (mark := (_QUOTE if self._quoted else _MARK).search(data, place)) is not None:
            sign, place = mark[0], mark.end()
            if sign == b"\\":
                place += 1
            elif sign == b'"':
                self._quoted = not self._quoted if self._depth else False
            elif self._depth or sign == b"{":
                begin = begin if self._depth else mark.start()
                self._depth += 1 if sign in b"{[" else -1
                if not self._depth:
                    found.append(b"".join((*self._parts, data[begin:place])))
                    self._parts, self._size = [], 0
            else:
                self._list(sign)
        self._skip = max(0, place - len(data))
        if self._depth:
            self._hold(data[begin:])
        return found

    def _list(self, sign: bytes) -> None:
        if sign == b"[":
            self._listed, self.closed = True, False
        elif sign == b"]" and self._listed:
            self.closed = True

    def _hold(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT:
            raise ProtocolError("an event of a JSON stream is larger than 16 MiB")
