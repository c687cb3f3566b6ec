"""Gemini's stream as valid ChatCompletionChunks: server-sent events, or a JSON list without `alt=sse`."""

from collections.abc import Iterable
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.gemini import candidate as candidates
from xroute.dialects.gemini import fault, grounding, usage, words
from xroute.dialects.gemini.decode import envelope
from xroute.dialects.gemini.objects import Objects
from xroute.dialects.gemini.pieces import Progress, length
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.translated import KIND, Translated
from xroute.errors import CutError
from xroute.wire.chunk import Chunk
from xroute.wire.usage import Usage


class Decoder(Translated):
    """Nothing in the protocol says that a stream is over: it is when the bytes end and every candidate has a
    finishReason. Older models give one with every event, so no finish goes out before the bytes end.
    """

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._candidates: dict[int, _State] = {}
        self._metadata: Json = {}  # usageMetadata, joined
        self._objects: Objects | None = None  # set where the bytes are plain JSON
        self._line = True  # the next byte begins a line

    @property
    def usage(self) -> Usage | None:
        """The usage reported so far: every event has one, so it is put together when it is asked for."""
        self.usage_body = usage.body_of(self._metadata)
        return super().usage

    def finish(self) -> list[Chunk]:
        """As ever; an answer that turns out to be a failure at its end is told by `error`."""
        try:
            return super().finish()
        except CutError:
            if self.error is None:
                raise
            return self._taken()
        finally:
            self.usage_body = usage.body_of(self._metadata)

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Google ends a stream of events that fails with the error as plain JSON, without `data:`."""
        if self._objects is not None:
            return _nameless(self._objects.feed(data))
        place = plain(data, self._line)
        self._line = data.endswith(b"\n") if data else self._line
        if place < 0:
            return self._parser.events(data)
        self._objects = Objects()
        events = self._parser.events(data[:place] + b"\n\n")
        return [*events, *_nameless(self._objects.feed(data[place:]))]

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        """The last blank line may be missing; an event that breaks off is none."""
        return [(name, raw) for name, raw in self._parser.events(b"\n\n") if is_whole(raw)]

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if codec.is_list(body) and len(body) == 1:
            body = body[0]
        if name != "error" and codec.is_object(body) and "error" not in body:
            self._response(body)
        elif info := fault.embedded(body if name != "error" else {"error": body}):
            self.error = info
        elif codec.is_object(body):
            self._response(body)
        else:
            self._malformed("the provider's stream holds an event that is no chunk")

    def _response(self, body: Json) -> None:
        if not self._roles:
            self._name(
                **envelope(body, self._envelope["model"], self._request_id, self._envelope["created"], KIND)
            )
        if codec.is_object(given := body.get("usageMetadata")):
            self._metadata |= given
        found: Any = body.get("candidates")
        for place, item in enumerate(found if codec.is_list(found) else ()):
            if codec.is_object(item):
                self._candidate(item, place)
        if not self._candidates and (refused := candidates.refusal_of(body)):
            state = self._state(0)
            state.last["finishReason"], state.refused = refused[0], True
            self._delta({"refusal": refused[1]})  # no token of the model's

    def _candidate(self, item: Json, place: int) -> None:
        index: Any = item.get("index")
        index = place if isinstance(index, bool) or not isinstance(index, int) else index
        state = self._state(index)
        if (text := plain_text(item)) is not None:
            state.progress.say(text)
            self._text(text, index)
        else:
            for piece in state.progress.read(item.get("content")):
                self._piece(piece, index)
        if "logprobsResult" in item and (logprobs := candidates.logprobs_of(item["logprobsResult"])):
            self._emit({"index": index, "delta": {}, "logprobs": logprobs, "finish_reason": None})
        state.keep(item)
        if index not in self._roles and candidates.reason_of(item):
            self._delta({"content": ""}, index, content=False)

    def _state(self, index: int) -> "_State":
        if index not in self._candidates:
            self._candidates[index] = _State(f"{self._request_id}:{index}")
        return self._candidates[index]

    def _piece(self, piece: Json, index: int) -> None:
        if "content" in piece:
            self._text(piece["content"], index)
        else:
            self._delta(piece, index, chars=length(piece))

    def _ended(self) -> None:
        if self._objects is not None and not self._objects.closed:
            return
        if not all(candidates.reason_of(state.last) for state in self._candidates.values()):
            return
        for index, state in self._candidates.items():
            self._end(state, index)
        self.done = self.error is None

    def _end(self, state: "_State", index: int) -> None:
        """The finish of a candidate, and before it what is known at its end alone."""
        reason = candidates.reason_of(state.last) or ""
        around = candidates.kept(state.last, candidates.CHOICE)
        if not self.saw_content and (info := candidates.failure_of(reason, around)):
            self.error = info
            return
        for piece in state.progress.end():
            self._piece(piece, index)
        last = candidates.kept(state.last, candidates.MESSAGE)
        if cited := grounding.annotations(state.last, "".join(state.progress.texts)):
            last["annotations"] = cited
        if last:
            self._delta(last, index, content=bool(cited))
        word = "content_filter" if state.refused else words.translate(reason, calls=state.progress.calls > 0)
        self._finish(word, reason, index, **around)


class _State:
    """What is known of one candidate."""

    __slots__ = ("last", "progress", "refused")

    def __init__(self, seed: str) -> None:
        self.progress = Progress(seed)
        self.last: Json = {}  # the latest of each field but the content
        self.refused = False

    def keep(self, item: Json) -> None:
        """The fields around the content; citations come with the text they belong to, so they add up."""
        for name, value in item.items():
            if name == "citationMetadata" and codec.is_object(value):
                self._cite(value)
            elif name != "content" and value is not None:
                self.last[name] = value

    def _cite(self, metadata: Json) -> None:
        known: Json = self.last.setdefault("citationMetadata", {})
        for name, value in metadata.items():
            if codec.is_list(value):
                known[name] = [
                    *known.get(name, ()),
                    *(item for item in value if item not in known.get(name, ())),
                ]


def plain_text(item: Json) -> str | None:
    """The text of a candidate whose one part is text and nothing else, as nearly every event has it."""
    content: Any = item.get("content")
    parts: Any = content.get("parts") if content.__class__ is dict else None
    if parts.__class__ is not list or len(parts) != 1:
        return None
    part: Any = parts[0]
    text: Any = part.get("text") if part.__class__ is dict and len(part) == 1 else None
    return text if text.__class__ is str else None


def plain(data: bytes, line: bool) -> int:
    """Where a line begins with plain JSON; -1 where none does. Inside an event's data no line can."""
    if line and data[:1] in (b"{", b"["):
        return 0
    if data[-4:] == b"\r\n\r\n" and data.find(b"\n", 0, -4) < 0:  # one event, as Google sends them
        return -1
    places = [place + 1 for sign in (b"\n{", b"\n[") if (place := data.find(sign)) >= 0]
    return min(places, default=-1)


def is_whole(raw: bytes) -> bool:
    """Whether the data of an event is all there."""
    try:
        codec.read(raw)
    except ValueError:
        return False
    return True


def _nameless(events: Iterable[bytes]) -> list[tuple[str, bytes]]:
    return [("", event) for event in events]
