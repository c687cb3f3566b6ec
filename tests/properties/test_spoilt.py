"""Whatever a provider sends, its errors are known ones, and every surface can write the rest."""

from typing import Any

import orjson
import pytest

from xroute import dialects
from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Malformed
from xroute.dialects.anthropic.parse import parse as parse_messages
from xroute.dialects.bedrock import embeddings
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.dialects.openai.parse import parse as parse_chat
from xroute.dialects.openai_responses.parse import parse as parse_responses
from xroute.wire.call import Call

KNOWN: dict[str, Any] = {"model": "m", "request_id": "r", "created": 1, "quirks": Quirks()}
CALLS: dict[str, Call] = {
    "chat": parse_chat(b'{"model":"m","messages":[{"role":"user","content":"x"}]}'),
    "messages": parse_messages(
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"thinking":{"type":"adaptive"}}'
    ),
    "gemini": parse_gemini(b'{"contents":[{"parts":[{"text":"x"}]}]}', "m", stream=True),
    "responses": parse_responses(b'{"model":"m","input":"x"}'),
}
ODD: list[dict[str, Any]] = [
    {"reasoning_details": 0.5},
    {"reasoning_details": [None, {"type": "reasoning.encrypted", "id": []}, {"id": "x", "data": {}}]},
    {"images": [None, {"image_url": 5}]},
    {"annotations": [None, {"url_citation": 5}]},
    {"native_content": [{"type": []}]},
]


@pytest.mark.parametrize("surface", CALLS)
@pytest.mark.parametrize("more", ODD)
def test_odd_fields_beside_an_answer_do_not_break_its_writing(surface: str, more: dict[str, Any]) -> None:
    choice: dict[str, Any] = {"index": 0, "finish_reason": ["stop"], "message": {"content": "Hi", **more}}
    raw = orjson.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
    answer = dialects.get("openai").decode(raw, **KNOWN)
    assert b"Hi" in CALLS[surface].surface.write({**answer.body, "usage": {}})


@pytest.mark.parametrize("surface", CALLS)
@pytest.mark.parametrize("more", ODD)
def test_odd_fields_beside_a_stream_do_not_break_its_writing(surface: str, more: dict[str, Any]) -> None:
    decoder = dialects.get("openai").Decoder(**KNOWN, include_usage=True)
    encoder = CALLS[surface].surface.encoder("r", 1)
    about = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks: list[Any] = []
    for delta, finish in (({"content": "Hi", **more}, None), ({}, "stop")):
        event = {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        chunks += decoder.feed(b"data: %b\n\n" % orjson.dumps(event))
    raw = encoder.feed(chunks + decoder.feed(b"data: [DONE]\n\n")) + encoder.finish(b"")
    assert b"Hi" in raw


@pytest.mark.parametrize("index", [{}, [], "x", None])
def test_an_odd_place_in_a_stream_of_cohere_is_the_first(index: Any) -> None:
    decoder = dialects.get("cohere").Decoder(**KNOWN)
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    for kind, message in (
        ("content-start", {"content": {"thinking": "x"}}),
        ("tool-call-start", {"tool_calls": call}),
    ):
        event = {"type": kind, "index": index, "delta": {"message": message}}
        assert decoder.feed(b"data: %b\n\n" % orjson.dumps(event))
    assert decoder.error is None


@pytest.mark.parametrize("choice", [{"index": {}, "text": "x"}, {"index": 0, "text": 5}, {"text": ["x"]}])
def test_an_odd_choice_of_an_old_completion_passes(choice: dict[str, Any]) -> None:
    part: Any = dialects.part("completions", "native")
    decoder = part.Decoder(**KNOWN)
    assert decoder.feed(b"data: %b\n\n" % orjson.dumps({"choices": [choice]}))
    assert decoder.error is None


def test_a_vector_that_is_none_is_no_answer() -> None:
    with pytest.raises(Malformed):
        embeddings.decode(orjson.dumps({"embeddings": [{"embedding": [0.5]}, -1]}), **KNOWN)
