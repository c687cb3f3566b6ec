"""The events of a streamed response as ChatCompletionChunks."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import codec, envelope, logprobs
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses import citation, fault, order, thought, usage
from xroute.dialects.openai_responses.decode import finish, is_begun
from xroute.dialects.openai_responses.message import (
    CALLS,
    arguments_of,
    call_of,
    entries,
    form_of,
    id_of,
    image_of,
    note_of,
    parts_of,
    type_of,
)
from xroute.dialects.openai_responses.progress import Item
from xroute.dialects.translated import Translated

# Event -> kind of the text that it brings a piece of; the `done` event of each has the whole of it.
PIECES = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_summary_text": "summary",
    "response.reasoning_text": "thought",
    "response.reasoning": "thought",  # as some servers name it
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "arguments",
}
DELTAS = {name + ".delta": kind for name, kind in PIECES.items()}
DONES = {name + ".done": kind for name, kind in PIECES.items()}

# The only ends: https://developers.openai.com/api/docs/guides/streaming-responses, read 2026-11-21.
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
BEGINS = frozenset({"response.created", "response.in_progress", "response.queued"})


class Decoder(Translated):
    """Every text goes out once: what a `done` event or the last one holds beyond the pieces is added."""

    chars: int

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._format = thought.format_of(model)
        self._items: dict[int | str, Item] = {}
        self._known: list[Item] = []
        self._order: list[tuple[Item, str]] = []
        self._named = False
        self._length = 0  # characters of text
        self._thought = False  # any reasoning text is out
        self._details: dict[tuple[int, str, int], int] = {}  # (item, kind, part) -> index of its detail
        self._head_bytes: bytearray | None = bytearray()  # what came before the first event

    # A server that streams nothing answers with plain JSON.

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        events = self._parser.events(data)
        if self._head_bytes is not None:
            self._head_bytes += data
            if events:
                self._head_bytes = None
        return events

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        events = self._parser.events(b"\n\n")
        plain = bytes(self._head_bytes or b"").strip()
        return [("", plain)] if not events and plain[:1] == b"{" else events

    def _unreadable(self, name: str, raw: bytes) -> None:
        if name == "error":
            self.error = fault.error_of(500, {}, raw)
        elif raw.strip() not in (b"[DONE]", b""):
            super()._unreadable(name, raw)

    # Events.

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            if name == "error":
                self.error = fault.of_event({"error": body})
            return
        kind = type_of(body) or name
        if piece := DELTAS.get(kind):
            self._delta_of(piece, body)
        elif piece := DONES.get(kind):
            self._rest(self._item(body), piece, _part(body, piece), _whole(body))
        elif handle := _HANDLERS.get(kind):
            handle(self, body)
        elif kind in ENDS:
            self._end(body)
        elif kind == "error" or (not kind and body.get("error")):
            self.error = fault.of_event(body)
        elif not kind and codec.is_list(body.get("output")):
            self._plain(body)

    def _begun(self, body: Json) -> None:
        """The first event names the answer: Copilot's ids change from event to event."""
        if self._named:
            return
        self._named, response = True, _response(body)
        self._name(id=_word(response.get("id")), model=_word(response.get("model")), created=_time(response))

    def _plain(self, response: Json) -> None:
        self._begun({"response": response})
        if info := fault.embedded(response):
            self.error = info
        elif is_begun(response):
            self._malformed(f"the provider's answer is not finished: its status is {response['status']}")
        else:
            self._end({"response": response})

    def _end(self, body: Json) -> None:
        response = _response(body)
        self.usage_body = usage.body_of(response.get("usage")) or self.usage_body
        kind = type_of(body)
        self.error = failure(kind, response)
        if self.error:
            return
        self._begun(body)
        self._complete(response)
        self._last(response, kind == "response.incomplete")

    def _last(self, response: Json, incomplete: bool) -> None:
        messages = [{**item.note, "length": item.length} for item in self._known if item.note is not None]
        more: Json = {}
        if entry := order.note([kind for _, kind in self._order], messages):
            more["native_content"] = [entry]
        if len(messages) == 1 and (phase := messages[0].get("phase")):
            more["phase"] = phase
        if more:
            self._delta(more, content=False)
        if tier := _word(response.get("service_tier")):
            self._name(**{"service_tier" if tier in envelope.TIERS else "native_service_tier": tier})
        status = "incomplete" if incomplete else response.get("status") or "completed"
        reason, native = finish({**response, "status": status}, bool(self._tools))
        self._finish(reason, native)
        self.done = True

    # Items.

    def _item(self, body: Json, item: Json | None = None) -> Item:
        """The item that an event is about: by its place, else by its id."""
        place: Any = body.get("output_index")
        id_ = (id_of(item) if item else _word(body.get("item_id"))) or ""
        key: int | str = place if place.__class__ is int else id_
        known = self._items.get(key)
        if known is None:
            known = self._items[key] = Item()
            self._known.append(known)
        known.id = known.id or id_
        return known

    def _added(self, body: Json) -> None:
        """A tool call is begun at once where its name is known; its arguments may follow."""
        if codec.is_object(item := body.get("item")):
            known = self._item(body, item)
            self._open(known, item)
            if type_of(item) in CALLS and item.get("call_id") and item.get("name"):
                self._call(known, item, "")

    def _finished(self, body: Json) -> None:
        if codec.is_object(item := body.get("item")):
            self._close(self._item(body, item), item)

    def _open(self, known: Item, item: Json) -> None:
        known.type = known.type or type_of(item)
        if known.type == "message" and (known.note is None or item.get("phase")):
            if known.note is None:
                self._order.append((known, "message"))
            known.note = note_of(item, 0)

    def _close(self, known: Item, item: Json) -> None:
        """A whole item: what of it is not out yet goes out now."""
        if known.closed:
            return
        self._open(known, item)
        known.closed = True
        if known.type == "message":
            self._close_message(known, item)
        elif known.type == "reasoning":
            found = list(thought.pieces(item))
            for kind in thought.KINDS:
                self._rests(known, kind, [(part, text) for own, part, text in found if own == kind])
        elif known.type in CALLS:
            if known.number is None:
                self._call(known, item, "")
            self._rest(known, "arguments", 0, arguments_of(item))
        else:
            self._order.append((known, "native"))
            delta: Json = {"native_content": [item]}
            if image := image_of(item):
                delta["images"] = [image]
            self._delta(delta)

    def _close_message(self, known: Item, item: Json) -> None:
        parts = list(enumerate(parts_of(item)))
        if not known.logprobs:
            for number, part in parts:
                if probable := entries(part.get("logprobs")):
                    self._rest(known, "text", number, part.get("text"), probable)
        self._rests(known, "text", _texts(parts, "text"))
        self._rests(known, "refusal", _texts(parts, "refusal"))
        for number, part in parts:
            for annotation in entries(part.get("annotations"))[known.cited.get(number, 0) :]:
                self._cite(known, number, annotation)

    def _complete(self, response: Json) -> None:
        """The last event repeats all items: those that were not streamed go out now."""
        items = entries(response.get("output"))
        streamed = Counter(known.type for known in self._known)
        repeated = Counter(map(type_of, items))
        for place, item in enumerate(items):
            known = self._match(place, item)
            kind = type_of(item)
            if known is None and repeated[kind] > streamed[kind]:
                known = Item()
                self._known.append(known)
            if known is not None:
                self._close(known, item)

    def _match(self, place: int, item: Json) -> Item | None:
        """The item that was streamed as this one: ids may change from event to event (Copilot's do), and
        places may count items that the last event leaves out."""
        id_ = id_of(item)
        for known in self._known:
            if id_ and known.id == id_:
                return known
        known = self._items.get(place)
        return known if known is not None and known.type in ("", item.get("type")) else None

    def _call(self, known: Item, item: Json, arguments: str) -> None:
        number = known.number = self._tools.get(0, 0)
        self._tools[0] = number + 1
        self._order.append((known, "call"))
        call = {"index": number, **call_of(item, f"{self._request_id}:{number}"), **form_of(item, arguments)}
        self._delta({"tool_calls": [call]}, chars=len(_word(item.get("name")) or ""))

    # Pieces of text.

    def _delta_of(self, kind: str, body: Json) -> None:
        text: Any = body.get("delta")
        if isinstance(text, str):
            probable = entries(body["logprobs"]) if body.get("logprobs") else []
            self._piece(self._item(body), kind, _part(body, kind), text, probable)

    def _rest(
        self, known: Item, kind: str, part: int, whole: Any, probable: list[Json] | None = None
    ) -> None:
        """What of a whole text is not out yet."""
        missing = known.missing(kind, part, whole) if isinstance(whole, str) else None
        if missing or (probable and missing is not None):
            self._piece(known, kind, part, missing or "", probable or [])

    def _rests(self, known: Item, kind: str, texts: list[tuple[int, str]]) -> None:
        """What of a finished item's parts is not out yet."""
        for part, text in known.rest(kind, texts):
            self._piece(known, kind, part, text, [])

    def _piece(self, known: Item, kind: str, part: int, text: str, probable: list[Json]) -> None:
        if kind == "arguments" and known.number is None:
            return  # nobody knows yet whose they are; the finished item has them all
        known.send(kind, part, text)
        if kind == "text":
            self._said(known, text, probable)
        elif kind == "refusal":
            self._delta({"refusal": text}, chars=len(text))
        elif kind == "arguments":
            self._more(known, text)
        else:
            self._reason(known, kind, part, text)

    def _said(self, known: Item, text: str, probable: list[Json]) -> None:
        if known.note is None:  # no event said that this message began
            self._open(known, {"type": "message"})
        if not known.length and text:
            if self._length:
                self._text(order.BETWEEN)
                self._length += len(order.BETWEEN)
            known.offset = self._length
        known.length += len(text)
        self._length += len(text)
        if not probable:
            self._text(text)
            return
        known.logprobs = True
        choice: Json = {"logprobs": {"content": probable, "refusal": None}}
        logprobs.tidy(choice)
        self._probable(text, choice["logprobs"])

    def _probable(self, text: str, probable: Json) -> None:
        self.chars += len(text)
        self.saw_content = True
        delta: Json = {"content": text}
        if 0 not in self._roles:
            self._roles.add(0)
            delta = {"role": "assistant", **delta}
        self._emit({"index": 0, "delta": delta, "logprobs": probable, "finish_reason": None}, content=True)

    def _more(self, known: Item, text: str) -> None:
        if known.type == "custom_tool_call":
            call: Json = {"index": known.number, "custom": {"input": text}}
            self._delta({"tool_calls": [call]}, chars=len(text))
        elif known.number is not None:
            self._more_tool(known.number, text)

    def _reason(self, known: Item, kind: str, part: int, text: str) -> None:
        known.type = known.type or "reasoning"
        key = (id(known), kind, part)
        first = key not in self._details
        if first:
            self._details[key] = len(self._details)
            if not any(item is known for item, _ in self._order):
                self._order.append((known, "reasoning"))
        entry = thought.detail(kind, text, self._details[key], self._format, known.id if first else "")
        if kind == "secret":
            self._delta({"reasoning_details": [entry]})
            return
        between = order.BETWEEN if first and self._thought else ""
        self._thought = True
        self._reasoning(between + text, details=[entry])

    def _annotated(self, body: Json) -> None:
        if codec.is_object(annotation := body.get("annotation")):
            self._cite(self._item(body), _part(body, "text"), annotation)

    def _cite(self, known: Item, part: int, annotation: Json) -> None:
        known.cited[part] = known.cited.get(part, 0) + 1
        if cited := citation.nested(annotation, known.offset + known.before(part)):
            self._delta({"annotations": [cited]})
        else:
            self._delta({"other_annotations": [annotation]})


