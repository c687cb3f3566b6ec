"""No request breaks the encoder of Converse; the counting of tokens is a part of it."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dialects.bedrock.making import ASK, CLAUDE_5, LLAMA, NOVA_2, OSS, SONNET, WEATHER, Json
from tests.wire.converse import complaints

from xroute.catalog.entries import Quirks
from xroute.dialects.bedrock import count_tokens, encode


def test_a_question_for_the_number_of_tokens_holds_what_is_counted() -> None:
    body = {**ASK, "tools": [WEATHER], "max_tokens": 5, "temperature": 0.5}
    encoded = count_tokens.encode(body, upstream=SONNET, quirks=Quirks())
    assert complaints(encoded.body, "CountTokens") == ""
    assert set(encoded.body["input"]["converse"]) == {"messages", "toolConfig"}
    assert count_tokens.decode(b'{"inputTokens": 12}') == 12


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file", "input_audio", "video_url", "refusal", "odd"])},
    optional={
        name: JSON | st.text(max_size=4)
        for name in ("text", "image_url", "file", "input_audio", "cache_control")
    },
)
NATIVE = st.dictionaries(
    st.sampled_from(["toolUse", "toolResult", "image", "cachePoint", "text"]), JSON, max_size=2
)
FIELDS = (
    "tools", "tool_choice", "response_format", "reasoning", "stop", "temperature", "metadata", "service_tier",
    "additionalModelRequestFields", "top_k", "thinking", "max_tokens",
)  # fmt: skip
SAID = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer", "odd"])},
    optional={
        "content": JSON | st.lists(PART | NATIVE, max_size=3),
        "tool_calls": JSON | st.lists(st.dictionaries(st.sampled_from(["id", "function", "custom"]), JSON)),
        "reasoning_details": JSON | st.lists(JSON, max_size=2),
        "native_content": JSON,
        "tool_call_id": JSON,
        "cache_control": JSON,
    },
)


@given(
    st.fixed_dictionaries(
        {"messages": st.lists(SAID, max_size=4)},
        optional=dict.fromkeys(
            ("tools", "tool_choice", "response_format", "reasoning", "stop", "temperature", "metadata"), JSON
        ),
    ),
    st.sampled_from([SONNET, CLAUDE_5, NOVA_2, LLAMA, OSS]),
)
def test_no_request_breaks_the_encoder_or_is_changed_by_it(body: Json, upstream: str) -> None:
    before = copy.deepcopy(body)
    encoded = encode(body, upstream=upstream, quirks=Quirks())
    assert body == before
    assert all(turn["content"] for turn in encoded.body.get("messages", []))
