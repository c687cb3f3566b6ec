"""Whatever a provider sends, what goes out is valid for OpenAI's own types, or it is an error."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import Decoder, ErrorBody, Malformed, decode, error_of
from xroute.errors import CutError
from xroute.wire.usage import Usage

QUIRKS = Quirks()

words = st.sampled_from(
    ["", "stop", "eos", "tool_calls", "text", "assistant", "user", "x", "7", "url_citation"]
)
scalars = st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | words | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def objects(*names: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of the fields that are read, of the right form or of any other."""
    optional: dict[Any, Any] = dict.fromkeys(names, anything)
    optional |= {name: field | anything for name, field in fields.items()}
    return st.fixed_dictionaries({}, optional=optional)


calls = st.lists(
    objects("id", "index", "type", "name", "arguments", "custom", function=objects("name", "arguments")),
    max_size=3,
)
entries = st.lists(
    objects("token", "logprob", "bytes", top_logprobs=st.lists(objects("token", "logprob", "bytes")))
)
citations = st.lists(
    objects("type", "url", "title", url_citation=objects("url", "title", "start_index", "end_index"))
)
messages = objects(
    "role",
    "content",
    "refusal",
    "reasoning",
    "reasoning_content",
    "thinking",
    "images",
    tool_calls=calls,
    annotations=citations,
    function_call=objects("name", "arguments"),
    audio=objects("id", "data", "transcript", "expires_at"),
)
choices = st.lists(
    objects(
        "index",
        "finish_reason",
        "text",
        message=messages,
        delta=messages,
        logprobs=objects("content", "refusal", "tokens", "token_logprobs", content=entries),
    ),
    max_size=3,
)
details = objects("cached_tokens", "audio_tokens", "reasoning_tokens", "text_tokens")
bodies = objects(
    "id",
    "object",
    "created",
    "model",
    "service_tier",
    "system_fingerprint",
    "metadata",
    "moderation",
    "obfuscation",
    choices=choices,
    usage=objects(
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "input_tokens",
        prompt_tokens_details=details,
        completion_tokens_details=details,
    ),
)


def decoder() -> Decoder:
    return Decoder(model="m", request_id="r1", created=9, quirks=QUIRKS, include_usage=True)


@given(bodies | anything)
def test_a_whole_answer_is_valid_for_openais_types_or_refused(body: Any) -> None:
    try:
        answer = decode(json.dumps(body).encode(), model="m", request_id="r1", created=9, quirks=QUIRKS)
    except (Malformed, ErrorBody) as error:
        assert error.message
        return
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)


@given(st.lists(bodies | anything, max_size=4), st.booleans())
def test_every_chunk_of_a_stream_is_valid_for_openais_types(events: list[Any], closed: bool) -> None:
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n" * closed
    reader = decoder()
    chunks = reader.feed(stream.encode())
    try:
        chunks += reader.finish()
    except CutError:
        assert not reader.done
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk.raw, strict=True)
    ChatCompletionChunk.model_validate_json(reader.usage_chunk(Usage(1, 2), {"cost": 0.5}), strict=True)
    assert reader.usage is None or reader.usage.input >= reader.usage.cached


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_bytes_of_any_kind_never_crash_the_readers(raw: bytes) -> None:
    assert error_of(500, {}, raw).message
    reader = decoder()
    try:
        reader.feed(raw)
        reader.finish()
    except CutError:
        assert not reader.done
    try:
        decode(raw, model="m", request_id="r1", created=9, quirks=QUIRKS)
    except (Malformed, ErrorBody) as error:
        assert error.message


@given(bodies | anything)
def test_any_error_body_gives_a_message(body: Any) -> None:
    info = error_of(400, {}, json.dumps(body).encode())
    assert info.message
    assert info.code is None or isinstance(info.code, str)
    assert info.status is None or 400 <= info.status < 600
