"""What the simulator does with one request, as a sequence of steps that any carrier can play."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers; lower-case names. Without content-length the body is chunked."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bytes:
    """A piece of the body; over HTTP/1.1 each is a chunk of its own."""

    data: bytes
    tokens: int = 0  # that it tells


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing for so long. A wait of 0 still parts the bytes before it from those behind it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing, until the client goes away."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is closed (FIN) halfway through `data`, whose whole length was announced."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The proper end of the body."""


Step = Head | Bytes | Wait | Hang | Reset | Cut | End
