"""What the simulator has served, written down while it does: what a provider's bill would be made of."""

import os
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from xroute.errors import ConfigError
from xroute.sim.steps import Bytes, Cut, End, Reset, Step

LEFT = "left"  # the client went before the end
_ENDS: dict[type[Step], str] = {End: "end", Cut: "cut", Reset: "reset"}


@dataclass(frozen=True, slots=True)
class Promise:
    """What a chat is going to be answered."""

    id: str  # the request's
    answer: str  # the id in the body, as OpenAI has it
    model: str
    user: str  # the end user that the request names
    stream: bool
    prompt_tokens: int
    cached_tokens: int
    tokens: int  # of the whole answer


class Served:
    """A file of JSON lines, two for each chat: one when its answer begins, one when it ends, however it does.

    A line is in the file before anything else happens: nothing is missing of a simulator that is killed.
    """

    def __init__(self, path: Path) -> None:
        """The file is made, or goes on where it ends. ConfigError where it cannot be written."""
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {os.strerror(error.errno or 0)}", "--record") from error

    def follow(self, promise: Promise, steps: Iterator[Step]) -> Generator[Step]:
        """The steps, each written down before it happens. To close it says that the client has left."""
        tokens, how = 0, LEFT
        self._write({"event": "begin", "at": _now(), **asdict(promise)})
        try:
            for step in steps:
                if isinstance(step, Bytes):
                    tokens += step.tokens
                how = _ENDS.get(type(step), LEFT)
                if how != LEFT:
                    self._end(promise, tokens, how)
                yield step
        finally:
            if how == LEFT:
                self._end(promise, tokens, how)

    def _end(self, promise: Promise, tokens: int, how: str) -> None:
        self._write({"event": "end", "at": _now(), "id": promise.id, "tokens": tokens, "how": how})

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _now() -> int:
    return time.time_ns() // 1_000_000
