"""The side of a client of the Responses API: responses, streams of events and errors."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.surface import DONE, error_object
from xroute.dialects.openai_responses import order
from xroute.dialects.openai_responses.asked import Names
from xroute.dialects.openai_responses.events import COMPLETED, INCOMPLETE, Tape
from xroute.dialects.openai_responses.message import entries
from xroute.dialects.openai_responses.output import Output
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}

# What `error.code` may be: https://developers.openai.com/api/reference/resources/responses. Codex reads
# context_length_exceeded: https://github.com/openai/codex, codex-rs/codex-api; both read 2026-11-21.
_CODES = {
    "rate_limit_exceeded": "rate_limit_exceeded",
    "invalid_prompt": "invalid_prompt",
    "context_length_exceeded": "context_length_exceeded",
}

_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
_INS, _OUTS = "prompt_tokens_details", "completion_tokens_details"


class ResponsesSurface:
    """The responses of one call. `response` is the one that was written last, finished or failed."""

    dialect = "openai_responses"

    def __init__(
        self,
        echoed: Json,
        names: Names,
        response_id: str = "",
        now: Callable[[], float] | None = None,
    ) -> None:
        """`echoed` are the fields that the request decides; `now` gives Unix seconds, for `completed_at`."""
        self.echoed = echoed
        self.names = names
        self.response_id = response_id
        self.now = now
        self.created = int(now()) if now else 0  # 0: as the answer says
        self.response: Json | None = None
        self.keep: Callable[[Json], None] | None = (
            None  # gets each response that ends, before the client does
        )

    def __repr__(self) -> str:
        return f"<ResponsesSurface {self.response_id}>"

    def write(self, body: Json) -> bytes:
        if "choices" not in body:
            return write_count(tokens.count(body.get("input_tokens")) or 0)
        writer = Writer(self, _bare(str(body.get("id") or "")), body.get("created") or 0, silent=True)
        choices: list[Json] = body["choices"] or [{}]
        writer.look(body)
        writer.whole(choices[0])
        writer.close(body.get("usage"))
        return codec.write(self.response)

    def encoder(self, request_id: str, created: int) -> "ResponsesEncoder":
        return ResponsesEncoder(self, request_id, created)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)

    def begun(self, status: str) -> Json:
        """The response before there is any of it."""
        return {**Writer(self, "", 0, silent=True).body(status, []), "usage": None}

    def end(self, response: Json) -> None:
        """This is how it ended."""
        self.response = response
        if self.keep is not None:
            self.keep(response)


class Writer:
    """One response, from pieces of canonical form."""

    def __init__(
        self, surface: ResponsesSurface, request_id: str, created: int, *, silent: bool = False
    ) -> None:
        self._surface = surface
        self._created = surface.created or created
        self.tape = Tape(silent=silent)
        self.id = surface.response_id or f"resp_{_bare(request_id)}"
        self.output = Output(self.tape, self.id.removeprefix("resp_"), surface.names)
        self._model = ""
        self._tier = ""
        self._reason = ""

    def look(self, body: Json) -> None:
        """What stands in an answer or a chunk besides its choices."""
        self._model = body.get("model") or self._model
        if isinstance(tier := body.get("service_tier"), str) and tier:
            self._tier = tier

    def begin(self) -> None:
        """The events that begin a stream."""
        for name in ("response.created", "response.in_progress"):
            self.tape.emit(name, response={**self.body("in_progress", []), "usage": None})

    def delta(self, choice: Json) -> None:
        """The next piece of the answer."""
        self._reason = choice.get("finish_reason") or self._reason
        delta: Json = choice.get("delta") or {}
        output = self.output
        if delta.get("reasoning") or delta.get("reasoning_details"):
            output.think(delta.get("reasoning") or "", entries(delta.get("reasoning_details")))
        if text := delta.get("content"):
            output.say(text, _logprobs(choice))
        if refusal := delta.get("refusal"):
            output.refuse(refusal)
        self._besides(delta)
        for piece in entries(delta.get("tool_calls")):
            output.call(piece)
        output.phase(delta.get("phase"))

    def whole(self, choice: Json) -> None:
        """A whole answer, its items in the order that was noted."""
        self._reason = choice.get("finish_reason") or self._reason
        said: Json = choice.get("message") or {}
        native = entries(said.get("native_content"))
        noted = order.find(native)
        have: dict[str, list[Any]] = {
            "reasoning": _thoughts(said),
            "native": native,
            "message": _messages(said, noted),
            "call": _numbered(said),
        }
        for write in order.arrange(noted, {kind: self._writes(kind, have[kind], choice) for kind in have}):
            write()
        self._besides(said, with_native=False)

    def _writes(self, kind: str, given: list[Any], choice: Json) -> list[Callable[[], None]]:
        """What writes each of the items of one kind, when its turn comes."""
        output = self.output
        if kind == "reasoning":
            return [partial(output.think, text, details) for text, details in given]
        if kind == "message":
            return [partial(self._message, *each, choice) for each in given]
        return [partial(output.call if kind == "call" else output.native, each) for each in given]

    def _message(self, text: str, phase: Any, refusal: str, choice: Json) -> None:
        self.output.message(text, phase, _logprobs(choice))
        if refusal:
            self.output.refuse(refusal)

    def _besides(self, said: Json, *, with_native: bool = True) -> None:
        """Annotations, pictures, and what ran at the provider."""
        for name in ("annotations", "other_annotations"):
            for annotation in entries(said.get(name)):
                self.output.cite(annotation)
        native = entries(said.get("native_content"))
        for block in native if with_native else ():
            self.output.native(block)
        if not any(block.get("type") == "image_generation_call" for block in native):
            for image in entries(said.get("images")):
                self.output.image(image)

    def close(self, usage: Any) -> str:
        """The end of a good answer; its status. Sets the surface's response."""
        status = INCOMPLETE if self._reason in _REASONS else COMPLETED
        self.output.finish(status)
        body = self.body(status, self.output.items)
        body["usage"] = usage_of(usage)
        if status == INCOMPLETE:
            body["incomplete_details"] = {"reason": _REASONS[self._reason]}
        else:
            body["completed_at"] = self._time()
        self._surface.end(body)
        return status

    def fail(self, error: CallError, request_id: str) -> Json:
        """The failed response, with what there is of an answer. Sets the surface's response."""
        self.output.abandon()
        body = self.body("failed", self.output.items)
        body["usage"] = None
        body["error"] = failure(error, request_id)
        self._surface.end(body)
        return body

    def body(self, status: str, output: list[Json]) -> Json:
        """The response object; without `usage`, which is to be set."""
        echoed = self._surface.echoed
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "completed_at": None,
            "status": status,
            "incomplete_details": None,
            "error": None,
            **echoed,
            "model": self._model or echoed.get("model") or "",
            "service_tier": self._tier or echoed.get("service_tier") or "default",
            "output": output,
        }

    def _time(self) -> int:
        now = self._surface.now
        return max(int(now()), self._created) if now else self._created


