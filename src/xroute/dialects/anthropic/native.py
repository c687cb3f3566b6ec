"""A client of the Messages API on a deployment that speaks it too: the bytes pass, few are read."""

import re
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import rewrite
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.anthropic import fault, stream, usage
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.errors import CutError, ProtocolError
from xroute.wire.call import Call
from xroute.wire.chunk import Chunk
from xroute.wire.sse import MAX_EVENT

LIMIT = ("max_tokens",)  # where a request says how much may be generated

BETA = "anthropic-beta"

_NAME = re.compile(rb"event: ?([^\r\n]*)")
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")  # of an event
_FRAME = 110  # bytes of an event around a piece of text
_QUIET = re.compile(rb'"type": ?"(text|thinking)"')
_TOOL = re.compile(rb'"type": ?"tool_use"')
_PIECE = b"event: content_block_delta\n"  # nearly every event
_DELTA, _START = b"content_block_delta", b"content_block_start"
_READ = frozenset({b"message_start", b"message_delta", b"message_stop", b"error", b""})


def encode(call: Call, *, upstream: str, quirks: Quirks) -> bytes:
    """The client's own bytes with the deployment's model in them; written anew only where the host wants
    other fields (quirks), as Vertex and Bedrock do, or where some are addressed to xroute."""
    if not (quirks.drop or quirks.force or quirks.beta_field):
        return rewrite.with_model(call.raw, call.body, upstream)
    body = {name: value for name, value in codec.read(call.raw).items() if name not in OWN}
    body["model"] = upstream
    if quirks.beta_field and (betas := _betas(call)):
        body[quirks.beta_field] = betas
    kept = {name: value for name, value in body.items() if name not in quirks.drop}
    return codec.write({**kept, **quirks.force})


def _betas(call: Call) -> list[str]:
    given = ",".join(value for name, value in call.headers if name.lower() == BETA)
    return [word.strip() for word in given.split(",") if word.strip()]


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """The answer as it came, with its usage; raises Malformed, or ErrorBody where it holds an error."""
    body = object_of(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    blocks = body.get("content")
    if not codec.is_list(blocks):
        raise Malformed("the provider's answer has no content")
    own = body.get("usage")
    found = usage.tidy(own) if codec.is_object(own) else None
    return Answer(body, tokens.read(found) if found else None, any(map(_holds, blocks)), raw)


def _holds(block: Any) -> bool:
    return codec.is_object(block) and (block.get("type") != "text" or bool(block.get("text")))


class Decoder(stream.Decoder):
    """Each chunk's `raw` is one whole event as it came; only what has to be known is parsed."""

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._rest: bytes = b""  # the unfinished event up to the last cut that held a line end
        self._held: list[bytes] = []  # what came since
        self._size = 0

    def feed(self, data: bytes) -> list[Chunk]:
        """The events that `data` finishes; raises ProtocolError for an endless one."""
        if (  # one whole event in the middle of a block: nearly every time
            self._frame == "events"
            and not self._size
            and data.startswith(_PIECE)
            and data.find(b"\n\n") == len(data) - 2
            and b"\r" not in data
            and not self.done
            and self.error is None
        ):
            self._piece(data, not _is_empty(data))
            return self._taken()
        match self._framing(data):
            case "frames":
                for name, raw in self._unframed(data):
                    self._pass(_written(name, raw))
            case "plain":
                self._keep(data)
            case _:
                self._cut(data)
        return self._taken()

    def finish(self) -> list[Chunk]:
        """What the end of the bytes finishes; raises CutError when it came too early."""
        rest = self._joined()
        if self._frame == "plain":
            self._read_plain(b"".join(self._kept))
        elif (data := _data(rest)) and stream.is_complete(data):
            self._pass(rest if rest.endswith((b"\n\n", b"\r\r", b"\r\n\r\n")) else rest + b"\n\n")
        if not self.done and self.error is None:
            self._ended()
            if not self.done and (self.saw_content or self._counts):
                raise CutError("the provider's stream ended before it was finished")
        return self._taken()

    def _replay(self, message: Json) -> None:
        """A whole message in the place of a stream, as one piece of several events."""
        for event in stream.events_of(message):
            self._pass(_written("", codec.write(event)))

    def _cut(self, data: bytes) -> None:
        """Whole events out of `data` and of what was left before it."""
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT:
            raise ProtocolError("a server-sent event is larger than 16 MiB")
        if b"\n" not in data and b"\r" not in data:
            return
        rest, place = self._joined(), 0
        waits = rest.endswith(b"\r")  # it may be half of a line end
        for found in _END.finditer(rest):
            if waits and found.end() == len(rest):
                break
            self._pass(rest[place : found.end()])
            place = found.end()
        self._rest = rest[place:]
        self._size = len(self._rest)

    def _joined(self) -> bytes:
        if self._held:
            self._rest = self._rest + b"".join(self._held)
            self._held.clear()
        return self._rest

    def _pass(self, block: bytes) -> None:
        """One event, with the blank line that ends it."""
        if self.done or self.error is not None:
            return
        kind = _kind(block)
        if kind == _DELTA:
            self._piece(block, not _is_empty(block))
        elif kind == _START:
            self._begun(block)
        elif kind in _READ:
            self._look(kind.decode(), block)
        else:
            self._out.append(Chunk(block))

    def _piece(self, block: bytes, content: bool) -> None:
        self.chars += max(len(block) - _FRAME, 0)
        self.saw_content = self.saw_content or content
        self._out.append(Chunk(block, content))

    def _begun(self, block: bytes) -> None:
        """A content block begins; one of text or thinking is mostly empty yet."""
        if _TOOL.search(block):
            self._tools[0] = self._tools.get(0, 0) + 1
        self._piece(block, not (_is_empty(block) and _QUIET.search(block)))

    def _look(self, name: str, block: bytes) -> None:
        """An event whose body has to be known; one without a name may be any."""
        data = _data(block)
        try:
            body: Any = codec.read(data or b"{}")  # nothing: a comment
        except ValueError:
            self._unreadable(name, data)
            return
        kind = str(body.get("type") or name) if codec.is_object(body) else name
        if kind == "content_block_delta":
            self._piece(block, not _is_empty(block))
        elif kind == "content_block_start":
            self._begun(block)
        else:
            self._known(kind, body, block)

    def _known(self, kind: str, body: Any, block: bytes) -> None:
        before = self.finish_reason
        self._event(kind, body, b"")
        if self.error is None:
            self._out.append(Chunk(block, finish=self.finish_reason != before))

    def _emit(self, choice: Json, *, content: bool = False, finish: bool = False) -> None:
        """Nothing of our own goes out: the event itself does."""


def _is_empty(block: bytes) -> bool:
    return b':""' in block or b': ""' in block


def _written(name: str, data: bytes) -> bytes:
    """An event that came in another frame, or is of our making, as a server-sent one."""
    body = codec.read(data)
    kind = str(body.get("type") or name) if codec.is_object(body) else name
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _kind(block: bytes) -> bytes:
    """The name of an event; b"" where it has none."""
    found = _NAME.match(block)
    return found[1] if found else b""


def _data(block: bytes) -> bytes:
    lines = re.split(rb"\r\n|\n|\r", block)
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
