"""The client's side of a call: the wire format in which its answer is written."""

from collections.abc import Sequence
from typing import Any, Protocol

from xroute.errors import CallError
from xroute.wire.chunk import Chunk


class Encoder(Protocol):
    """Canonical chunks in, events in the client's format out. One for each stream."""

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        """The events for these chunks; b"" where they mean nothing to this client."""
        ...

    def finish(self, last: bytes) -> bytes:
        """The proper end. `last` is the canonical usage chunk: JSON with `choices: []` and `usage`,
        our `cost` in it; b"" where nothing is known."""
        ...

    def fail(self, error: CallError, chunk: dict[str, Any]) -> bytes:
        """The typed error and the end, for a stream that broke; it never looks complete.

        `chunk` is a canonical chunk of this stream whose finish_reason is "error".
        """
        ...


class Surface(Protocol):
    """How the answer of one call is written. Made by the `parse` of a client's dialect."""

    dialect: str  # deployments of this dialect may take the client's own bytes (see `Call.raw`)

    def write(self, body: dict[str, Any]) -> bytes:
        """A whole answer, from canonical form, its `usage` with our `cost` in it."""
        ...

    def encoder(self, request_id: str, created: int) -> Encoder:
        """The encoder of a stream."""
        ...

    def refuse(self, error: CallError, request_id: str) -> bytes:
        """The body of an error answer in the client's own shape, with our `error_type` word in it."""
        ...
