"""One HTTP exchange with a provider, as the gateway sees it, whatever carries it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from xroute.wire.form import Buffer

Body: TypeAlias = bytes | Sequence[Buffer]  # pieces are sent one after the other, and never joined


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds; None switches one off. Each is settable per provider, model and request."""

    connect: float | None = 5.0
    first_byte: float | None = 120.0  # from the request sent to the answer's status line
    first_token: float | None = 120.0  # from the request sent to the first content of a stream
    between_chunks: float | None = 60.0  # silence inside a stream
    total: float | None = 600.0  # the whole call, retries included


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attempt goes. Made once per deployment; `headers` hold the credential, so no repr."""

    url: str  # absolute, no user info; "sim:" selects the simulator in this process
    headers: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Target({self.url.partition('?')[0]!r}, headers=***)"  # a query may hold the credential


class Signer(Protocol):
    """Puts a credential on a request that is not known beforehand: a signature, a short-lived token."""

    async def sign(self, method: str, target: Target, body: bytes) -> Target:
        """The target with the headers that prove who asks; the same object as long as they stay the same.

        TransportError where the credential cannot be had now, ConfigError where it never can.
        """
        ...


class Exchange(Protocol):
    """An answer whose head has arrived. Use `close` in a finally: it is idempotent and never waits."""

    status: int

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; repeated ones joined with ", "."""
        ...

    async def read(self, limit: int) -> bytes:
        """The whole body; ProtocolError above `limit` bytes, CutError or TimedOut if it breaks."""
        ...

    def whole(self, limit: int) -> bytes | None:
        """The whole body if all of it is here, so that nothing has to be waited for, else None; ProtocolError
        above `limit` bytes."""
        ...

    async def chunk(self, timeout_s: float | None) -> bytes:
        """The next bytes as they come, b"" at the proper end; CutError if it ends improperly;
        TimedOut("between_chunks") after `timeout_s` seconds of silence."""
        ...

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else end it at once."""
        ...


class Transport(Protocol):
    """Sends requests. Cancelling a waiting call ends its connection at once."""

    async def send(self, method: str, target: Target, body: Body, timeouts: Timeouts) -> Exchange:
        """One request; returns when the answer's head is in. Raises errors.TransportError."""
        ...

    async def close(self) -> None:
        """Ends every connection."""
        ...
