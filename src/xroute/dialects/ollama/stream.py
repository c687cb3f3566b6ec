"""Ollama's stream, one JSON object a line, as ChatCompletionChunks."""

from collections.abc import Iterable
from typing import Any

from xroute.dialects.ollama.count import usage_body
from xroute.dialects.ollama.decode import calls_of, finish_of, message_of
from xroute.dialects.openai import codec, fault, logprobs
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.dialects.translated import Translated
from xroute.errors import ProtocolError
from xroute.wire.sse import MAX_EVENT


class Decoder(Translated):
    """The line with `done: true` is the end: https://docs.ollama.com/api/streaming, read 2026-11-21."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._held: list[bytes] = []  # of the unfinished line
        self._size = 0

    def _split(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        if b"\n" not in data:
            self._hold(data)
            return ()
        *lines, rest = (b"".join(self._held) + data).split(b"\n")
        self._held, self._size = [], 0
        self._hold(rest)
        return [("", line) for line in lines if line.strip()]

    def _flush(self) -> Iterable[tuple[str, bytes]]:
        """A last line without its end, if it is whole; else the stream was cut within it."""
        line, self._held = b"".join(self._held), []
        try:
            codec.read(line)
        except ValueError:
            return ()
        return [("", line)]

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._size += len(data)
            if self._size > MAX_EVENT:
                raise ProtocolError("a line of the stream is larger than 16 MiB")

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            self._malformed("the provider's stream holds a line that is no object")
            return
        if info := fault.embedded(body):
            self.error = info
            return
        if isinstance(body.get("model"), str) and not self._roles:
            self._name(model=body["model"])
        if given := message_of(body):
            self._message(given, body)
        if body.get("done") is True:
            self.usage_body = usage_body(body) or self.usage_body
            word: Any = body.get("done_reason")
            reason = finish_of(body, called=bool(self._tools))
            self._finish(reason, word if isinstance(word, str) else None)
            self.done = True

    def _message(self, given: Json, body: Json) -> None:
        text: Any = given.get("content")
        text = text if isinstance(text, str) else ""
        if thoughts := given.get("thinking"):
            self._reasoning(thoughts if isinstance(thoughts, str) else as_text(thoughts))
        if codec.is_list(body.get("logprobs")):
            self._told(text, body["logprobs"])
        else:
            self._text(text)
        for call in calls_of(given):
            self._call(call)
        if given.get("images"):
            self._delta({"native_content": [{"type": "images", "images": given["images"]}]})

    def _told(self, text: str, items: list[Any]) -> None:
        """A piece of text with its log probabilities; that of the thinking may stand here as well."""
        delta: Json = {"content": text}
        if 0 not in self._roles:
            self._roles.add(0)
            delta = {"role": "assistant", **delta}
        choice: Json = {
            "index": 0,
            "delta": delta,
            "logprobs": {"content": items, "refusal": None},
            "finish_reason": None,
        }
        logprobs.tidy(choice)
        self.chars += len(text)
        self.saw_content = self.saw_content or bool(text)
        self._emit(choice, content=bool(text))

    def _call(self, call: Json) -> None:
        function: Any = call.get("function")
        function = function if codec.is_object(function) else {}
        own: Any = call.get("id")
        arguments: Any = function.get("arguments")
        self._begin_tool(
            own if isinstance(own, str) else "",
            str(function.get("name") or ""),
            "{}" if arguments is None else as_text(arguments),
        )
