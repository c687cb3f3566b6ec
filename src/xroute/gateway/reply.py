"""The client's side of a call, as the gateway writes to it."""

from collections.abc import Awaitable
from typing import Protocol

Headers = list[str]  # lines as they are sent, `name: value`, names in lower case


class Reply(Protocol):
    """One answer on its way to a client. A client that goes away cancels the task that serves it."""

    request_id: str
    started: float  # monotonic seconds

    @property
    def opened(self) -> bool:
        """The head of a stream was sent."""
        ...

    @property
    def last_write(self) -> float:
        """Monotonic seconds; for keep-alive comments."""
        ...

    @property
    def writing_since(self) -> float:
        """Monotonic seconds at which the write that waits for the client began; 0 = none waits."""
        ...

    def drop(self) -> None:
        """Gives the client up, as if it had gone."""
        ...

    def answer(
        self, status: int, headers: Headers, body: bytes, media: str = "application/json"
    ) -> Awaitable[None]:
        """The whole answer at once; `media` is its content type."""
        ...

    def open(self, headers: Headers) -> Awaitable[None]:
        """The head of a stream of server-sent events, status 200."""
        ...

    def write(self, data: bytes) -> Awaitable[None]:
        """Whole events; returns when the client's connection has taken them."""
        ...

    def nudge(self, data: bytes) -> None:
        """A comment, written without waiting; lost if the client is gone."""
        ...

    def end(self) -> Awaitable[None]:
        """The proper end of a stream."""
        ...
