"""An answer in OpenAI's forms: one completion, or the events of a stream."""

import hashlib
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

import orjson

from xroute.sim.answer import Answer, Call, Choice
from xroute.sim.shape import table

CREATED = 1_735_689_600  # 2025-01-01: an answer does not change with the hour it was given
DONE = b"data: [DONE]\n\n"
_FINGERPRINT = "fp_xroute_simulator"
_OTHERS = (" the", " and", " of", " to", " in", " that", " it", " was", " as", " for")


def completion(answer: Answer, body: dict[str, Any]) -> bytes:
    """The whole answer as a `chat.completion`."""
    return orjson.dumps(
        {
            "id": answer.id,
            "object": "chat.completion",
            "created": CREATED,
            "model": answer.model,
            "choices": choices(answer, body),
            "usage": usage(answer),
            "system_fingerprint": _FINGERPRINT,
        }
    )


def choices(answer: Answer, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices of a whole answer."""
    return [_choice(choice, index, body) for index, choice in enumerate(answer.choices)]


def usage(answer: Answer) -> dict[str, Any]:
    """Token counts, with their details."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.prompt_tokens + answer.tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(len(choice.reasoning) for choice in answer.choices),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _choice(choice: Choice, index: int, body: dict[str, Any]) -> dict[str, Any]:
    has_text = bool(choice.pieces) or not choice.calls
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(choice.pieces) if has_text else None,
        "refusal": None,
        "annotations": [],
    }
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.calls:
        message["tool_calls"] = [_call(call, "".join(call.pieces)) for call in choice.calls]
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(choice.pieces, body),
        "finish_reason": choice.finish,
    }


def _call(call: Call, text: str) -> dict[str, Any]:
    key = "arguments" if call.kind == "function" else "input"
    return {"id": call.id, "type": call.kind, call.kind: {"name": call.name, key: text}}


def _logprobs(pieces: list[str], body: dict[str, Any]) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    count = body.get("top_logprobs") or 0
    return {"content": [_logprob(piece, count) for piece in pieces], "refusal": None}


def _logprob(piece: str, count: int) -> dict[str, Any]:
    """A token and the likeliest ones in its place, itself first; drawn from the token itself."""
    first = -hashlib.blake2b(piece.encode(), digest_size=1).digest()[0] / 256
    others = [other for other in _OTHERS * 2 if other != piece]
    top = [_token(other, round(first - i, 4)) for i, other in enumerate([piece, *others][:count])]
    return _token(piece, round(first, 4)) | {"top_logprobs": top}


def _token(piece: str, logprob: float) -> dict[str, Any]:
    return {"token": piece, "logprob": logprob, "bytes": list(piece.encode())}


Turn = tuple[int, dict[str, Any], str | None, dict[str, Any] | None]


def turns(answer: Answer, body: dict[str, Any]) -> Iterator[Turn]:
    """(index, delta, finish reason, logprobs) of each event of a stream: the choices take turns.

    The last piece of a reasoning has `reasoning_ends` beside it.
    """
    each = [_deltas(choice, index, body) for index, choice in enumerate(answer.choices)]
    if len(each) == 1:
        return each[0]
    return (turn for turn in chain.from_iterable(zip_longest(*each)) if turn)


def _deltas(choice: Choice, index: int, body: dict[str, Any]) -> Iterator[Turn]:
    role = {"role": "assistant", "content": None if choice.calls else "", "refusal": None}
    yield index, role, None, None
    last = len(choice.reasoning) - 1
    for place, piece in enumerate(choice.reasoning):
        yield index, {"reasoning_content": piece, "reasoning_ends": place == last}, None, None
    for piece in choice.pieces:
        yield index, {"content": piece}, None, _logprobs([piece], body)
    for position, call in enumerate(choice.calls):
        yield index, {"tool_calls": [{"index": position, **_call(call, "")}]}, None, None
        key = "arguments" if call.kind == "function" else "input"
        for piece in call.pieces:
            yield index, {"tool_calls": [{"index": position, call.kind: {key: piece}}]}, None, None
    yield index, {}, choice.finish, None


class Stream:
    """The same answer as `chat.completion.chunk` events."""

    def __init__(self, answer: Answer, body: dict[str, Any]) -> None:
        self._with_usage = is_counted(body)
        self._answer = answer
        self._body = body
        self._frame: dict[str, Any] = {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": answer.model,
            "system_fingerprint": _FINGERPRINT,
        }

    def events(self) -> Iterator[bytes]:
        """Every event before `[DONE]`."""
        for index, delta, finish, logprobs in turns(self._answer, self._body):
            delta.pop("reasoning_ends", None)
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            yield self._event([choice], None)
        if self._with_usage:
            yield self._event([], usage(self._answer))

    def _event(self, choices: list[dict[str, Any]], counts: dict[str, Any] | None) -> bytes:
        data = {**self._frame, "choices": choices}
        if self._with_usage:
            data["usage"] = counts
        return b"data: %b\n\n" % orjson.dumps(data)


def is_counted(body: dict[str, Any]) -> bool:
    """Whether a stream is to end with its usage."""
    return bool(table(body.get("stream_options")).get("include_usage"))