class ResponsesEncoder:
    """The events of one stream."""

    def __init__(self, surface: ResponsesSurface, request_id: str, created: int) -> None:
        self._request_id = request_id
        self._writer = Writer(surface, request_id, created)
        self._surface = surface
        self._begun = False
        self._head, self._tail = b"", b""  # of chunks that differ in their text alone

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        """The events for these chunks."""
        for chunk in chunks:
            raw = chunk.raw
            if not (self._head and raw.startswith(self._head) and raw.endswith(self._tail)):
                self._read(chunk)
                continue
            text = raw[len(self._head) : len(raw) - len(self._tail)]
            plain = text.count(b'"') == 2 and text[-2:-1] != b"\\" and b"\\u" not in text
            if not plain or not self._writer.output.quoted(text):
                self._read(chunk)
        return self._writer.tape.taken()

    def _read(self, chunk: Chunk) -> None:
        body: Any = chunk.body if chunk.body is not None else codec.read(chunk.raw)
        self._begin(body)
        choices: list[Json] = body.get("choices") or []
        for choice in choices:
            if not choice.get("index"):  # only the first answer has a place here
                self._writer.delta(choice)
        if len(choices) == 1 and not self._head:
            self._learn(chunk.raw, choices[0])

    def _learn(self, raw: bytes, choice: Json) -> None:
        """Remembers what stands around the text, so that chunks which differ in it alone need no parsing."""
        delta: Json = choice.get("delta") or {}
        told = any(choice.get(name) for name in ("index", "logprobs", "finish_reason"))
        if told or delta.keys() != {"content"} or raw.count(b'"content":') != 1:
            return
        start = raw.index(b'"content":') + len(b'"content":')
        end = raw.find(b'"', start + 1) + 1
        if raw[start:end] == codec.write(delta["content"]):
            self._head, self._tail = raw[:start], raw[end:]

    def finish(self, last: bytes) -> bytes:
        """The ends of what is open, the usage and the finished response."""
        ending: Json = codec.read(last) if last else {}
        self._begin(ending)
        status = self._writer.close(ending.get("usage"))
        self._writer.tape.emit(f"response.{status}", response=self._surface.response)
        return self._writer.tape.taken() + DONE

    def fail(self, error: CallError, chunk: Json) -> bytes:
        """response.failed, after which nothing comes."""
        self._begin(chunk)
        response = self._writer.fail(error, self._request_id)
        self._writer.tape.emit("response.failed", response=response)
        return self._writer.tape.taken() + DONE

    def _begin(self, body: Json) -> None:
        self._writer.look(body)
        if not self._begun:
            self._begun = True
            self._writer.begin()


