"""A Gemini client on a deployment that speaks Gemini too: the bytes pass, few are read."""

import re
from dataclasses import replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer
from xroute.dialects.gemini import candidate as candidates
from xroute.dialects.gemini import fault, stream, usage, words
from xroute.dialects.gemini.decode import decode as whole
from xroute.dialects.gemini.objects import Objects
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.errors import CutError, ProtocolError
from xroute.wire.call import Call
from xroute.wire.chunk import Chunk
from xroute.wire.sse import MAX_EVENT

LIMIT = ("generationConfig", "maxOutputTokens")  # where a request says how much may be generated

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA = re.compile(rb"^data: ?(.*)$", re.M)
# What a part of an answer holds, besides text that is not empty.
_HELD = frozenset(
    {"functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall"}
)
# What must not be passed over, in an event that is not JSON: its end, an error, a refusal.
_READ = (b'"finishReason"', b'"error"', b'"blockReason"')
_BESIDE = OWN | {"model"}


def encode(call: Call, *, upstream: str, quirks: Quirks) -> bytes:
    """The client's own bytes: the model stands in the path. What is not for the provider is left out."""
    if not any(b'"%b"' % name.encode() in call.raw for name in _BESIDE):
        return call.raw
    body: Any = codec.read(call.raw)
    if not codec.is_object(body) or body.keys().isdisjoint(_BESIDE):
        return call.raw
    return codec.write({name: value for name, value in body.items() if name not in _BESIDE})


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """The answer as it came, with what it means beside it; raises Malformed or ErrorBody."""
    answer = whole(raw, model=model, request_id=request_id, created=created, quirks=quirks)
    return replace(answer, raw=raw)


class Decoder(stream.Decoder):
    """Each chunk's `raw` is one whole event as it came. All are parsed: it is quicker than to search them for
    what has to be known."""

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._held: list[bytes] = []  # of the unfinished event
        self._size = 0
        self._reasons: dict[int, str] = {}  # candidate -> why it ended, "" while it has not
        self._message: Json = {}  # of a candidate that failed

    def feed(self, data: bytes) -> list[Chunk]:
        """The events that `data` finishes; raises ProtocolError for an endless one."""
        if self._objects is not None:
            self._take(self._objects, data)
            return self._taken()
        place = stream.plain(data, self._line)
        self._line = data.endswith(b"\n") if data else self._line
        self._cut(data if place < 0 else data[:place])
        if place >= 0:
            self._objects = Objects()
            self._take(self._objects, data[place:])
        return self._taken()

    def finish(self) -> list[Chunk]:
        """What the end of the bytes finishes; raises CutError when it came too early."""
        rest = b"".join(self._held)
        self._held, self._size = [], 0
        if rest.strip() and stream.is_whole(_data(rest)):
            self._event_of(rest + b"\n\n")
        self.usage_body = usage.body_of(self._metadata)
        if self.error is None and not self.done and (self._reasons or self.saw_content):
            self._end_all()
        return self._taken()

    def _end_all(self) -> None:
        closed = self._objects is None or self._objects.closed
        reasons = [reason for reason in self._reasons.values() if reason]
        if not closed or not reasons or len(reasons) < len(self._reasons):
            raise CutError("the provider's stream ended before it was finished")
        if not self.saw_content and (info := candidates.failure_of(reasons[0], self._message)):
            self.error = info
            return
        self.finish_reason = words.translate(reasons[0], calls=False)
        self.done = True

    def _take(self, objects: Objects, data: bytes) -> None:
        """Plain JSON: an error, or events without their frames."""
        for found in objects.feed(data):
            self._event_of(b"data: %b\r\n\r\n" % _line(found))

    def _cut(self, data: bytes) -> None:
        if not self._size and data.count(b"\n") == 2 and data.endswith((b"\r\n\r\n", b"\n\n")):
            self._event_of(data)  # one whole event, as they mostly come
            return
        before = self._size
        self._held.append(data)
        self._size += len(data)
        if b"\n" in data or b"\r" in data:
            rest, place = b"".join(self._held), 0
            for end in _END.finditer(rest, max(0, before - 3)):
                self._event_of(rest[place : end.end()])
                place = end.end()
            self._held, self._size = [rest[place:]], len(rest) - place
        if self._size > MAX_EVENT:
            raise ProtocolError("a server-sent event is larger than 16 MiB")

    def _event_of(self, raw: bytes) -> None:
        """One event, framed."""
        if self.error is not None:
            return
        content = False
        try:
            content = self._look(codec.read(_data(raw)))
        except ValueError:  # a comment, or the end as others write it
            if any(mark in raw for mark in _READ):
                self._malformed("the provider's stream holds an event that is not JSON")
        if self.error is None:
            ended = bool(self._reasons) and "" not in self._reasons.values()
            self._out.append(Chunk(raw, content, ended))

    def _look(self, body: Any) -> bool:
        """Reads an event; whether it holds something of an answer."""
        if not codec.is_object(body) or "error" in body:
            self.error = fault.embedded(body)
        if self.error is not None or not codec.is_object(body):
            return False
        if codec.is_object(given := body.get("usageMetadata")):
            self._metadata |= given
        content = False
        found: Any = body.get("candidates")
        for place, item in enumerate(found if codec.is_list(found) else ()):
            if codec.is_object(item):
                content = self._note(item, place) or content
        if not self._reasons and (refused := candidates.refusal_of(body)):
            self._reasons[0] = refused[0]
            self.finish_reason = "content_filter"
            self.saw_content = True
        return content

    def _note(self, item: Json, place: int) -> bool:
        """Reads a candidate; whether it says something."""
        index: Any = item.get("index")
        index = index if isinstance(index, int) else place
        held, reason = self._holds(item), candidates.reason_of(item)
        if held or reason or index:
            self._reasons[index] = reason or self._reasons.get(index, "")
        if reason:
            self._message |= candidates.kept(item, candidates.CHOICE)
        self.saw_content = self.saw_content or held
        return held

    def _holds(self, item: Json) -> bool:
        if (text := stream.plain_text(item)) is not None:
            self.chars += len(text)
            return text != ""
        content: Any = item.get("content")
        parts: Any = content.get("parts") if codec.is_object(content) else None
        said = [self._is_said(part) for part in parts] if codec.is_list(parts) else []
        return any(said)

    def _is_said(self, part: Any) -> bool:
        if not codec.is_object(part):
            return False
        text = part.get("text")
        self.chars += len(text) if isinstance(text, str) else 0
        return bool(text) or not _HELD.isdisjoint(part)


def _line(found: bytes) -> bytes:
    """An object as one line, as an event's data has to be."""
    return codec.write(codec.read(found)) if b"\n" in found and stream.is_whole(found) else found


def _data(event: bytes) -> bytes:
    """The data of an event."""
    end = event.find(b"\n")
    if event[:6] == b"data: " and end >= len(event) - 3:  # one line
        return event[6:end]
    return b"\n".join(line.rstrip(b"\r") for line in _DATA.findall(event))
