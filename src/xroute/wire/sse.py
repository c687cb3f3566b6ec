"""Server-sent events: bytes in any cutting become events (WHATWG HTML, section 9.2)."""

from xroute.errors import ProtocolError

MAX_EVENT = 16 * 1024 * 1024  # bytes; an event beyond this is no answer of a model


class Parser:
    """Feed bytes, get the data of each finished event.

    Comments, `event:`, `id:` and `retry:` fields are left out: the OpenAI dialect does not use them.
    `events` gives (event name or "", data) for dialects that do.
    """

    __slots__ = ("_held", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""  # the unfinished event up to the last cut that held a line end
        self._held: list[bytes] = []  # what came since: joined only when a line ends
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Data of each event that `data` finishes; several data lines are joined by a newline."""
        return [event for _, event in self.events(data)]

    def events(self, data: bytes) -> list[tuple[str, bytes]]:
        """(event name, data) of each event that `data` finishes; nameless ones have ""."""
        if not self._size and (event := _whole(data)) is not None:
            return [event]
        return [event for block in self.blocks(data) if (event := event_of(block)) is not None]

    def blocks(self, data: bytes) -> list[bytes]:
        """The lines of each event that `data` finishes, for `event_of`."""
        if self._size or b"\r" in data:
            if b"\n" not in data and b"\r" not in data:
                self._held.append(data)
                self._grow(self._size + len(data))
                return []
            data = self._rest + b"".join(self._held) + data
            self._held.clear()
            if b"\r" in data:
                data = self._plain_newlines(data)
        *blocks, self._rest = data.split(b"\n\n")
        if self._size or self._rest:
            self._grow(len(self._rest))
        return blocks

    def finish(self) -> list[bytes]:
        """What the end of the bytes finishes: some providers leave out the last blank line."""
        return [event for _, event in self.events(b"\n\n")]

    def _grow(self, size: int) -> None:
        self._size = size
        if size > MAX_EVENT:
            raise ProtocolError("a server-sent event is larger than 16 MiB")

    @staticmethod
    def _plain_newlines(data: bytes) -> bytes:
        """CRLF and CR as LF; a CR at the very end waits, as it may be half of a CRLF."""
        held = b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(held)]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held


def _whole(data: bytes) -> tuple[str, bytes] | None:
    """The event where `data` is one alone, as servers mostly send them; None where it may be more or less."""
    ends = 4 if data[-4:] == b"\r\n\r\n" else 2 if data[-2:] == b"\n\n" else 0
    end = len(data) - ends
    if not ends or data.find(b"\r", 0, end) >= 0:
        return None
    line = data.find(b"\n", 0, end)
    if line < 0:
        return ("", data[6:end]) if data[:6] == b"data: " else None
    if (
        data[:7] != b"event: "
        or data[line + 1 : line + 7] != b"data: "
        or data.find(b"\n", line + 1, end) >= 0
    ):
        return None
    return data[7:line].decode("utf-8", "replace"), data[line + 7 : end]


def event_of(block: bytes) -> tuple[str, bytes] | None:
    """(name, data) of an event by its lines; None where they are comments alone."""
    line = block.find(b"\n")
    if line < 0 and block[:6] == b"data: ":  # nearly every event
        return "", block[6:]
    if (
        block[:7] == b"event: "
        and block[line + 1 : line + 7] == b"data: "
        and block.find(b"\n", line + 1) < 0
    ):
        return block[7:line].decode("utf-8", "replace"), block[line + 7 :]
    name = ""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"error":  # llama.cpp's server writes errors as a field of their own
            name = "error"
            lines.append(value)
    return (name, b"\n".join(lines)) if lines else None
