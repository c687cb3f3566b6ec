"""Streams that go to the client as they come: sound, and OpenAI's events of audio and images."""

from typing import Any

from xroute.dialects.answer import Answer
from xroute.dialects.openai import audio, codec, fault
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.surface import DONE
from xroute.dialects.surfaces import MediaSurface, event
from xroute.dialects.translated import Translated
from xroute.wire.chunk import Chunk
from xroute.wire.usage import Usage

_PAGES = (b"<!doctype", b"<html")
_LAST = (".done", ".completed")  # what the type of a last event ends in
# The event that says how the text came about, and no more.
_EMPTY = frozenset({"transcript.text.created"})


class Sound(Translated):
    """Bytes. They end where the connection says so: who reads them must know a proper end from a cut."""

    def feed(self, data: bytes) -> list[Chunk]:
        if not self.saw_content and data.lstrip()[:9].lower().startswith(_PAGES):
            self._malformed("the provider sent a page in place of a sound")
            return []
        self.saw_content = True
        return [Chunk(data, content=True)]

    def finish(self) -> list[Chunk]:
        self.done = self.saw_content
        return []


class Events(Translated):
    """Each chunk is one event of the provider."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self._completed = False
        self._used: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        return self._used

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            self._malformed("the provider's stream holds an event that is no object")
            return
        self.error = fault.embedded({"error": body} if name == "error" and "error" not in body else body)
        if self.error is not None:
            return
        kind = str(body.get("type") or name)
        self._note(kind, body)
        self.saw_content = self.saw_content or kind not in _EMPTY
        self._roles.add(0)  # it has begun
        head = b"event: %b\n" % name.encode() if name else b""
        self._out.append(
            Chunk(b"%bdata: %b\n\n" % (head, raw.replace(b"\n", b"\ndata: ")), content=kind not in _EMPTY)
        )

    def _note(self, kind: str, body: Json) -> None:
        """What a last event says of the whole; of several images each has one, and all count."""
        if not kind.endswith(_LAST):
            return
        self._completed = True
        self.finish_reason = "stop"
        if (used := audio.usage_of(body.get("usage"))) is not None:
            self._used = used
            self.usage_body = body["usage"]

    def _unreadable(self, name: str, raw: bytes) -> None:
        if raw.strip() != b"[DONE]":
            super()._unreadable(name, raw)
            return
        self._ended()
        if self.done:
            self._out.append(Chunk(DONE))
        else:
            self._malformed("the provider's stream ended before its last event")

    def _ended(self) -> None:
        self.done = self._completed


class Whole(Translated):
    """An answer that came whole where a stream was asked for."""

    def __init__(self, answer: Answer, **known: Any) -> None:
        super().__init__(**known)
        self._answer = answer
        self.saw_content = self.done = True

    @property
    def usage(self) -> Usage | None:
        return self._answer.usage

    def sound(self) -> list[Chunk]:
        """The bytes that the answer holds."""
        return [Chunk(self._answer.raw, content=True)] if self._answer.raw else []

    def events(self, surface: MediaSurface) -> list[Chunk]:
        """The answer as events."""
        found = surface.events(self._answer.body, self._answer.raw)
        return [*(Chunk(event(each), content=True) for each in found), Chunk(DONE)]
