"""Tool calls in OpenAI's form, whole and in a stream's pieces."""

from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text


def made_id(seed: str) -> str:
    """An id for a call that came without one: the same for the same seed, as long as OpenAI's."""
    return "call_" + blake2s(seed.encode("utf-8", "replace"), digest_size=12).hexdigest()


def tidy(message: Json, seed: str) -> None:
    """The tool calls of a whole message."""
    calls = message.get("tool_calls")
    if calls is None:
        return
    given: list[Any] = calls if calls.__class__ is list else [calls]
    message["tool_calls"] = [
        _whole(call, seed, number) for number, call in enumerate(given) if call.__class__ is dict
    ]


def _whole(call: Json, seed: str, number: int) -> Json:
    if not isinstance(call.get("id"), str) or not call["id"]:
        call["id"] = made_id(f"{seed}:{number}")
    if call.get("type") == "custom" and codec.is_object(custom := call.get("custom")):
        custom["input"] = as_text(custom.get("input") or "")
        return call
    function = _function(call)
    function["name"] = str(function.get("name") or "")
    arguments = function.get("arguments")
    function["arguments"] = "{}" if arguments is None else as_text(arguments)
    call["type"] = "function"
    return call


def _function(call: Json) -> Json:
    """The function of a call; a name and arguments beside it are put into one."""
    function = call.get("function")
    if not codec.is_object(function):
        function = {key: call[key] for key in ("name", "arguments") if key in call}
        call["function"] = function
    return function


@dataclass(slots=True)
class _Call:
    number: int
    id: str
    name: str


class Pieces:
    """The tool calls of one streamed choice: numbers them and joins their pieces.

    Clients join the strings of all pieces of a call, so what a provider repeats (id, name) goes out once.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def tidy(self, delta: Json) -> bool:
        """Make the delta's tool calls what OpenAI's types accept; True when something was changed."""
        calls = delta["tool_calls"]
        given: list[Any] = calls if codec.is_list(calls) else [calls]
        kept = [call for call in given if codec.is_object(call)]
        changed = len(kept) != len(given) or given is not calls
        named: set[int] = set()  # a second whole call in one chunk is another one, whatever its index
        for call in kept:
            changed = self._piece(call, named) or changed
        if changed:
            delta["tool_calls"] = kept
        return changed

    def _piece(self, call: Json, named: set[int]) -> bool:
        changed = _shape(call)
        known = self._known(call, named)
        own = known or self._begin(call)
        function: Json = call.get("function") or {}
        if function.get("name"):
            named.add(own.number)
        if call.get("index") != own.number:
            call["index"], changed = own.number, True
        if known is None:
            return self._complete(call, own) or changed
        return _once(call, function, own) or changed

    def _known(self, call: Json, named: set[int]) -> _Call | None:
        """The call that this piece belongs to; None when it begins one.

        1. A piece with a known id belongs to that call.
        2. One with a new id and a name begins a call, even at a known index (Gemini numbers all 0).
        3. One with a known index belongs there, unless it repeats a name within its chunk.
        4. One without an index and without a name continues the last call.
        """
        own_id, index = call.get("id"), call.get("index")
        function: Json = call.get("function") or {}
        name: Any = function.get("name")
        if own_id and own_id in self._by_id:
            return self._by_id[own_id]
        at = self._by_index.get(index) if index is not None else None
        if at is not None:
            fresh = name and ((own_id and at.name) or at.number in named)
            return None if fresh else at
        if index is None and not name and self._calls:
            return self._calls[-1]
        return None

    def _begin(self, call: Json) -> _Call:
        number = len(self._calls)
        own = _Call(number, call.get("id") or "", "")
        self._calls.append(own)
        index = call.get("index")
        self._by_index[number if index is None else index] = own
        return own

    def _complete(self, call: Json, own: _Call) -> bool:
        """The first piece of a call has an id, a type and, mostly, its name."""
        changed = False
        if not own.id:
            call["id"] = own.id = made_id(f"{self._seed}:{own.number}")
            changed = True
        self._by_id[own.id] = own
        if not _is_typed(call):
            call["type"], changed = "function", True
        function: Json = call.get("function") or {}
        own.name = function.get("name") or ""
        return changed


def _once(call: Json, function: Json, own: _Call) -> bool:
    """Take out of a later piece what the first one already said."""
    changed = False
    if call.get("id") is not None:
        call["id"], changed = None, True
    if (name := function.get("name")) is not None:
        if not name or (name == own.name and isinstance(function.get("arguments"), str)):
            function["name"], changed = None, True
        else:
            own.name += name
    if call.get("type") is not None and not _is_typed(call):
        call["type"], changed = "function", True
    return changed


def _is_typed(call: Json) -> bool:
    return call.get("type") == "function" or (
        call.get("type") == "custom" and codec.is_object(call.get("custom"))
    )


def _texts(function: Json) -> bool:
    changed = False
    for name in ("name", "arguments"):
        if function.get(name).__class__ not in (str, type(None)):
            function[name], changed = as_text(function[name]), True
    return changed


def _shape(call: Json) -> bool:
    """The types of a piece's fields."""
    changed = False
    if call.get("function") is None and ("name" in call or "arguments" in call):
        _function(call)
        changed = True
    function = call.get("function")
    if function is not None and not codec.is_object(function):
        call["function"], changed = {}, True
    else:
        changed = _texts(function or {}) or changed
    if call.get("id") is not None and not isinstance(call["id"], str):
        call["id"], changed = str(call["id"]), True
    if "index" in call and call["index"].__class__ is not int:
        call["index"], changed = None, True
    return changed
