"""ConverseStream's events as ChatCompletionChunks.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read 2026-11-21.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorInfo
from xroute.dialects.bedrock import blocks, fault, usage
from xroute.dialects.bedrock.families import format_of
from xroute.dialects.bedrock.frames import Frames
from xroute.dialects.bedrock.tools import ANSWER, SERVED
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.translated import Translated
from xroute.errors import ProtocolError


@dataclass(slots=True)
class _Block:
    """A block that has begun."""

    start: int  # characters of text before it
    number: int | None = None  # of its tool call
    answer: bool = False  # a call of our own answer tool
    thought: int | None = None  # index of its reasoning
    wrote: bool = False  # arguments of its call
    native: Json | None = None  # the block, where it is kept whole
    pieces: list[Any] = field(default_factory=list[Any])  # of its input or content
    cited: list[Any] = field(default_factory=list[Any])


class Decoder(Translated):
    """Reads AWS frames; the stream is complete when messageStop and metadata, which holds usage, are in."""

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model, request_id=request_id, created=created, quirks=quirks, include_usage=include_usage
        )
        self._frames = Frames()
        self._form = format_of(model)
        self._blocks: dict[int, _Block] = {}
        self._chars = 0  # of text, for the places of citations
        self._thoughts = 0
        self._calls = 0
        self._answered = False
        self._measured = False  # metadata is in

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        self._frames.add(data)
        return self._messages()

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        return ()

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        while not self.done and self.error is None:
            try:
                message = self._frames.next()
            except ProtocolError as error:
                self._malformed(error.message)
                return
            if message is None:
                return
            headers, payload = message
            if headers.get(":message-type", "event") == "event":
                yield headers.get(":event-type", ""), payload or b"{}"
            else:
                name = headers.get(":exception-type") or headers.get(":error-code") or ""
                self.error = fault.event(name, payload, headers.get(":error-message", ""))
                return

    def _ended(self) -> None:
        """A stream may end without metadata: then its usage is not known."""
        self.done = self.finish_reason is not None and not self._frames.pending

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            self._malformed("the provider's stream holds an event that is no object")
            return
        match name:
            case "contentBlockDelta":
                self._piece(self._block(body), body.get("delta"))
            case "contentBlockStart":
                self._begin(self._block(body), body.get("start"))
            case "contentBlockStop":
                self._stop(body)
            case "messageStop":
                self._message_stop(body)
            case "metadata":
                self._metadata(body)
            case _ if name.endswith("Exception"):  # an exception that calls itself an event
                self.error = fault.event(name, raw)
            case _:  # messageStart says the role, which is always the assistant's
                pass

    def _block(self, body: Json) -> _Block:
        given: Any = body.get("contentBlockIndex")
        index = given if isinstance(given, int) else 0
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = _Block(self._chars)
        return block

    def _begin(self, block: _Block, start: Any) -> None:
        if not codec.is_object(start):
            return
        use: Any = start.get("toolUse")
        if codec.is_object(use) and use.get("type") != SERVED:
            self._tool(block, use)
        elif len(start) == 1:
            block.native = {name: {**value} for name, value in start.items() if codec.is_object(value)}

    def _tool(self, block: _Block, use: Json) -> None:
        name = str(use.get("name") or "")
        if name == ANSWER:
            block.answer = self._answered = True
            return
        own: Any = use.get("toolUseId")
        block.number = self._begin_tool(own if isinstance(own, str) else "", name)
        self._calls += 1

    def _piece(self, block: _Block, delta: Any) -> None:
        if not codec.is_object(delta):
            return
        if isinstance(text := delta.get("text"), str):
            self._chars += len(text)
            self._text(text)
        elif codec.is_object(use := delta.get("toolUse")):
            self._argument(block, use.get("input"))
        elif codec.is_object(thought := delta.get("reasoningContent")):
            self._thought(block, thought)
        elif "citation" in delta:
            block.cited.append(delta["citation"])
        else:
            block.pieces += [delta]

    def _argument(self, block: _Block, given: Any) -> None:
        text = given if isinstance(given, str) else codec.write(given).decode() if given is not None else ""
        if block.answer:
            self._chars += len(text)
            self._text(text)
        elif block.number is not None:
            block.wrote = block.wrote or bool(text)
            self._more_tool(block.number, text)
        else:
            block.pieces.append(text)

    def _thought(self, block: _Block, given: Json) -> None:
        if block.thought is None:
            block.thought, self._thoughts = self._thoughts, self._thoughts + 1
        text, signature = given.get("text"), given.get("signature")
        whole: Json = {"redactedContent": given.get("redactedContent")}
        if isinstance(text, str) or isinstance(signature, str):
            whole = {"reasoningText": {"text": text or "", "signature": signature or ""}}
        if entry := blocks.thought(whole, block.thought, self._form):
            self._reasoning(entry.get("text", ""), details=[entry])

    def _stop(self, body: Json) -> None:
        index: Any = body.get("contentBlockIndex")
        block = self._blocks.pop(index if isinstance(index, int) else 0, None)
        if block is not None:
            self._close(block)

    def _close(self, block: _Block) -> None:
        if block.number is not None and not block.wrote:
            self._more_tool(block.number, "{}")  # no arguments: clients read them as JSON
        if block.cited:
            self._cite(block)
        if block.native is not None or block.pieces:
            self._keep(block)

    def _cite(self, block: _Block) -> None:
        found = [blocks.citation(item, block.start, self._chars) for item in block.cited]
        if notes := [note for note in found if note]:
            self._delta({"annotations": notes}, content=False)
        if None in found:
            self._delta({"native_content": [{"citationsContent": {"citations": block.cited}}]}, content=False)

    def _keep(self, block: _Block) -> None:
        """What the provider's own tools did, whole; an image that the model made."""
        native = block.native or {}
        if "image" in native:
            for piece in block.pieces:
                native["image"] |= piece.get("image") or {} if codec.is_object(piece) else {}
            if made := blocks.image(native["image"]):
                self._delta({"images": [made]})
            return
        if codec.is_object(use := native.get("toolUse")):
            use["input"] = _value("".join(piece for piece in block.pieces if isinstance(piece, str)))
        elif codec.is_object(result := native.get("toolResult")):
            result["content"] = [item for piece in block.pieces for item in _content(piece)]
        self._delta({"native_content": [native or {"pieces": block.pieces}]})

    def _message_stop(self, body: Json) -> None:
        for index in sorted(self._blocks):  # of a stream that does not say where they end
            self._close(self._blocks[index])
        self._blocks.clear()
        native: Any = body.get("stopReason")
        if blocks.is_spoiled(native) and not self.saw_content:
            self.error = ErrorInfo(f"the model's output could not be read: {native}", code=native)
            return
        reason = blocks.finish_of(native, calls=self._calls, answered=self._answered)
        self._finish(reason, native if isinstance(native, str) else None, **blocks.around(body))
        self.done = self._measured

    def _metadata(self, body: Json) -> None:
        self.usage_body = usage.read(body.get("usage")) or self.usage_body
        self._name(**blocks.around(body))
        self._measured = True
        self.done = self.finish_reason is not None


def _value(text: str) -> Any:
    """A server tool's input, which comes as the text of its JSON."""
    try:
        return codec.read(text.encode("utf-8", "replace")) if text.strip() else {}
    except ValueError:
        return {"input": text}


def _content(piece: Any) -> list[Any]:
    given: Any = piece.get("toolResult") if codec.is_object(piece) else None
    return given if codec.is_list(given) else []
