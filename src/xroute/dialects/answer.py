"""What every dialect gives back: requests to send, answers, and what went wrong in them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from xroute.errors import XrouteError
from xroute.wire.chunk import Chunk
from xroute.wire.form import Buffer
from xroute.wire.usage import Usage

__all__ = ["MALFORMED", "Answer", "Chunk", "Encoded", "ErrorBody", "ErrorInfo", "Malformed"]

MALFORMED = "malformed"  # `type` of an error that is a stream we cannot read


class Encoded(NamedTuple):
    """A request as a provider takes it."""

    body: dict[str, Any]
    dropped: tuple[str, ...] = ()  # the client's fields that this provider cannot take, as "tools[1].strict"
    headers: tuple[tuple[str, str], ...] = ()  # that this request needs besides the deployment's
    pieces: tuple[Buffer, ...] = ()  # not (): sent one after the other as they are, in place of `body`
    suffix: str = ""  # of the address: more of its path, then "?" and more of its query


@dataclass(slots=True)  # not frozen, as one is made for each call
class Answer:
    """A whole answer in canonical form."""

    body: dict[str, Any]  # a valid OpenAI ChatCompletion; the provider's own fields are kept
    usage: Usage | None  # None where the provider said nothing of use
    content: bool  # holds text, reasoning, a refusal, audio or a tool call
    raw: bytes = b""  # not b"": goes to the client as it is, `body` is not written
    media: str = "application/json"  # content type of `raw`


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What a provider's error body says."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None  # the HTTP status that the body itself names
    retry_after_s: float | None = None  # the pause that the body itself asks for


class Malformed(XrouteError):
    """The provider's body is not an answer."""


class ErrorBody(XrouteError):
    """The provider answered 200 with an error in the body; `info` says which."""

    def __init__(self, info: ErrorInfo) -> None:
        self.info = info
        super().__init__(info.message)