def refuse(error: CallError, request_id: str) -> bytes:
    """The body of an error answer: OpenAI's, and our word once more beside it."""
    return codec.write({"error": error_object(error, request_id), "error_type": error.error_type})


def write_count(number: int) -> bytes:
    """The answer to a count of tokens."""
    return codec.write({"object": "response.input_tokens", "input_tokens": number})


def failure(error: CallError, request_id: str) -> Json:
    """The `error` of a failed response."""
    own = error_object(error, request_id)
    return {
        "code": _CODES.get(error.error_type, "server_error"),
        "message": error.message,
        "type": own["type"],
        "param": own["param"],
        "error_type": error.error_type,
        "metadata": own["metadata"],
    }


def usage_of(given: Any) -> Json | None:
    """OpenAI's chat usage in the Responses API's words, our own fields kept; None where nothing counted."""
    if not codec.is_object(given) or not any(name in given for name in _USAGE):
        return None
    ins, outs = _details(given, _INS), _details(given, _OUTS)
    count = {name: tokens.count(given.get(name)) or 0 for name in _USAGE}
    kept = {name: value for name, value in given.items() if name not in (*_USAGE, _INS, _OUTS)}
    return {
        **kept,  # Anthropic's own input_tokens, without what its cache holds, must not stand over ours
        "input_tokens": count["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, **ins},
        "output_tokens": count["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0, **outs},
        "total_tokens": count["total_tokens"] or count["prompt_tokens"] + count["completion_tokens"],
    }


def _details(usage: Json, name: str) -> Json:
    found: Any = usage.get(name)
    return (
        {word: value for word, value in found.items() if value is not None} if codec.is_object(found) else {}
    )


def _logprobs(choice: Json) -> list[Json]:
    found: Any = choice.get("logprobs")
    given = entries(found.get("content")) if codec.is_object(found) else []
    return [{**each, "bytes": each.get("bytes") or [], "top_logprobs": _top(each)} for each in given]


def _top(each: Json) -> list[Json]:
    return [{**other, "bytes": other.get("bytes") or []} for other in entries(each.get("top_logprobs"))]


def _thoughts(said: Json) -> list[tuple[str, list[Json]]]:
    """The reasoning of a whole message as (text, details) of each of its items."""
    groups: list[list[Json]] = []
    known = ""
    for entry in entries(said.get("reasoning_details")):
        id_ = entry.get("id") or ""
        if not groups or (id_ and known and id_ != known):
            groups.append([])
        known = id_ or known
        groups[-1].append(entry)
    text = said.get("reasoning") or ""
    if not groups:
        return [(text, [])] if text else []
    return [(text if number == 0 else "", group) for number, group in enumerate(groups)]


def _messages(said: Json, noted: Json | None) -> list[tuple[str, Any, str]]:
    """(text, phase, refusal) of each message; the refusal stands in the last one."""
    text: Any = said.get("content")
    parts: list[tuple[str, Json]] = order.split(noted, text) if isinstance(text, str) and text else []
    refusal: str = said.get("refusal") or ""
    if refusal and not parts:
        parts = [("", {})]
    last = len(parts) - 1
    return [
        (text, note.get("phase") or said.get("phase"), refusal if place == last else "")
        for place, (text, note) in enumerate(parts)
    ]


def _numbered(said: Json) -> list[Json]:
    return [{**call, "index": place} for place, call in enumerate(entries(said.get("tool_calls")))]


def _bare(id_: str) -> str:
    """What makes an id unique, without its kind."""
    return id_.rpartition("-")[2].rpartition("_")[2] or id_
