"""Arguments of a function call that come in pieces, each at a JSON path.

Vertex AI streams them so where it is asked to: streamFunctionCallArguments,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling, read 2026-11-21.
"""

import re
from itertools import pairwise
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# The steps of a path that names one place: .name, [0], ['name'], ["name"] (RFC 9535).
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
MAX_GAP = 1000  # items of a list that may be named before those in front of them


class Call:
    """A call that is still being written; `number` is its place among the tool calls."""

    __slots__ = ("_going", "args", "name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.args: Json = {}
        self._going = ""  # the path whose text is not finished

    def add(self, call: Json) -> None:
        """What one part of the stream says of the arguments."""
        if codec.is_object(args := call.get("args")):
            self.args.update(args)
        pieces: Any = call.get("partialArgs")
        for piece in pieces if codec.is_list(pieces) else ():
            if codec.is_object(piece):
                self._piece(piece)

    def text(self) -> str:
        """The arguments as JSON."""
        return codec.write(self.args).decode()

    def _piece(self, piece: Json) -> None:
        path: Any = piece.get("jsonPath")
        name = next((name for name in _VALUES if name in piece), None)
        if not isinstance(path, str) or name is None:
            return
        value = None if name == "nullValue" else piece[name]
        _put(self.args, _steps(path), value, joined=path == self._going)
        self._going = path if piece.get("willContinue") is True else ""


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for name, index, single, double in _STEP.findall(path):
        steps.append(int(index) if index else name or re.sub(r"\\(.)", r"\1", single or double))
    return steps


def _put(root: Json, steps: list[str | int], value: Any, *, joined: bool) -> None:
    """Set the place, or add to the text that is there; nothing where the path does not fit what is there."""
    place: Any = root
    for step, following in pairwise(steps):
        if not _fits(place, step):
            return
        inner: Any = place[step]
        if inner is None:
            inner = place[step] = list[Any]() if isinstance(following, int) else dict[str, Any]()
        place = inner
    if not steps or not _fits(place, steps[-1]):
        return
    old: Any = place[steps[-1]]
    place[steps[-1]] = old + value if joined and isinstance(old, str) and isinstance(value, str) else value


def _fits(place: Any, step: str | int) -> bool:
    """Whether the step leads into the place; it is made, empty, where it is missing."""
    if isinstance(step, str):
        if codec.is_object(place):
            place.setdefault(step, None)
        return codec.is_object(place)
    if not codec.is_list(place) or step > len(place) + MAX_GAP:
        return False
    place.extend([None] * (step + 1 - len(place)))
    return True
