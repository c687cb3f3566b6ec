"""One event of a stream."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Chunk:
    """One event of a stream in canonical form; not frozen, as it is made thousands of times a second."""

    raw: bytes  # the JSON that goes after "data: "; from a native decoder: the whole event as it came
    content: bool = False  # holds text, reasoning, a refusal, audio or a tool call
    finish: bool = False  # holds a finish_reason
    body: dict[str, Any] | None = None  # `raw` parsed, where the decoder has it at hand
