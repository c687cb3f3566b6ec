"""A provider's own completions endpoint gets the client's request, and what it answers passes as it is."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import codec, fault, tokens
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.dialects.openai.surface import DONE
from xroute.dialects.translated import Translated
from xroute.wire.call import Call
from xroute.wire.chunk import Chunk

LIMIT = ("max_tokens",)  # where a request says how much may be generated


def encode(call: Call, *, upstream: str, quirks: Quirks) -> bytes:
    """The client's request with the provider's name for the model; a stream's usage is always asked for."""
    given: Json = codec.read(call.raw)
    body = {name: value for name, value in given.items() if name not in OWN}
    body["model"] = upstream
    if body.get("stream") and quirks.stream_usage:
        options: Any = body.get("stream_options")
        body["stream_options"] = {**(options if codec.is_object(options) else {}), "include_usage": True}
    return codec.write(body)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = object_of(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    choices: Any = body.get("choices")
    if not codec.is_list(choices) or not choices:
        raise Malformed("the provider's answer has no choices")
    own = tokens.find(body, quirks)
    texts = [choice.get("text") for choice in choices if codec.is_object(choice)]
    beside = {name: value for name, value in body.items() if name != "choices"}
    return Answer(beside, tokens.read(own) if own else None, any(texts), raw)


class Decoder(Translated):
    """Each chunk is one event of the provider; usage that the client did not ask for stays here."""

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool = False
    ) -> None:
        super().__init__(
            model=model,
            request_id=request_id,
            created=created,
            quirks=quirks,
            include_usage=include_usage,
        )
        self._open: set[int] = set()  # choices that have begun
        self._closed: set[int] = set()  # and have said why they ended

    def _event(self, name: str, body: Any, raw: bytes) -> None:
        if not codec.is_object(body):
            self._malformed("the provider's stream holds an event that is no chunk")
            return
        self.error = fault.embedded({"error": body} if name == "error" else body)
        if self.error is not None:
            return
        if own := tokens.find(body, self._quirks):
            self.usage_body = own
        choices: Any = body.get("choices")
        if codec.is_list(choices) and choices:
            self._choices(choices, raw)
        elif own is not None and self.include_usage:
            self._pass(raw)

    def _choices(self, choices: list[Any], raw: bytes) -> None:
        content = finish = False
        for place, choice in enumerate(choices):
            if not codec.is_object(choice):
                continue
            index = given if isinstance(given := choice.get("index"), int) else place
            self._open.add(index)
            if isinstance(text := choice.get("text"), str) and text:
                content = self.saw_content = True
                self.chars += len(text)
            if reason := choice.get("finish_reason"):
                finish, self.finish_reason = True, str(reason)
                self._closed.add(index)
        self._pass(raw, content=content, finish=finish)

    def _unreadable(self, name: str, raw: bytes) -> None:
        if raw.strip() == b"[DONE]":
            self._end()
        elif raw.strip():
            super()._unreadable(name, raw)

    def _ended(self) -> None:
        """Some servers leave out [DONE]: the end of every choice is an end."""
        if self._open and self._open == self._closed:
            self._end()

    def _end(self) -> None:
        self.done = True
        self._out.append(Chunk(DONE))

    def _pass(self, raw: bytes, *, content: bool = False, finish: bool = False) -> None:
        self._out.append(Chunk(b"data: %b\n\n" % raw.replace(b"\n", b"\ndata: "), content, finish))
