"""Tool calls of a stream, one after another: OpenAI's pieces name their call, Anthropic's blocks do not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


@dataclass(slots=True)
class Call:
    """A call, as far as it is known."""

    id: str
    name: str
    pieces: list[str] = field(default_factory=list[str])  # of its arguments
    is_custom: bool = False  # free text in place of arguments

    @property
    def arguments(self) -> str:
        """All arguments as JSON."""
        text = "".join(self.pieces)
        return codec.write({"input": text}).decode() if self.is_custom else text

    def is_whole(self) -> bool:
        """Whether the arguments are a whole JSON object, so that nothing can follow."""
        try:
            return codec.is_object(orjson.loads("".join(self.pieces)))
        except orjson.JSONDecodeError:
            return False


class Calls:
    """The calls of one answer. The first goes out as it comes; the next as well, once that one is whole.

    What begins before that waits until the end, as a block cannot be opened twice; and so does free text, as
    Anthropic has JSON alone.
    """

    def __init__(self) -> None:
        self.any = False
        self._known: dict[Any, Call] = {}
        self._current: Call | None = None
        self._waiting: list[Call] = []

    def is_whole(self) -> bool:
        """Whether the call that goes out now is whole."""
        return self._current is None or self._current.is_whole()

    def add(self, piece: Json) -> Call | str | None:
        """The call that begins here, more arguments of the one that goes out, or None where it waits."""
        given: Any = piece.get("function") or piece.get("custom")
        function: Json = given if codec.is_object(given) else {}
        arguments = function.get("arguments") or function.get("input") or ""
        call = self._known.get(piece.get("index"))
        if call is None:
            return self._begin(piece, function, arguments)
        call.pieces.append(arguments)
        return arguments if call is self._current else None

    def rest(self) -> Iterable[Call]:
        """The calls that have waited, in order."""
        rest, self._waiting = self._waiting, []
        return rest

    def _begin(self, piece: Json, function: Json, arguments: str) -> Call | None:
        call = Call(piece.get("id") or "", function.get("name") or "", [arguments], "custom" in piece)
        self._known[piece.get("index")] = call
        self.any = True
        if call.is_custom or self._waiting or not self.is_whole():
            self._waiting.append(call)
            return None
        self._current = call
        return call
