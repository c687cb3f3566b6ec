"""A provider's stream as valid ChatCompletionChunks."""

from typing import Any

import orjson

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import MALFORMED, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.openai import codec, envelope, logprobs, message, tokens, words, wrapped
from xroute.dialects.openai.calls import Pieces
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.decode import decode
from xroute.dialects.openai.fault import SILENT, embedded, error_of
from xroute.dialects.openai.template import LESSONS, Templates
from xroute.errors import CutError
from xroute.wire.sse import Parser, event_of
from xroute.wire.usage import Usage

KIND = "chat.completion.chunk"
ENVELOPE = ("id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
CHANGED, CONTENT, FINISH, FOREIGN = 1, 2, 4, 8  # what was found in a chunk
MAX_HEAD = 4 * 1024 * 1024  # bytes kept of a body that turns out not to be server-sent events


class Decoder:
    """Bytes in any cutting in, chunks out, those that need no change as the provider's own bytes.
    Read `error` after each `feed`: nothing follows an error."""

    __slots__ = (
        "_alone",
        "_block",
        "_choices",
        "_created",
        "_head",
        "_last",
        "_model",
        "_parser",
        "_quirks",
        "_request_id",
        "_seen",
        "_templates",
        "chars",
        "done",
        "error",
        "finish_reason",
        "include_usage",
        "saw_content",
        "usage_body",
    )

    def __init__(
        self, *, model: str, request_id: str, created: int, quirks: Quirks, include_usage: bool
    ) -> None:
        self._model = model
        self._request_id = request_id
        self._created = created
        self._quirks = quirks
        self.include_usage = include_usage  # the client wants the chunk that `usage_chunk` gives
        self._parser = Parser()
        self._block = b""  # the lines of the event that is read
        self._head = b""  # the bytes until the first event
        self._seen = False  # any event yet
        self._choices: dict[int, _Choice] = {}
        self._last: Json = {}  # the latest chunk
        self._templates = Templates(0 if quirks.usage_paths else LESSONS)
        self._alone: Json | None = None  # the latest one that held usage and no choices
        self.usage_body: Json | None = None  # the provider's own usage object
        self.finish_reason: str | None = None
        self.done = False  # ended properly
        self.error: ErrorInfo | None = None
        self.chars = 0  # of output, to estimate usage by
        self.saw_content = False

    def __repr__(self) -> str:
        state = "error" if self.error else "done" if self.done else "open"
        return f"<Decoder {state}, {len(self._choices)} choices, {self.chars} characters>"

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that `data` finishes; raises ProtocolError for an endless event."""
        if not self._seen and len(self._head) < MAX_HEAD:
            self._head += data
        out: list[Chunk] = []
        blocks, place = self._parser.blocks(data), 0
        while place < len(blocks) and not self.done and self.error is None:
            for known in self._templates.known:
                ran, chars = known.run(blocks, place, out)
                if chars:
                    self.chars += chars
                    self._last, place = known.body, ran
                    break
            else:
                self._block = blocks[place]
                if (event := event_of(self._block)) is not None:
                    self._event(*event, out)
                place += 1
        return out

    def finish(self) -> list[Chunk]:
        """The chunks that the end of the bytes finishes; raises CutError when it came too early.

        An empty stream gives nothing, with `done` and `saw_content` both False.
        """
        out: list[Chunk] = []
        self._block = b""
        for event in self._parser.finish():
            if _is_complete(event):  # else the stream was cut within it
                self._event("", event, out)
        if not self._seen and self._head.lstrip()[:1] in (b"{", b"[", b"<"):
            self._plain(out)
        if self.done or self.error or not self._seen:
            return out
        if self._choices and all(choice.finished for choice in self._choices.values()):
            self.done = True
            return out
        raise CutError("the provider's stream ended before it was finished")

    @property
    def envelope(self) -> Json:
        """What stands in a chunk beside its choices: id, model, service_tier."""
        return self._last

    @property
    def usage(self) -> Usage | None:
        """The usage reported so far; None where the provider reported none."""
        return tokens.read(self.usage_body) if self.usage_body else None

    def usage_chunk(self, usage: Usage, extra: Json) -> bytes:
        """The JSON of the last chunk: no choices, the provider's usage (or `usage`) with `extra` in it."""
        own = tokens.tidy(self.usage_body) or tokens.body_of(usage)
        last = (
            self._last
            if self._alone is self._last
            else {name: self._last[name] for name in ENVELOPE if name in self._last}
        )
        body: Json = {**last, "choices": [], "usage": {**own, **extra}}
        self._enclose(body)
        return codec.write(body)

    def _event(self, name: str, raw: bytes, out: list[Chunk]) -> None:
        if self.done or self.error:
            return
        self._seen, self._head = True, b""
        try:
            self._parse(name, raw, out)
        except RecursionError:
            self.error = ErrorInfo("the provider's stream is nested too deeply", type=MALFORMED)

    def _parse(self, name: str, raw: bytes, out: list[Chunk]) -> None:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            self._odd(name, raw, out)
            return
        if body.__class__ is dict and not name and body.get("choices").__class__ is list:
            # An event over several data lines is joined by newlines, which are no event of ours.
            self._chunk(body, b"" if b"\n" in raw else raw, out)
        else:
            self._other(name, body, out)

    def _odd(self, name: str, raw: bytes, out: list[Chunk]) -> None:
        """An event that is not strict JSON: the end, a ping, almost-JSON, or garbage."""
        text = raw.strip()
        if text == b"[DONE]":
            self._end(out)
        elif name == "error" and not text:
            self.error = SILENT
        elif text and not text.startswith(b":"):
            try:
                body = codec.forgive(raw)
            except ValueError:
                self._garbage(name, text)
                return
            self._other(name, body, out)

    def _garbage(self, name: str, text: bytes) -> None:
        if name == "error":
            self.error = error_of(500, {}, text)
        else:
            self.error = ErrorInfo("the provider's stream holds an event that is not JSON", type=MALFORMED)

    def _other(self, name: str, body: Any, out: list[Chunk]) -> None:
        """An event that is no plain chunk: an error, usage alone, or something beside the answer."""
        if codec.is_list(body) and len(body) == 1:
            body = body[0]
        if body == "[DONE]":
            self._end(out)
        elif name == "error":
            self.error = embedded({"error": body}) or SILENT
        elif not codec.is_object(body):
            self.error = ErrorInfo("the provider's stream holds an event that is no chunk", type=MALFORMED)
        elif codec.is_list(body.get("choices")):
            self._chunk(body, b"", out)
        elif info := embedded(body):
            self.error = info
        elif self._quirks.unwrap and (chunk := wrapped.piece(body)):
            self._chunk(chunk, b"", out)
        elif body.get("id") or body.get("object") or tokens.find(body, self._quirks):
            body["choices"] = []
            self._chunk(body, b"", out)
        # else a ping: nothing for the client

    def _chunk(self, body: Json, raw: bytes, out: list[Chunk]) -> None:
        """One chunk of the answer; `raw` is b"" where its bytes cannot go on as they are."""
        choices: list[Any] = body["choices"]
        if ("error" in body or not choices) and (info := embedded(body)):
            self.error = info
            return
        flags = 0 if raw else CHANGED
        for position, choice in enumerate(choices):
            flags |= self._choice(choice, position) if choice.__class__ is dict else FOREIGN
        if self.error:
            return
        counted = False
        if body.get("usage") is not None or flags & FINISH or not choices or self._quirks.usage_paths:
            counted = self._count(body)
            if body.pop("usage", None) is not None:
                flags |= CHANGED
        if flags & FOREIGN:
            body["choices"] = [choice for choice in choices if choice.__class__ is dict]
            flags |= CHANGED
        if self._enclose(body):
            flags |= CHANGED
        is_alone = counted and not choices
        self._last, self._alone = body, body if is_alone else None
        if flags & CONTENT:
            self.saw_content = True
        if not is_alone:
            tidied = codec.write(body) if flags & CHANGED else raw
            out.append(Chunk(tidied, flags & CONTENT > 0, flags & FINISH > 0))
        if flags & (CONTENT | FINISH | FOREIGN) == CONTENT and raw:
            self._templates.learn(self._block, raw, body, flags & CHANGED > 0)

    def _enclose(self, body: Json) -> bool:
        return envelope.tidy(body, KIND, self._request_id, self._created, self._model)

    def _count(self, body: Json) -> bool:
        """Keep the usage that `body` reports, if it does; a later report stands over an earlier one."""
        given = body.get("usage")
        found = tokens.find(body, self._quirks)
        if found is None:
            return given is not None
        own = self.usage_body
        if own is None:
            self.usage_body = found
        elif any(tokens.count(value) for value in found.values()):  # not the zeros that some end with
            self.usage_body = {**own, **found}
        return True

    def _choice(self, choice: Json, position: int) -> int:
        """Tidy one choice; its flags."""
        flags = 0
        index: Any = choice.get("index")
        if index.__class__ is not int:
            index = choice["index"] = position
            flags = CHANGED
        state = self._choices.get(index) or self._open(index)
        delta: Any = choice.get("delta")
        if delta.__class__ is not dict:
            delta = _delta(choice)
            flags = CHANGED
        for name, value in delta.items():
            if value is None or (name == "role" and value == "assistant"):
                continue
            if name != "content" or value.__class__ is not str:
                flags |= self._delta(delta, state)
                break
        else:
            if text := delta.get("content"):
                self.chars += len(text)
                flags |= CONTENT
        if choice.get("finish_reason") is not None:
            flags |= self._reason(choice, state)
        if choice.get("logprobs") is not None and logprobs.tidy(choice):
            flags |= CHANGED
        if choice.get("error"):
            self.error = embedded({"choices": [choice]})
        return flags

    def _open(self, index: int) -> "_Choice":
        state = self._choices[index] = _Choice(f"{self._request_id}:{index}")
        return state

    def _delta(self, delta: Json, state: "_Choice") -> int:
        """Tidy a delta that holds more than text; its flags."""
        changed = message.tidy(delta, self._quirks.reasoning_field)
        if delta.get("role") not in (None, "assistant"):
            delta["role"], changed = "assistant", True
        if delta.get("tool_calls") is not None:
            changed = state.calls.tidy(delta) or changed
        if delta.get("audio") is not None:
            changed = message.tidy_audio(delta) or changed
        held, chars = message.substance(delta)
        self.chars += chars
        return (CHANGED if changed else 0) | (CONTENT if held else 0)

    def _reason(self, choice: Json, state: "_Choice") -> int:
        """OpenAI's word for the finish reason; the provider's own is kept beside it."""
        own = choice["finish_reason"]
        word = own if own.__class__ is str and own in words.OPENAI else words.translate(own)
        if word == words.ERROR:
            self.error = embedded({"choices": [choice]})
        if word is not None:
            state.finished = True
            self.finish_reason = word
        if word == own:
            return FINISH
        choice["finish_reason"] = word
        if word is None:
            return CHANGED
        choice.setdefault("native_finish_reason", own)
        return CHANGED | FINISH

    def _end(self, out: list[Chunk]) -> None:
        """[DONE]: choices that hold something and never finished get the finish they lack."""
        self.done = True
        if not self.saw_content:
            return
        for index, state in self._choices.items():
            if not state.finished:
                state.finished = True
                self.finish_reason = "tool_calls" if state.calls else "stop"
                out.append(self._finish(index, self.finish_reason))

    def _finish(self, index: int, reason: str) -> Chunk:
        choice: Json = {"index": index, "delta": {}, "logprobs": None, "finish_reason": reason}
        return Chunk(codec.write(self.chunk_of(choice)), finish=True)

    def chunk_of(self, choice: Json) -> Json:
        """A chunk of this stream that the provider did not send: its id and model are those of the others."""
        body = {name: self._last[name] for name in ENVELOPE if name in self._last}
        body["choices"] = [choice]
        self._enclose(body)
        return body

    def _plain(self, out: list[Chunk]) -> None:
        """A body without any event: some servers answer a stream request with plain JSON, mostly an error."""
        self._seen = True
        try:
            answer = decode(
                self._head,
                model=self._model,
                request_id=self._request_id,
                created=self._created,
                quirks=self._quirks,
            )
        except ErrorBody as error:
            self.error = error.info
        except Malformed as error:
            self.error = ErrorInfo(error.message, type=MALFORMED)
        else:
            self._chunk(_as_chunk(answer.body), b"", out)


class _Choice:
    """What is known of one choice of the stream."""

    __slots__ = ("calls", "finished")

    def __init__(self, seed: str) -> None:
        self.calls = Pieces(seed)
        self.finished = False


def _is_complete(event: bytes) -> bool:
    """Whether an event whose last blank line is missing is whole all the same."""
    try:
        codec.read(event)
    except ValueError:
        return event.strip() == b"[DONE]"
    return True


def _delta(choice: Json) -> Json:
    """The delta of a choice that has none: a whole message, or the text of the older API."""
    said, text = choice.pop("message", None), choice.get("text")
    if not codec.is_object(said):
        said = {"content": text} if isinstance(text, str) else {}
    choice["delta"] = said
    return said


def _as_chunk(body: Json) -> Json:
    """A whole answer as one chunk."""
    for choice in body["choices"]:
        choice["delta"] = choice.pop("message")
        for number, call in enumerate(choice["delta"].get("tool_calls") or ()):
            call["index"] = number
    return body
