"""A call: what a client asked for, once, in canonical form."""

from dataclasses import dataclass, field
from typing import Any, Literal

from xroute.wire.surface import Surface
from xroute.wire.who import Who

Operation = Literal[
    "chat",
    "count_tokens",
    "embeddings",
    "rerank",
    "moderations",
    "completions",  # the old ones, where only an endpoint of theirs can give what is asked for
    "images",
    "image_edits",
    "speech",
    "transcriptions",
    "translations",
]


@dataclass(slots=True)
class Call:
    """The decoded request of a client. `body` is OpenAI's chat-completion JSON, unknown fields kept."""

    body: dict[str, Any]
    models: tuple[str, ...]  # asked for, in order; the names as the client wrote them
    surface: Surface  # how the answer is written
    operation: Operation = "chat"  # of the others, `body` is OpenAI's (or Cohere's, for rerank) request
    stream: bool = False
    include_usage: bool = False  # an OpenAI client wants a usage chunk in its stream
    abilities: frozenset[str] = frozenset()  # words of catalog.entries.ABILITIES that it needs
    max_tokens: int = 0  # 0 = not said
    choices: int = 1  # answers asked for (`n`)
    is_heavy: bool = False  # holds images, audio or files, whose tokens are no text
    heavy_parts: int = 1  # how many of them, where it holds any
    heavy_bytes: int = 0  # of images, audio and files, as they stand in the request
    text_bytes: int = 0  # size of the request without images and audio, for token estimates
    window_bytes: int | None = None  # of text that must fit the context window; None = all of text_bytes
    provider: Any = None  # the `provider` object as it came
    media: str = ""  # content type of a whole answer that is not JSON, or of a stream that has no events
    is_bytes: bool = False  # the stream is the bytes of a sound: it has no place for comments or errors
    timeouts: dict[str, float] = field(default_factory=lambda: {})  # fields of wire.http.Timeouts
    raw: bytes = b""  # the client's own body, for deployments of its own dialect; b"" = always translate
    who: Who | None = None  # whose key it came with
    headers: tuple[tuple[str, str], ...] = ()  # of the client, that go along with `raw` (anthropic-beta)
