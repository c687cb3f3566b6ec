"""What every dialect gives back: answers, stream chunks, and what went wrong in them."""

from dataclasses import dataclass
from typing import Any

from xroute.errors import XrouteError
from xroute.wire.usage import Usage


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in canonical form."""

    body: dict[str, Any]  # a valid OpenAI ChatCompletion; the provider's own fields are kept
    usage: Usage | None  # None where the provider said nothing of use
    content: bool  # holds text, reasoning, a refusal, audio or a tool call


@dataclass(slots=True)
class Chunk:
    """One event of a stream in canonical form; not frozen, as it is made thousands of times a second."""

    raw: bytes  # the JSON that goes after "data: "
    content: bool = False  # holds text, reasoning, a refusal, audio or a tool call
    finish: bool = False  # holds a finish_reason


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What a provider's error body says."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None  # the HTTP status that the body itself names


class Malformed(XrouteError):
    """The provider's body is not an answer."""


class ErrorBody(XrouteError):
    """The provider answered 200 with an error in the body; `info` says which."""

    def __init__(self, info: ErrorInfo) -> None:
        self.info = info
        super().__init__(info.message)
