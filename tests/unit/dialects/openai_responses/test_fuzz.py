"""Whatever a provider sends, it is read or refused: nothing else is raised."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.openai_responses import Decoder, count_tokens, decode, native, stream
from xroute.errors import CutError

GIVEN: dict[str, Any] = {"model": "m", "request_id": "r", "created": 1, "quirks": Quirks()}
KINDS = [
    *sorted({*stream.DELTAS, *stream.DONES, *stream.ENDS, *stream.BEGINS, "error", ""}),
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.annotation.added",
]
WORDS = [
    "message", "reasoning", "function_call", "custom_tool_call", "image_generation_call", "refusal",
    "url_citation", "incomplete", "output_text",
]  # fmt: skip
FIELDS = [
    "type", "item", "response", "output", "content", "summary", "text", "delta", "arguments", "input", "name",
    "error", "call_id", "id", "output_index", "content_index", "summary_index", "annotation", "annotations",
    "status", "logprobs", "usage", "input_tokens", "output_tokens", "incomplete_details", "reason",
    "encrypted_content", "phase", "result", "url",
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)


@given(st.lists(st.tuples(st.sampled_from(KINDS), OBJECTS), max_size=5))
def test_any_events(events: list[tuple[str, dict[str, Any]]]) -> None:
    for kind in (Decoder, native.Decoder):
        reader = kind(**GIVEN, include_usage=True)
        for name, body in events:
            event = {**body, "type": name} if name else body
            for chunk in reader.feed(f"data: {json.dumps(event)}\n\n".encode()):
                assert kind is native.Decoder or json.loads(chunk.raw)["object"] == "chat.completion.chunk"
        try:
            reader.finish()
        except CutError:
            assert not reader.done


@given(OBJECTS | VALUES)
def test_any_body(body: Any) -> None:
    raw = json.dumps(body).encode()
    for read in (decode, native.decode):
        try:
            answer = read(raw, **GIVEN)
        except (Malformed, ErrorBody):
            continue
        if read is decode:
            ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    with suppress(Malformed, ErrorBody):
        assert count_tokens.decode(raw) >= 0


@given(st.lists(OBJECTS, max_size=4))
def test_any_output(output: list[Any]) -> None:
    try:
        answer = decode(json.dumps({"output": output}).encode(), **GIVEN)
    except (Malformed, ErrorBody):
        return
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
