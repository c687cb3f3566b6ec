"""Responses for a client of the Responses API: bytes go on as they came, and only the ends are read."""

import re
from collections.abc import Iterable

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses import fault, stream, usage
from xroute.dialects.openai_responses.decode import finish, is_begun, load
from xroute.dialects.openai_responses.message import CALLS, Message, entries, type_of
from xroute.dialects.rewrite import with_model
from xroute.wire.call import Call
from xroute.wire.chunk import Chunk

LIMIT = ("max_output_tokens",)  # where a request says how much may be generated

_TYPE = re.compile(rb'"type":\s*"((?:response\.|error)[^"]*)"')
_DELTA = re.compile(rb'"delta":\s*"((?:[^"\\]|\\.)*)"')
_CONTENT = frozenset({"response.output_item.done", *stream.DELTAS, *stream.DONES})
_READ = frozenset({"error", "", *stream.ENDS})


def encode(call: Call, *, upstream: str, quirks: Quirks) -> bytes:
    """The client's own bytes with the provider's name for the model."""
    raw = with_model(call.raw, call.body, upstream)
    if not quirks.drop and not quirks.rename and not quirks.force:
        return raw
    body: Json = codec.read(raw)
    kept = {quirks.rename.get(name, name): value for name, value in body.items() if name not in quirks.drop}
    return codec.write({**kept, **quirks.force, "model": upstream})


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """A whole answer, or one that is worked on in the background; raises Malformed or ErrorBody."""
    response = load(raw)
    counted = usage.body_of(response.get("usage"))
    said = Message(model, request_id)
    for item in entries(response["output"]):
        said.add(item)
    holds = said.holds or is_begun(response)
    return Answer(response, tokens.read(counted) if counted else None, holds, raw)


class Decoder(stream.Decoder):
    """Each chunk is one event of the provider; what it holds is known by its name."""

    def _read(self, events: Iterable[tuple[str, bytes]]) -> list[Chunk]:
        for name, raw in events:
            if self.done or self.error is not None:
                break
            kind = name or _type(raw)
            if kind in _READ:
                self._look(name, raw)
            else:
                self._pass(name, raw, kind in _CONTENT)
        return self._taken()

    def _pass(self, name: str, raw: bytes, content: bool) -> None:
        if content:
            self.saw_content = True
            if found := _DELTA.search(raw):
                self.chars += found.end(1) - found.start(1)
        self._event_out(name, raw, content=content)

    def _look(self, name: str, raw: bytes) -> None:
        """An end, an error, or what has no name: these are parsed."""
        try:
            body = codec.read(raw)
        except ValueError:
            self._unreadable(name, raw)
            return
        if not codec.is_object(body):
            return
        kind = type_of(body) or name
        if kind in stream.ENDS:
            self._finished_by(kind, name, raw, body)
        elif kind == "error" or (not kind and body.get("error")):
            self.error = fault.of_event(body)
        elif kind:
            self._pass(name, raw, kind in _CONTENT)
        elif codec.is_list(body.get("output")):
            self._whole(body)

    def _finished_by(self, kind: str, name: str, raw: bytes, body: Json) -> None:
        given = body.get("response")
        response: Json = given if codec.is_object(given) else {}
        self.usage_body = usage.body_of(response.get("usage")) or self.usage_body
        self.error = stream.failure(kind, response)
        if self.error is None:
            items = entries(response.get("output"))
            status = "incomplete" if kind == "response.incomplete" else "completed"
            called = any(type_of(item) in CALLS for item in items)
            self.finish_reason, _ = finish({**response, "status": status}, called)
            self.saw_content = self.saw_content or bool(items)
            self.done = True
            self._event_out(name, raw, content=False, finish=True)

    def _whole(self, response: Json) -> None:
        """Plain JSON where a stream was asked for: an event of the end makes it one."""
        end = "response.incomplete" if response.get("status") == "incomplete" else "response.completed"
        body: Json = {"type": end, "sequence_number": 0, "response": response}
        self._finished_by(end, end, codec.write(body), body)

    def _event_out(self, name: str, raw: bytes, *, content: bool, finish: bool = False) -> None:
        data = raw if b"\n" not in raw else raw.replace(b"\n", b"\ndata: ")
        head = b"event: %b\n" % name.encode() if name else b""
        event = b"%bdata: %b\n\n" % (head, data)
        self._out.append(Chunk(event, content, finish))


def _type(raw: bytes) -> str:
    """The event's name where it stands in the data alone; "" where it is not found there."""
    found = _TYPE.search(raw)
    return found[1].decode("utf-8", "replace") if found else ""
