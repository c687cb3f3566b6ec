"""A stream of Anthropic's events as valid ChatCompletionChunks.

https://platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11-21.
"""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import MALFORMED, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.anthropic import cite, fault, usage
from xroute.dialects.anthropic.decode import decode, detail_of, is_answer, is_plain, refuse
from xroute.dialects.anthropic.words import FORMAT, finish_of
from xroute.dialects.bedrock.frames import Frames
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.fault import SILENT
from xroute.dialects.openai.message import as_text
from xroute.dialects.translated import Translated
from xroute.errors import ProtocolError
from xroute.wire.sse import MAX_EVENT
from xroute.wire.usage import Usage

_FRAMINGS = {b"\0": "frames", b"{": "plain", b"[": "plain", b"<": "plain"}

CHARS_PER_TOKEN = 4  # of output that is estimated, as the stream broke before its usage


@dataclass(slots=True)
class _Block:
    """A content block that is under way."""

    body: Json  # as it began
    kind: str
    number: int = -1  # of the tool call, or of the item of reasoning_details
    start: int = 0  # where its text begins, in characters of the answer's text
    pieces: list[str] = field(default_factory=list[str])  # of text, thinking or input
    signature: str = ""
    citations: list[Any] = field(default_factory=list[Any])


class Decoder(Translated):
    """Server-sent events, or the same events in the frames of Bedrock's InvokeModelWithResponseStream.

    A body without any event, as some servers answer with JSON, is read at its end.
    """

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._frame = ""  # how the events are framed
        self._frames = Frames()
        self._kept: list[bytes] = []  # the pieces of a body that is plain JSON
        self._kept_size = 0
        self._blocks: dict[int, _Block] = {}
        self._thoughts = 0  # items of reasoning_details so far
        self._said = 0  # characters of text so far
        self._rank = 0  # of the last block, as decode.is_plain has it; -1: blocks go out whole as well
        self._whole: list[Json] = []  # finished blocks that have not gone out whole
        self._counts: Json = {}  # Anthropic's usage so far
        self._ending: Json = {}  # what message_delta said

    @property
    def usage(self) -> Usage | None:
        """The usage reported; of a stream that ended before its last report, input alone is exact."""
        if self.usage_body is not None or not self._counts:
            return super().usage
        self.usage_body = usage.tidy(self._counts)
        early, self.usage_body = super().usage, None
        if early is None:
            return None
        return replace(early, output=max(early.output, self.chars // CHARS_PER_TOKEN), estimated=True)

    # How the bytes are framed.

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        match self._framing(data):
            case "frames":
                return self._unframed(data)
            case "plain":
                self._keep(data)
                return ()
            case _:
                return self._parser.events(data)

    def _framing(self, data: bytes) -> str:
        """ "frames", "plain" or "events", as the first byte says; "" before it.

        A frame begins with its length, which is less than 16 MiB, so with a zero byte.
        """
        if not self._frame:
            first = data.lstrip()[:1]
            self._frame = _FRAMINGS.get(first, "events") if first else ""
        return self._frame

    def _unframed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        self._frames.add(data)
        while (message := self._frames.next()) is not None:
            yield _framed(*message)

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        self._kept_size += len(data)
        if self._kept_size > MAX_EVENT:
            raise ProtocolError("the provider's stream holds no event in 16 MiB")

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        if self._frame == "plain":
            self._read_plain(b"".join(self._kept))
        if self._frame != "events":
            return ()
        return [event for event in self._parser.events(b"\n\n") if is_complete(event[1])]

    def _read_plain(self, raw: bytes) -> None:
        """A whole answer or an error in the place of a stream."""
        try:
            decode(raw, model="", request_id=self._request_id, created=0, quirks=self._quirks)
        except ErrorBody as error:
            self.error = error.info
        except Malformed as error:
            self.error = ErrorInfo(error.message, type=MALFORMED)
        else:
            self._replay(codec.read(raw))

    def _replay(self, message: Json) -> None:
        for event in events_of(message):
            self._event("", event, b"")

    # Events.

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            return
        match body.get("type") or name:
            case "content_block_delta":
                self._more(body)
            case "message_start":
                self._began(body)
            case "content_block_start":
                self._open(body)
            case "content_block_stop":
                self._close(body)
            case "message_delta":
                self._end_of(body)
            case "message_stop":
                self._stopped()
            case "error":
                self.error = fault.embedded({"type": "error", **body}) or SILENT
            case _:
                if info := fault.embedded(body):
                    self.error = info

    def _unreadable(self, name: str, raw: bytes) -> None:
        if name == "error":
            self.error = fault.error_of(500, {}, raw)
        elif raw.strip() != b"[DONE]":
            super()._unreadable(name, raw)

    def _began(self, body: Json) -> None:
        message = body.get("message")
        if not codec.is_object(message):
            return
        if self.saw_content:  # what is out belongs to an answer that will not be finished
            self._malformed("the provider began another answer in the middle of this one")
            return
        self._name(**{name: v for name in ("id", "model") if isinstance(v := message.get(name), str)})
        self._counts = usage.merge(self._counts, message.get("usage"))
        tier = usage.TIERS.get(str(self._counts.get("service_tier")))
        self._name(service_tier=tier)

    def _open(self, body: Json) -> None:
        given = body.get("content_block")
        own: Json = given if codec.is_object(given) else {}
        block = _Block(own, str(own.get("type")), start=self._said)
        self._blocks[_index(body)] = block
        self._ranked(own)
        match block.kind:
            case "text":
                self._add_text(block, own.get("text"))
            case "thinking":
                block.number, self._thoughts = self._thoughts, self._thoughts + 1
                self._add_thought(block, own.get("thinking"))
                block.signature = str(own.get("signature") or "")
            case "redacted_thinking":
                self._reasoning("", details=[detail_of(own, self._thoughts)])
                self._thoughts += 1
            case "tool_use" if not is_answer(own):
                block.number = self._begin_tool(str(own.get("id") or ""), str(own.get("name") or ""))
            case _:
                pass

    def _more(self, body: Json) -> None:
        delta, block = body.get("delta"), self._blocks.get(_index(body))
        if not codec.is_object(delta):
            return
        if block is None:  # some servers leave out content_block_start
            block = self._blocks[_index(body)] = _Block({"type": "text"}, "text", start=self._said)
        match delta.get("type"):
            case "text_delta":
                self._add_text(block, delta.get("text"))
            case "thinking_delta":
                self._add_thought(block, delta.get("thinking"))
            case "input_json_delta":
                self._add_input(block, delta.get("partial_json"))
            case "signature_delta":
                block.signature = str(delta.get("signature") or "")
            case "citations_delta":
                block.citations.append(delta.get("citation"))
            case "compaction_delta":
                block.body |= {name: value for name, value in delta.items() if name != "type"}
            case _:
                pass

    def _close(self, body: Json) -> None:
        block = self._blocks.pop(_index(body), None)
        if block is None:
            return
        match block.kind:
            case "text":
                self._cite(block)
            case "thinking" if block.signature:
                detail: Json = {"type": "reasoning.text", "signature": block.signature}
                self._reasoning("", details=[{**detail, "format": FORMAT, "index": block.number}])
            case "tool_use" if not block.pieces:
                self._add_input(block, as_text(block.body.get("input") or {}))
            case _:
                pass
        self._finished(block)

    def _end_of(self, body: Json) -> None:
        """message_delta: usage so far, and the reason to stop."""
        delta = body.get("delta")
        self._ending |= delta if codec.is_object(delta) else {}
        if codec.is_object(own := body.get("usage")):
            self._counts = usage.merge(self._counts, own)
            self.usage_body = usage.tidy(self._counts)
        if self._ending.get("stop_reason") is not None and self.finish_reason is None:
            self._end()

    def _end(self) -> None:
        refusal: Json = {}
        refuse(refusal, self._ending)
        if refusal:
            self._delta(refusal, chars=len(refusal["refusal"]))
        reason = self._ending.get("stop_reason")
        more = {name: value for name, value in self._ending.items() if name in _KEPT and value is not None}
        native = reason if isinstance(reason, str) else None
        self._finish(finish_of(reason, bool(self._tools.get(0))), native, **more)

    def _stopped(self) -> None:
        self.done = True
        if self.usage_body is None and self._counts:
            self.usage_body = usage.tidy(self._counts)
        if self.finish_reason is None and self.saw_content:
            self._end()

    def _ended(self) -> None:
        """A reason to stop ends an answer; message_stop adds nothing to it."""
        if self.finish_reason is not None:
            self._stopped()

    # Pieces of blocks.

    def _add_text(self, block: _Block, text: Any) -> None:
        if isinstance(text, str) and text:
            block.pieces.append(text)
            self._said += len(text)
            self._text(text)

    def _add_thought(self, block: _Block, text: Any) -> None:
        if isinstance(text, str) and text:
            block.pieces.append(text)
            detail: Json = {"type": "reasoning.text", "text": text, "format": FORMAT, "index": block.number}
            self._reasoning(text, details=[detail])

    def _add_input(self, block: _Block, piece: Any) -> None:
        if not isinstance(piece, str) or not piece:
            return
        block.pieces.append(piece)
        if is_answer(block.body):
            self._said += len(piece)
            self._text(piece)
        elif block.kind == "tool_use":
            self._more_tool(block.number, piece)

    def _cite(self, block: _Block) -> None:
        given = block.body.get("citations")
        citations: list[Any] = [*(given if codec.is_list(given) else []), *block.citations]
        delta: Json = {}
        cite.annotate(delta, citations, block.start, self._said)
        if delta:
            self._delta(delta)

    # Blocks that canonical form has no place for go out whole, and then all others of the answer with them.

    def _ranked(self, block: Json) -> None:
        if self._rank >= 0 and not is_answer(block):
            self._rank = is_plain(block, self._rank)

    def _finished(self, block: _Block) -> None:
        self._whole.append(_joined(block))
        if self._rank < 0:
            blocks, self._whole = self._whole, []
            self._delta({"native_content": blocks})


_KEPT = frozenset({"stop_sequence", "stop_details", "container", "context_management"})
_TEXTS = {"text": "text", "thinking": "thinking"}  # block type -> its field that comes in pieces


def _joined(block: _Block) -> Json:
    """A block with its pieces in it, as a whole answer would have it."""
    whole = dict(block.body)
    if name := _TEXTS.get(block.kind):
        whole[name] = "".join(block.pieces)
    elif block.pieces:
        whole["input"] = _input("".join(block.pieces))
    if block.signature:
        whole["signature"] = block.signature
    if block.citations:
        given = whole.get("citations")
        whole["citations"] = [*(given if codec.is_list(given) else []), *block.citations]
    return whole


def _index(body: Json) -> int:
    """Which block an event is of; -1 where it does not say."""
    index = body.get("index")
    return index if isinstance(index, int) else -1


def _input(text: str) -> Any:
    try:
        return codec.read(text.encode("utf-8", "replace"))
    except ValueError:
        return {}


def events_of(message: Json) -> Iterator[Json]:
    """A whole message as the events that would have made it."""
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        if codec.is_object(block):
            yield {"type": "content_block_start", "index": index, "content_block": block}
            yield {"type": "content_block_stop", "index": index}
    delta = {name: message.get(name) for name in ("stop_reason", *sorted(_KEPT))}
    yield {"type": "message_delta", "delta": delta, "usage": message.get("usage") or {}}
    yield {"type": "message_stop"}


def _framed(headers: dict[str, str], payload: bytes) -> tuple[str, bytes]:
    """(name, body) of the event in one of Bedrock's frames.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html, read 2026-11-21.
    """
    word = headers.get(":exception-type") or headers.get(":error-code")
    try:
        body = codec.read(payload)
    except ValueError:
        body = None
    if word is None and codec.is_object(body) and isinstance(inner := body.get("bytes"), str):
        try:
            return "", b64decode(inner)
        except ValueError:
            return "", b""  # unreadable
    if word is None:
        return "ping", b"{}"
    message = body.get("message") if codec.is_object(body) else headers.get(":error-message")
    return "error", codec.write({"error": {"type": word, "message": message or word}})


def is_complete(event: bytes) -> bool:
    """Whether an event whose last blank line is missing is whole all the same."""
    try:
        codec.read(event)
    except ValueError:
        return False
    return True
