"""Canonical chunks as Anthropic's events: blocks one after another, each begun, continued and ended.

https://platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11-21.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from xroute.dialects.anthropic import reply, seal
from xroute.dialects.anthropic.calls import Call, Calls
from xroute.dialects.anthropic.refusal import error_event
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

_BESIDES = ("content", "reasoning", "reasoning_details", "annotations", "other_annotations", "native_content")
_TEXT_END = b"}}\n\n"
NOTHING = "null"  # as some models write a call without arguments


class MessagesEncoder:
    """The events of one stream.

    `shown`: the reasoning of other makers' models comes in blocks of its own. Where it is not to be shown, it
    comes sealed before the first call of a tool, as the next turn depends on it, and else not at all.
    """

    def __init__(self, request_id: str, *, shown: bool, stops: tuple[str, ...]) -> None:
        self._request_id = request_id
        self._shown = shown
        self._stops = stops
        self._out: list[bytes] = []
        self._begun = False
        self._index = -1  # of the block that is open, or was last
        self._open = ""  # its kind; "" = none is
        self._thought: Any = None  # index of Anthropic's own in the open block; None: another maker's
        self._items: dict[Any, Json] = {}  # other makers' reasoning that has not been sealed
        self._texts: list[str] = []  # its text in the open block
        self._calls = Calls()
        self._late: list[Json] = []  # what came in the middle of a call's arguments
        self._refusal = ""
        self._choice: Json = {}  # the one that said why the answer ended
        self._head, self._tail = b"", b""  # of chunks with text alone
        self._text = b""  # the beginning of an event with text

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        """The events for these chunks."""
        out = self._out
        for chunk in chunks:
            raw = chunk.raw
            if self._head and raw.startswith(self._head) and raw.endswith(self._tail):
                text = raw[len(self._head) : len(raw) - len(self._tail)]
                if text.count(b'"') == 2 and text[-2:-1] != b"\\":
                    out.append(self._text + text + _TEXT_END)
                    continue
            self._read(chunk)
        return self._taken()

    def finish(self, last: bytes) -> bytes:
        """The ends of what is open, the usage and the reason; then message_stop."""
        ending: Json = codec.read(last) if last else {}
        self._begin(ending)
        self._settle()
        if self._refusal and not self._choice.get("stop_details"):
            self._say(self._refusal)
        self._close()
        self._emit("message_delta", self._ending(ending.get("usage")))
        self._emit("message_stop", {})
        return self._taken()

    def fail(self, error: CallError, chunk: Json) -> bytes:
        """An error event, after which nothing comes: without message_stop no client takes it for complete."""
        return self._taken() + error_event(error, self._request_id)

    def _taken(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _emit(self, name: str, body: Json) -> None:
        raw = codec.write({"type": name, **body})
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), raw))

    # Chunks.

    def _read(self, chunk: Chunk) -> None:
        body: Any = chunk.body if chunk.body is not None else codec.read(chunk.raw)
        self._begin(body)
        for choice in body.get("choices") or ():
            if choice.get("index"):  # only the first answer has a place here
                continue
            delta: Json = choice.get("delta") or {}
            self._delta(delta)
            if choice.get("finish_reason"):
                self._choice = choice
            elif self._open == "text" and not self._head and isinstance(delta.get("content"), str):
                self._learn(chunk.raw, delta)

    def _begin(self, body: Json) -> None:
        if self._begun:
            return
        self._begun = True
        message: Json = {
            "id": reply.message_id(body.get("id") or self._request_id),
            "type": "message",
            "role": "assistant",
            "model": body.get("model") or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        self._emit("message_start", {"message": message})

    def _learn(self, raw: bytes, delta: Json) -> None:
        """Remember what stands around the text, so that chunks which differ in it alone need no parsing."""
        if delta.keys() != {"content"} or raw.count(b'"content":') != 1:
            return
        start = raw.index(b'"content":') + len(b'"content":')
        end = raw.find(b'"', start + 1) + 1
        try:
            found: Any = orjson.loads(raw[start:end])
        except orjson.JSONDecodeError:
            return
        if found == delta["content"]:
            self._head, self._tail = raw[:start], raw[end:]

    def _delta(self, delta: Json) -> None:
        given: Any = delta.get("tool_calls") or ()
        if any(map(delta.get, _BESIDES)):
            if self._open == "tool_use" and not self._calls.is_whole():
                self._late.append({name: value for name, value in delta.items() if name != "tool_calls"})
            else:
                self._besides(delta)
        if refusal := delta.get("refusal"):
            self._refusal += refusal
        for piece in given:
            self._call(piece)

    def _besides(self, delta: Json) -> None:
        """Everything of a delta but its tool calls."""
        if delta.get("reasoning") or delta.get("reasoning_details"):
            self._think(delta)
        if text := delta.get("content"):
            self._say(text)
        if cited := reply.citations(delta):
            self._cite(cited)
        for block in reply.natives(delta):
            if not reply.is_live(block):
                self._start(str(block.get("type")), block)
                self._close()

    # Blocks.

    def _start(self, kind: str, block: Json) -> None:
        self._close()
        if kind == "tool_use" and self._items:
            self._sealed()
        self._index += 1
        self._open = kind
        self._emit("content_block_start", {"index": self._index, "content_block": block})

    def _more(self, kind: str, name: str, value: Any) -> None:
        delta = {"type": kind, name: value}
        self._emit("content_block_delta", {"index": self._index, "delta": delta})

    def _close(self) -> None:
        if not self._open:
            return
        if self._open == "thinking" and self._thought is None:
            self._more("signature_delta", "signature", seal.seal(self._items.values(), "".join(self._texts)))
            self._items, self._texts = {}, []
        self._open, self._head = "", b""
        self._emit("content_block_stop", {"index": self._index})

    def _say(self, text: str) -> None:
        if self._open != "text":
            self._start("text", {"type": "text", "text": ""})
            self._text = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
                b'"delta":{"type":"text_delta","text":' % self._index
            )
        self._out.append(self._text + codec.write(text) + _TEXT_END)

    def _cite(self, cited: list[Json]) -> None:
        """Citations belong to the text before them; without any they say nothing."""
        if self._open == "text":
            for citation in cited:
                self._more("citations_delta", "citation", citation)

    # Reasoning.

    def _think(self, delta: Json) -> None:
        details = codec.objects(delta.get("reasoning_details"))
        own = [item for item in details if seal.is_own(item)]
        for item in own:
            self._think_own(item)
        if not own or len(own) != len(details):
            others = [item for item in details if not seal.is_own(item)]
            text = "" if own else delta.get("reasoning") or "".join(map(seal.text_of, others))
            self._think_other(text, others)

    def _think_own(self, item: Json) -> None:
        """Anthropic's own: a block for each index, signed by its maker."""
        if item.get("type") == "reasoning.encrypted":
            self._start("redacted_thinking", {"type": "redacted_thinking", "data": item.get("data") or ""})
            self._close()
            return
        index = item.get("index") or 0
        if self._open != "thinking" or self._thought != index:
            self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            self._thought = index
        if text := item.get("text"):
            self._more("thinking_delta", "thinking", text)
        if signature := item.get("signature"):
            self._more("signature_delta", "signature", signature)

    def _think_other(self, text: str, items: list[Json]) -> None:
        """Another maker's: in one block until something else comes, sealed at its end."""
        if self._shown and (text or seal.is_worth(items)):
            if self._open != "thinking" or self._thought is not None:
                self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                self._thought = None
            if text:
                self._texts.append(text)
                self._more("thinking_delta", "thinking", text)
        elif text and not any(map(seal.text_of, items)):
            self._items.setdefault("text", seal.plain(""))["text"] += text
        for item in items:
            seal.merge(self._items, item)

    def _sealed(self) -> None:
        """What another provider needs back, in a block that shows nothing."""
        items, self._items = self._items.values(), {}
        block: Json = {"type": "thinking", "thinking": "", "signature": seal.seal(items, "")}
        self._start("redacted_thinking", block)
        self._close()

    # Tool calls.

    def _call(self, piece: Json) -> None:
        match self._calls.add(piece):
            case Call() as call:
                block: Json = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
                self._start("tool_use", block)
                self._argue(call.arguments)
            case str() as arguments:
                self._argue(arguments)
            case None:
                pass  # it waits for its turn

    def _argue(self, arguments: str) -> None:
        if arguments and arguments != NOTHING:
            self._more("input_json_delta", "partial_json", arguments)

    def _settle(self) -> None:
        """What had to wait: the calls that came in pieces between those of another, then the rest."""
        for call in self._calls.rest():
            block: Json = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            self._start("tool_use", block)
            self._argue(call.arguments)
        self._close()
        late, self._late = self._late, []
        for delta in late:
            self._besides(delta)

    def _ending(self, own: Any) -> Json:
        reason, met = reply.stop(self._choice, self._stops, self._calls.any)
        if self._refusal and not self._calls.any:
            reason, met = "refusal", None
        delta: Json = {"stop_reason": reason, "stop_sequence": met}
        for name in ("stop_details", "container"):
            if (value := self._choice.get(name)) is not None:
                delta[name] = value
        ending: Json = {"delta": delta, "usage": reply.usage(own)}
        if (context := self._choice.get("context_management")) is not None:
            ending["context_management"] = context
        return ending