_HANDLERS: dict[str, Callable[[Decoder, Json], None]] = {
    **dict.fromkeys(BEGINS, Decoder._begun),  # pyright: ignore[reportPrivateUsage]
    "response.output_item.added": Decoder._added,  # pyright: ignore[reportPrivateUsage]
    "response.output_item.done": Decoder._finished,  # pyright: ignore[reportPrivateUsage]
    "response.output_text.annotation.added": Decoder._annotated,  # pyright: ignore[reportPrivateUsage]
}


def _texts(parts: list[tuple[int, Json]], kind: str) -> list[tuple[int, str]]:
    """(number, text) of the parts of a kind."""
    return [(number, text) for number, part in parts if isinstance(text := part.get(kind), str)]


def failure(kind: str, response: Json) -> ErrorInfo | None:
    """The error that an event of the end says; None where the answer is good."""
    if info := fault.embedded({"output": [], **response}):
        return info
    ends = {"response.failed": fault.FAILED, "response.cancelled": fault.CANCELLED}
    return ends.get(kind)


def _response(body: Json) -> Json:
    return response if codec.is_object(response := body.get("response")) else {}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _time(response: Json) -> int | None:
    return time if (time := response.get("created_at")).__class__ is int else None


def _part(body: Json, kind: str) -> int:
    """The number of the part that an event is about."""
    if kind == "arguments":
        return 0
    number: Any = body.get("summary_index" if kind == "summary" else "content_index")
    return number if number.__class__ is int else 0


def _whole(body: Json) -> Any:
    """The text of a `done` event."""
    return next((body[name] for name in ("text", "refusal", "arguments", "input") if name in body), None)
