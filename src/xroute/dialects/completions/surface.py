"""Answers and streams of chat as text completions."""

from collections.abc import Sequence
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.surface import DONE, error_object, refuse
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

KIND = "text_completion"
FINISHES = ("stop", "length", "content_filter")
_SAID = ("content", "reasoning", "refusal")
_PLACED = ("index", "message", "delta", "logprobs", "finish_reason")


class CompletionsSurface:
    """Text completions; `dialect` is that of deployments with an endpoint of theirs."""

    dialect = "completions"

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def write(self, body: Json) -> bytes:
        choices = [_choice(choice, choice["message"], 0) for choice in body["choices"]]
        return codec.write({**body, "object": KIND, "choices": choices})

    def encoder(self, request_id: str, created: int) -> "CompletionsEncoder":
        return CompletionsEncoder(request_id, include_usage=self._include_usage)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)


class CompletionsEncoder:
    """Chunks of chat as events with text; those without text or an end mean nothing here."""

    __slots__ = ("_include_usage", "_offsets", "_request_id")

    def __init__(self, request_id: str, *, include_usage: bool) -> None:
        self._request_id = request_id
        self._include_usage = include_usage
        self._offsets: dict[int, int] = {}  # choice -> characters so far, as logprobs count them

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        return b"".join([self._event(chunk.body or codec.read(chunk.raw)) for chunk in chunks])

    def finish(self, last: bytes) -> bytes:
        if not last or not self._include_usage:
            return DONE
        return b"data: %b\n\n%b" % (codec.write({**codec.read(last), "object": KIND}), DONE)

    def fail(self, error: CallError, chunk: Json) -> bytes:
        """An event with a top-level `error` and `finish_reason: "error"`, then [DONE]."""
        choices = [{"text": "", "index": 0, "logprobs": None, "finish_reason": "error"}]
        told = error_object(error, self._request_id)
        body = {**chunk, "object": KIND, "choices": choices, "error": told}
        return b"data: %b\n\n%b" % (codec.write(body), DONE)

    def _event(self, body: Json) -> bytes:
        choices: list[Json] = []
        for choice in body["choices"]:
            delta: Any = choice.get("delta") or {}
            if not any(delta.get(name) for name in _SAID) and not choice.get("finish_reason"):
                continue
            index = choice["index"]
            written = _choice(choice, delta, self._offsets.get(index, 0))
            self._offsets[index] = self._offsets.get(index, 0) + len(written["text"])
            choices.append(written)
        if not choices:
            return b""
        return b"data: %b\n\n" % codec.write({**body, "object": KIND, "choices": choices})


def _choice(choice: Json, said: Json, offset: int) -> Json:
    """A choice with its text; a refusal is text as well, and reasoning stands beside it."""
    reason: Any = choice.get("finish_reason")
    written: Json = {name: value for name, value in choice.items() if name not in _PLACED}
    written |= {
        "text": said.get("content") or said.get("refusal") or "",
        "index": choice["index"],
        "logprobs": _logprobs(choice.get("logprobs"), offset),
        "finish_reason": reason if reason in FINISHES else "stop" if reason else None,
    }
    if said.get("reasoning"):
        written["reasoning"] = said["reasoning"]
    return written


def _logprobs(given: Any, offset: int) -> Json | None:
    """The tokens of chat's logprobs in the four lists of the old form."""
    content: Any = given.get("content") if codec.is_object(given) else None
    if not codec.is_list(content) or not content:
        return None
    offsets: list[int] = []
    for item in content:
        offsets.append(offset)
        offset += len(item["token"])
    return {
        "tokens": [item["token"] for item in content],
        "token_logprobs": [item["logprob"] for item in content],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in item.get("top_logprobs") or ()} for item in content
        ],
        "text_offset": offsets,
    }
