"""Cohere's stream as ChatCompletionChunks."""

from typing import Any

from xroute.dialects.cohere import citation, count, logprob, thought
from xroute.dialects.cohere.decode import ANSWER, error_of, failure_of
from xroute.dialects.cohere.words import finish_of
from xroute.dialects.openai import codec, fault
from xroute.dialects.openai.codec import Json
from xroute.dialects.translated import Translated
from xroute.wire.usage import Usage

_NOTHING: Json = {}


class Decoder(Translated):
    """`message-end` alone is the end: https://docs.cohere.com/docs/streaming, read 2026-11-21."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._calls: dict[Any, int | None] = {}  # their index -> ours; None for the tool of our own
        self._begins: dict[Any, int] = {}  # a content part -> where it begins in the text
        self._said = 0  # characters of text so far
        self._thoughts: dict[Any, int] = {}  # a thinking part, or the plan -> its index in reasoning_details

    @property
    def usage(self) -> Usage | None:
        """What is billed so far; None where Cohere reported nothing."""
        return count.usage_of(self.usage_body)

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            self._malformed("the provider's stream holds an event that is no object")
            return
        kind: Any = body.get("type")
        delta = _object(body, "delta")
        said = _object(delta, "message")
        if kind == "content-delta":
            self._content(body, said)
        elif kind == "tool-plan-delta":
            self._thought(said.get("tool_plan"), thought.PLAN, plan=True)
        elif kind == "tool-call-delta":
            self._more(body, _arguments(said))
        elif kind in ("tool-call-start", "message-start", "content-start", "citation-start"):
            self._starts(kind, body, said)
        elif kind == "message-end":
            self._end(delta)
        elif name == "error" or not isinstance(kind, str):
            self._failed(body, raw)

    def _starts(self, kind: str, body: Json, said: Json) -> None:
        if kind == "message-start":
            self._name(id=body.get("id") if isinstance(body.get("id"), str) else None)
        elif kind == "content-start":
            self._begins[_place(body)] = self._said
            self._content(body, said)
        elif kind == "tool-call-start":
            self._begin(body, _object(said, "tool_calls"))
        else:
            self._cite(said.get("citations"))

    def _content(self, body: Json, said: Json) -> None:
        part = _object(said, "content")
        text: Any = part.get("text")
        if isinstance(text, str) and text:
            self._said += len(text)
            if body.get("logprobs"):
                self._told(text, body["logprobs"])
            else:
                self._text(text)
        self._thought(part.get("thinking"), _place(body))

    def _told(self, text: str, items: Any) -> None:
        """A piece of text with its log probabilities."""
        self.chars += len(text)
        self.saw_content = True
        delta: Json = {"content": text} if self._roles else {"role": "assistant", "content": text}
        self._roles.add(0)
        choice: Json = {"index": 0, "delta": delta, "logprobs": logprob.read(items), "finish_reason": None}
        self._emit({**choice, "native_logprobs": items}, content=True)

    def _thought(self, text: Any, place: Any, *, plan: bool = False) -> None:
        if isinstance(text, str) and text:
            index = self._thoughts.setdefault(place, len(self._thoughts))
            self._reasoning(text, details=[thought.detail(text, index, plan=plan)])

    def _begin(self, body: Json, call: Json) -> None:
        function = _object(call, "function")
        name, arguments = _string(function, "name"), _string(function, "arguments")
        if name == ANSWER:
            self._calls[_place(body)] = None
            self._text(arguments)
        else:
            self._calls[_place(body)] = self._begin_tool(_string(call, "id"), name, arguments)

    def _more(self, body: Json, arguments: str) -> None:
        index = _place(body)
        if index not in self._calls:
            self._malformed("the provider's stream continues a tool call that never began")
        elif (number := self._calls[index]) is None:
            self._text(arguments)
        else:
            self._more_tool(number, arguments)

    def _cite(self, given: Any) -> None:
        """A citation whole, and as annotations where it has an address."""
        cited: list[Any] = given if codec.is_list(given) else [given] if given else []
        if not cited:
            return
        found: list[Json] = []
        for one in cited:
            found += citation.annotations(one, self._begins.get(citation.part_of(one), 0))
        delta: Json = {"citations": cited}
        self._delta({**delta, "annotations": found} if found else delta)

    def _end(self, delta: Json) -> None:
        self.usage_body = count.usage_body(delta.get("usage")) or self.usage_body
        native: Any = delta.get("finish_reason")
        reason = finish_of(native)
        if reason == "error" or delta.get("error"):
            self.error = failure_of(delta)
            return
        if reason == "tool_calls" and self._calls and not self._tools:
            reason = "stop"  # our own tool alone was called
        self._finish(reason, native if isinstance(native, str) else None)
        self.done = True

    def _failed(self, body: Json, raw: bytes) -> None:
        """An event without a type is an error, if it says anything."""
        if info := fault.embedded(body):
            self.error = info
        elif isinstance(body.get("message"), str):
            self.error = error_of(500, {}, raw)

    def _unreadable(self, name: str, raw: bytes) -> None:
        if raw.strip() != b"[DONE]":  # comes after message-end; alone it ends nothing
            super()._unreadable(name, raw)


def _place(body: Json) -> int:
    index: Any = body.get("index")
    return index if isinstance(index, int) else 0


def _object(body: Json, name: str) -> Json:
    value: Any = body.get(name)
    return value if codec.is_object(value) else _NOTHING


def _string(body: Json, name: str) -> str:
    value: Any = body.get(name)
    return value if isinstance(value, str) else ""


def _arguments(said: Json) -> str:
    return _string(_object(_object(said, "tool_calls"), "function"), "arguments")
