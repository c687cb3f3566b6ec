"""Steps as bytes of HTTP/1.1, written by hand so that a cut can happen inside a chunk."""

from http import HTTPStatus

from xroute.sim.steps import Bytes, Cut, Head

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Framing:
    """One answer's framing: chunked unless its length is known or the client speaks HTTP/1.0."""

    __slots__ = ("_chunked", "_keep_alive", "_may_chunk")

    def __init__(self, *, may_chunk: bool, keep_alive: bool) -> None:
        self._may_chunk = may_chunk
        self._keep_alive = keep_alive
        self._chunked = False

    def head(self, step: Head) -> bytes:
        """The status line and the headers."""
        self._chunked = self._may_chunk and "content-length" not in step.headers
        lines = [f"HTTP/1.1 {step.status} {_REASONS.get(step.status, 'Unknown')}", "server: xroute-simulator"]
        lines += [f"{name}: {value}" for name, value in step.headers.items()]
        if self._chunked:
            lines.append("transfer-encoding: chunked")
        if not self._keep_alive:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def body(self, step: Bytes) -> bytes:
        """A piece of the body; chunked, one chunk."""
        return b"%x\r\n%b\r\n" % (len(step.data), step.data) if self._chunked else step.data

    def cut(self, step: Cut) -> bytes:
        """The first half of a piece whose chunk says that it is whole."""
        half = step.data[: len(step.data) // 2]
        return b"%x\r\n%b" % (len(step.data), half) if self._chunked else half

    def end(self) -> bytes:
        """What ends the body."""
        return b"0\r\n\r\n" if self._chunked else b""
