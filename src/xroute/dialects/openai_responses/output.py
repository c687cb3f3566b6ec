"""The output of a response, put together from pieces of a canonical answer in any cutting."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses import citation, order, seal, thought
from xroute.dialects.openai_responses.asked import Names
from xroute.dialects.openai_responses.events import (
    COMPLETED,
    Called,
    Item,
    Spoken,
    Tape,
    Thought,
    Written,
)
from xroute.dialects.openai_responses.items import is_native

OWN = "openai" + thought.FAMILY
ORDER = order.TYPE
_TEXTS = ("text", "summary")


class _Call:
    """A call, as far as it is known."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.is_function = True
        self.beside: Json = {}
        self.early: list[str] = []  # arguments that came before the name
        self.item: Called | Written | None = None


class Output:
    """One message, one reasoning item and any number of calls may be open; what comes next closes them."""

    def __init__(self, tape: Tape, suffix: str, names: Names) -> None:
        """`suffix` is what makes the items' ids this response's own."""
        self._tape = tape
        self._suffix = suffix
        self._names = names
        self._message: Spoken | None = None
        self._messages: list[tuple[int, Spoken]] = []  # with the characters of text before each
        self._thought: Thought | None = None
        self._calls: dict[Any, _Call] = {}
        self._held = ""  # the beginning of a second message's text, as it may only separate the two
        self._chars = 0  # of text so far
        self._foreign: list[Json] = []  # other makers' blocks, which have no place among the items
        self.items: list[Json] = []

    def __repr__(self) -> str:
        return f"<Output of {len(self.items)} items>"

    # Text.

    def message(self, text: str, phase: Any = None, logprobs: list[Json] | None = None) -> None:
        """A whole message of its own."""
        self._settle()
        if text and self._chars:
            self._chars += len(order.BETWEEN)
        message = self._open_message(phase)
        if text:
            self._chars += len(text)
            message.text(text, logprobs)

    def say(self, text: str, logprobs: list[Json] | None = None) -> None:
        """A piece of the answer's text."""
        if self._message is None and self._messages:
            self._held += text
            if order.BETWEEN.startswith(self._held):
                return
            text, held, self._held = self._held.removeprefix(order.BETWEEN), self._held, ""
            self._chars += len(held) - len(text)
        if text:
            (self._message or self._open_message()).text(text, logprobs)
            self._chars += len(text)

    def quoted(self, text: bytes) -> bool:
        """A piece of text that is JSON already; False where it is not just the next piece of a text."""
        message = self._message
        if message is None or not message.is_text:
            return False
        self._chars += message.quoted(text)
        return True

    def refuse(self, text: str) -> None:
        """A piece of a refusal."""
        (self._message or self._open_message()).refuse(text)

    def cite(self, annotation: Json) -> None:
        """A citation in the chat API's form, or an annotation as the Responses API has it."""
        if not self._messages:
            return
        message, flat = self._messages[-1][1], [annotation]
        if codec.is_object(inner := annotation.get("url_citation")):
            start = tokens.count(inner.get("start_index")) or 0
            offset, message = next(
                (each for each in reversed(self._messages) if each[0] <= start), self._messages[0]
            )
            flat = citation.flat([annotation], offset, start + 1)
        for found in flat:
            (message.cite if message is self._message else message.note)(found)

    def phase(self, phase: Any) -> None:
        """The phase of the latest message, told at its end."""
        if self._messages and isinstance(phase, str):
            self._messages[-1][1].made["phase"] = phase

    def _open_message(self, phase: Any = None) -> Spoken:
        self._settle()
        self._message = Spoken(self._tape, self.items, self._id("msg"), phase)
        self._messages.append((self._chars, self._message))
        return self._message

    # Reasoning.

    def think(self, text: str, details: list[Json]) -> None:
        """A piece of reasoning: its text, and its `reasoning_details` entries."""
        shown = any(_text(entry) for entry in details)
        if text and not shown:
            self._reasoning().think(text, None)
        for entry in details:
            item = self._reasoning(entry)
            key = entry.get("index") if isinstance(entry.get("index"), int) else len(item.details)
            _merge(item.details, key, entry)
            if piece := _text(entry):
                item.think(piece, key)

    def _reasoning(self, entry: Json | None = None) -> Thought:
        """The open item, unless the entry belongs to another one."""
        item = self._thought
        if item is not None and entry is not None and (id_ := _own_id(entry)):
            known = next((own for other in item.details.values() if (own := _own_id(other))), id_)
            if known != id_:
                self._close_thought()
                item = None
        if item is None:
            self._close_message()
            self._close_calls()
            id_ = (_own_id(entry) if entry else "") or self._id("rs")
            item = self._thought = Thought(self._tape, self.items, id_)
        return item

    def _close_thought(self) -> None:
        item, self._thought = self._thought, None
        if item is None:
            return
        details = list(item.details.values())
        native = thought.items(details, OWN) if all(map(_is_plain, details)) else []
        if len(native) == 1 and native[0] is not None:
            item.finish({"encrypted_content": native[0]["encrypted_content"]})
        elif details and not all(map(_is_summary, details)):
            item.finish({"encrypted_content": seal.seal({"details": details})})
        item.close()

    # Calls.

    def call(self, piece: Json) -> None:
        """A tool call, or a piece of one; pieces of one call have its index."""
        index: Any = piece.get("index")
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call()
        nested: Any = piece.get("custom")
        is_custom = codec.is_object(nested)
        inner: Any = nested if is_custom else piece.get("function")
        own: Json = inner if codec.is_object(inner) else {}
        call.id = call.id or piece.get("id") or ""
        call.is_function = call.is_function and not is_custom
        if not call.beside:
            call.beside = {name: piece[name] for name in ("namespace", "caller") if piece.get(name)}
        text: str = own.get("input" if is_custom else "arguments") or ""
        if call.item is not None:
            call.item.argue(text)
            return
        call.name += own.get("name") or ""
        call.early.append(text)
        if call.name:
            self._open_call(call)

    def _open_call(self, call: _Call) -> None:
        self._settle()
        call.id = call.id or made_id(f"{self._suffix}:{len(self.items)}")
        told = {**self._names.told(call.name), **call.beside}
        made: Json = {"type": "function_call", "status": "in_progress", "call_id": call.id, **told}
        if not call.is_function or self._names.is_free(call.name):
            made = {**made, "id": self._id("ctc"), "type": "custom_tool_call"}
            call.item = Written(self._tape, self.items, made, is_function=call.is_function)
        else:
            call.item = Called(self._tape, self.items, {**made, "id": self._id("fc")})
        for text in call.early:
            call.item.argue(text)

    def _close_calls(self, status: str = "") -> None:
        """Those that are whole; all where a status is given."""
        for call in self._calls.values():
            item = call.item
            if item is not None and item.made["status"] == "in_progress" and (status or item.is_whole()):
                item.close(status or COMPLETED)

    # What runs at a provider.

    def native(self, block: Json) -> None:
        """An item of this API as it came; other makers' blocks are kept for their next turn."""
        if block.get("type") == ORDER:
            return
        if not is_native(block):
            self._foreign.append(block)
            return
        self._settle()
        prefix = str(block["type"]).partition("_")[0][:3]
        self._shown({"id": self._id(prefix), **block})

    def image(self, image: Json) -> None:
        """A picture that the model made, as a data URL."""
        linked: Any = image.get("image_url")
        url: Any = linked.get("url") if codec.is_object(linked) else None
        if not isinstance(url, str) or not url.startswith("data:image/"):
            return
        self._settle()
        kind, _, data = url.removeprefix("data:image/").partition(";base64,")
        made: Json = {"id": self._id("ig"), "type": "image_generation_call", "status": COMPLETED}
        self._shown({**made, "output_format": kind.partition("+")[0], "result": data})

    def _shown(self, made: Json) -> None:
        Item(self._tape, self.items, made).close(made.get("status") or COMPLETED)

    # The end.

    def finish(self, status: str) -> None:
        """Closes what is open; the last item has the answer's status."""
        for call in self._calls.values():
            if call.item is None and "".join(call.early):
                self._open_call(call)
        self._close_thought()
        self._close_message(status)
        self._close_calls(status)
        if self._foreign:
            made: Json = {"id": self._id("rs"), "type": "reasoning", "summary": []}
            self._shown({**made, "encrypted_content": seal.seal({"native": self._foreign})})
            self._foreign = []
        if not self.items:
            self._open_message()
            self._close_message(status)

    def abandon(self) -> None:
        """The answer broke off: what is open stays as far as it came, and no event says more of it."""
        called = [call.item for call in self._calls.values()]
        for item in (self._thought, self._message, *called):
            if item is not None and item.made.get("status") in (None, "in_progress"):
                item.abandon()

    def _settle(self) -> None:
        """Something else begins."""
        self._close_thought()
        self._close_message()
        self._close_calls()

    def _close_message(self, status: str = COMPLETED) -> None:
        message, self._message = self._message, None
        if message is not None:
            message.close(status)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._suffix}{len(self.items):02x}"


def _text(entry: Json) -> str:
    return next((text for name in _TEXTS if isinstance(text := entry.get(name), str)), "")


def _own_id(entry: Json) -> str:
    """The id of an item of this API; other makers' entries may have ids of another meaning."""
    id_ = entry.get("id")
    return id_ if entry.get("format") == OWN and isinstance(id_, str) else ""


def _is_summary(entry: Json) -> bool:
    return entry.get("format") == OWN and entry.get("type") == "reasoning.summary"


def _is_plain(entry: Json) -> bool:
    """Whether an item of this API can say it as it is."""
    return _is_summary(entry) or (entry.get("format") == OWN and entry.get("type") == "reasoning.encrypted")


def _merge(details: dict[Any, Json], key: Any, piece: Json) -> None:
    """A stream's piece put to its entry: texts are joined, the rest is set."""
    known = details.setdefault(key, {})
    for name, value in piece.items():
        if name in _TEXTS and isinstance(value, str) and isinstance(known.get(name), str):
            known[name] += value
        else:
            known[name] = value
