"""A stream of another dialect as ChatCompletionChunks: the half that every such dialect shares."""

from collections.abc import Iterable
from typing import Any

import orjson

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import MALFORMED, ErrorInfo
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.errors import CutError
from xroute.wire.chunk import Chunk
from xroute.wire.sse import Parser
from xroute.wire.usage import Usage

KIND = "chat.completion.chunk"


class Translated:
    """Bytes in any cutting in, canonical chunks out. Read `error` after each `feed`: nothing follows it.

    A dialect overrides `_event`, which reads one event and calls `_text`, `_reasoning`, `_begin_tool`,
    `_more_tool`, `_delta` and `_finish`, sets `usage_body` (OpenAI's usage object, the provider's own fields
    kept), `error`, and `done` where its protocol says that the stream is complete. What is not framed as
    server-sent events overrides `_split` and `_flush` as well.
    """

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        self._quirks = quirks
        self._request_id = request_id
        self._envelope: Json = {
            "id": "chatcmpl-" + request_id,
            "object": KIND,
            "created": created,
            "model": model,
        }
        self._head = b""  # the envelope as bytes, made at the first chunk
        self._parser = Parser()
        self._out: list[Chunk] = []
        self._tools: dict[int, int] = {}  # choice -> tool calls so far
        self._roles: set[int] = set()  # choices whose first chunk is out
        self.include_usage = include_usage
        self.usage_body: Json | None = None
        self.finish_reason: str | None = None
        self.done = False  # ended properly
        self.error: ErrorInfo | None = None
        self.chars = 0  # of output, to estimate usage by
        self.saw_content = False

    def __repr__(self) -> str:
        state = "error" if self.error else "done" if self.done else "open"
        return f"<{type(self).__name__} {state}, {self.chars} characters>"

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that `data` finishes; raises ProtocolError for an endless event."""
        return self._read(self._split(data))

    def finish(self) -> list[Chunk]:
        """The chunks that the end of the bytes finishes; raises CutError when it came too early.

        An empty stream gives nothing, with `done` and `saw_content` both False.
        """
        out = self._read(self._flush())
        if not self.done and self.error is None and (self._roles or self.saw_content):
            self._ended()
            if not self.done:
                raise CutError("the provider's stream ended before it was finished")
            out += self._taken()
        return out

    @property
    def usage(self) -> Usage | None:
        """The usage reported so far; None where the provider reported none."""
        return tokens.read(self.usage_body) if self.usage_body else None

    @property
    def envelope(self) -> Json:
        """What stands in each chunk beside its choices: id, model, service_tier."""
        return self._envelope

    def usage_chunk(self, usage: Usage, extra: Json) -> bytes:
        """The JSON of the last chunk: no choices, the provider's usage (or `usage`) with `extra` in it."""
        own = tokens.tidy(self.usage_body) or tokens.body_of(usage)
        return codec.write({**self._envelope, "choices": [], "usage": {**own, **extra}})

    def chunk_of(self, choice: Json) -> Json:
        """A chunk of this stream that the provider did not send."""
        return {**self._envelope, "choices": [choice]}

    # What a dialect overrides.

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """(name, body) of each event that `data` finishes."""
        return self._parser.events(data)

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        """What the end of the bytes finishes."""
        return self._parser.events(b"\n\n")

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        """One event, parsed; `raw` are its bytes."""
        raise NotImplementedError

    def _ended(self) -> None:
        """The bytes are over and `done` is not set: set it where the protocol has no other end."""

    def _unreadable(self, name: str, raw: bytes) -> None:
        """An event that is not JSON."""
        self._malformed("the provider's stream holds an event that is not JSON")

    # What a dialect calls.

    def _name(self, **envelope: Any) -> None:
        """Sets `id`, `model`, ... of the chunks; before the first one is out."""
        self._envelope |= {name: value for name, value in envelope.items() if value}
        self._head = b""

    def _text(self, text: str, index: int = 0) -> None:
        """A piece of the answer's text."""
        if not text:
            return
        if index or index not in self._roles:
            self._delta({"content": text}, index, chars=len(text))
            return
        self.chars += len(text)
        self.saw_content = True
        self._out.append(
            Chunk(
                b'%b[{"index":0,"delta":{"content":%b},"logprobs":null,"finish_reason":null}]}'
                % (self._head or self._make_head(), codec.write(text)),
                content=True,
            )
        )

    def _reasoning(self, text: str, index: int = 0, details: list[Json] | None = None) -> None:
        """A piece of reasoning: its text, and its `reasoning_details` entries."""
        delta: Json = {"reasoning": text} if text else {}
        if details:
            delta["reasoning_details"] = details
        if delta:
            self._delta(delta, index, chars=len(text))

    def _begin_tool(self, id_: str, name: str, arguments: str = "", index: int = 0) -> int:
        """A new tool call; its number for `_more_tool`. An empty `id_` is replaced by one of ours."""
        number = self._tools.get(index, 0)
        self._tools[index] = number + 1
        call: Json = {
            "index": number,
            "id": id_ or made_id(f"{self._request_id}:{index}:{number}"),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        self._delta({"tool_calls": [call]}, index, chars=len(name) + len(arguments))
        return number

    def _more_tool(self, number: int, arguments: str, index: int = 0) -> None:
        """A piece of a tool call's arguments."""
        if arguments:
            call: Json = {"index": number, "function": {"arguments": arguments}}
            self._delta({"tool_calls": [call]}, index, chars=len(arguments))

    def _delta(self, delta: Json, index: int = 0, *, chars: int = 0, content: bool = True) -> None:
        """Any other piece of an answer."""
        self.chars += chars
        self.saw_content = self.saw_content or content
        if index not in self._roles:
            self._roles.add(index)
            delta = {"role": "assistant", **delta}
        self._emit({"index": index, "delta": delta, "logprobs": None, "finish_reason": None}, content=content)

    def _finish(self, reason: str, native: str | None = None, index: int = 0, **more: Any) -> None:
        """The end of one choice, in OpenAI's word; the provider's own as `native_finish_reason`."""
        self.finish_reason = reason
        choice: Json = {"index": index, "delta": {}, "logprobs": None, "finish_reason": reason, **more}
        if native is not None and native != reason:
            choice["native_finish_reason"] = native
        if index not in self._roles:
            self._roles.add(index)
            choice["delta"] = {"role": "assistant", "content": ""}
        self._emit(choice, finish=True)

    def _malformed(self, text: str) -> None:
        self.error = ErrorInfo(text, type=MALFORMED)

    def _emit(self, choice: Json, *, content: bool = False, finish: bool = False) -> None:
        head = self._head or self._make_head()
        self._out.append(Chunk(b"%b[%b]}" % (head, codec.write(choice)), content, finish))

    def _make_head(self) -> bytes:
        self._head = codec.write(self._envelope)[:-1] + b',"choices":'
        return self._head

    def _read(self, events: Iterable[tuple[str, bytes]]) -> list[Chunk]:
        for name, raw in events:
            if self.done or self.error is not None:
                break
            try:
                body = orjson.loads(raw)
            except orjson.JSONDecodeError:
                try:
                    body = codec.forgive(raw)
                except ValueError:
                    self._unreadable(name, raw)
                    continue
            try:
                self._event(name, body, raw)
            except RecursionError:
                self._malformed("the provider's stream is nested too deeply")
        return self._taken()

    def _taken(self) -> list[Chunk]:
        out, self._out = self._out, []
        return out
