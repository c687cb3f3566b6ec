"""Whole answers of Gemini in canonical form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.gemini import ErrorBody, Malformed, count_tokens, decode, error_of, native
from xroute.dialects.gemini.fault import retry_after_s

FORMAT = "google-gemini-v1"


def read(body, dialect=decode):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return dialect(raw, model="asked", request_id="r1", created=5, quirks=Quirks())


def answer(*parts, finish="STOP", **more):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, **more}
    return read({"candidates": [candidate]})


def message(*parts, **more):
    found = answer(*parts, **more)
    ChatCompletion.model_validate_json(json.dumps(found.body), strict=True)
    return found.body["choices"][0]["message"]


def test_the_envelope_is_the_providers() -> None:
    body = {
        "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP", "avgLogprobs": -0.1}],
        "responseId": "id1",
        "modelVersion": "gemini-x",
        "createTime": "2026-11-21T10:00:00.123Z",
        "usageMetadata": {"promptTokenCount": 1, "serviceTier": "standard"},
    }
    found = read(body).body
    assert (found["id"], found["model"], found["created"], found["service_tier"]) == (
        "id1",
        "gemini-x",
        1795255200,
        "default",
    )
    assert found["choices"][0]["avg_logprobs"] == -0.1
    bare = read({"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}).body
    assert (bare["id"], bare["model"], bare["created"]) == ("chatcmpl-r1", "asked", 5)


def test_thoughts_are_reasoning_and_their_signatures_are_kept() -> None:
    said = message(
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "s1"},
        {"text": "c", "thought": True},
        {"text": "so", "thoughtSignature": "s2"},
    )
    assert (said["reasoning"], said["content"]) == ("abc", "so")
    assert said["reasoning_details"] == [
        {"type": "reasoning.text", "text": "ab", "signature": "s1", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "c", "format": FORMAT, "index": 1},
        {"type": "reasoning.encrypted", "data": "s2", "format": FORMAT, "index": 2},
    ]


def test_calls_have_ids_and_their_signature_names_them() -> None:
    found = answer(
        {"functionCall": {"name": "f", "args": {"a": [1, "ü"]}}, "thoughtSignature": "s"},
        {"functionCall": {"name": "g", "id": "own"}},
    )
    choice = found.body["choices"][0]
    first, second = choice["message"]["tool_calls"]
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "f", "arguments": '{"a":[1,"ü"]}'}
    assert (second["id"], second["function"]["arguments"]) == ("own", "{}")
    assert choice["message"]["reasoning_details"][0]["id"] == first["id"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "STOP")


def test_a_call_that_carries_the_answer_is_content() -> None:
    choice = answer({"functionCall": {"name": "xroute_answer", "args": {"a": 1}}}).body["choices"][0]
    assert choice["message"]["content"] == '{"a":1}'
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"


def test_images_sound_and_traces_are_kept() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"}
    said = message(
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}, "thoughtSignature": "s1"},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "QQ=="}},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "Qg=="}},
        {"inlineData": {"mimeType": "text/csv", "data": "QQ=="}},
        code,
    )
    assert said["images"] == [
        {"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    ]
    assert said["reasoning_details"][0]["id"] == "image_0"
    assert (said["audio"]["data"], said["audio"]["mime_type"]) == ("QUI=", "audio/L16;rate=24000")
    assert [part["type"] for part in said["native_content"]] == ["inlineData", "executableCode"]
    assert said["native_content"][1] == {"type": "executableCode", **code}


def test_sources_are_annotations_at_places_in_characters() -> None:
    metadata = {
        "groundingChunks": [
            {"web": {"uri": "https://a.test", "title": "A"}},
            {"retrievedContext": {"text": "x"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 9, "text": "wörd"}, "groundingChunkIndices": [0, 1, 7]}
        ],
    }
    said = message({"text": "ü a wörd"}, groundingMetadata=metadata)
    assert said["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://a.test", "title": "A", "start_index": 4, "end_index": 8},
        }
    ]
    assert said["grounding_metadata"] == metadata


def test_citations_of_recited_text_are_annotations() -> None:
    metadata = {
        "citationSources": [{"startIndex": 1, "endIndex": 3, "uri": "https://a.test"}, {"endIndex": 1}]
    }
    said = message({"text": "abc"}, citationMetadata=metadata)
    assert [item["url_citation"]["end_index"] for item in said["annotations"]] == [3]


def test_sources_without_a_segment_are_cited_as_a_whole() -> None:
    metadata = {"groundingChunks": [{"maps": {"uri": "https://m.test"}}]}
    assert message({"text": "a"}, groundingMetadata=metadata)["annotations"][0]["url_citation"] == {
        "url": "https://m.test",
        "title": "",
        "start_index": 0,
        "end_index": 0,
    }


@pytest.mark.parametrize(
    ("native_word", "word"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("A_NEW_WORD", "stop"),
        (2, "length"),
    ],
)
def test_finish_reasons_have_openais_words(native_word, word) -> None:
    choice = answer({"text": "a"}, finish=native_word).body["choices"][0]
    assert choice["finish_reason"] == word


def test_a_call_that_nobody_declared_is_a_call() -> None:
    found = answer({"functionCall": {"name": "f", "args": {}}}, finish="UNEXPECTED_TOOL_CALL")
    assert found.body["choices"][0]["finish_reason"] == "tool_calls"


def test_a_model_that_failed_without_a_word_gave_no_answer() -> None:
    with pytest.raises(ErrorBody, match="MALFORMED_FUNCTION_CALL: print") as caught:
        answer(finish="MALFORMED_FUNCTION_CALL", finishMessage="print(f())")
    assert caught.value.info.code == "malformed_function_call"
    assert not answer(finish="MAX_TOKENS").content
    assert not answer(finish="SAFETY").content


def test_a_blocked_prompt_is_a_refusal() -> None:
    found = read({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})
    choice = found.body["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("content_filter", "SAFETY")
    assert choice["message"]["refusal"] == "The prompt was blocked: SAFETY."
    assert found.usage is not None
    assert found.usage.input == 3


def test_log_probabilities_are_openais() -> None:
    result = {
        "chosenCandidates": [{"token": "ü", "logProbability": -0.5, "tokenId": 1}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "ü", "logProbability": -0.5}]}],
    }
    found = answer({"text": "übrig"}, logprobsResult=result).body["choices"][0]["logprobs"]["content"]
    assert found[0]["bytes"] == [195, 188]
    assert [entry["logprob"] for entry in found] == [-0.5, 0.0]
    assert [len(entry["top_logprobs"]) for entry in found] == [1, 0]


def test_usage_holds_every_token_and_the_providers_own_fields() -> None:
    metadata = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 20,
        "candidatesTokenCount": 30,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 157,
        "cachedContentTokenCount": 40,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 9},
            {"modality": "TEXT", "tokenCount": 91},
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 5}],
        "trafficType": "ON_DEMAND_FLEX",
    }
    found = read({"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": metadata})
    usage = found.body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (120, 37, 157)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 40, "audio_tokens": 9}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 7, "image_tokens": 5}
    assert metadata.items() <= usage.items()
    assert found.body["service_tier"] == "flex"
    assert (found.usage.input, found.usage.output, found.usage.cached) == (120, 37, 40)


def test_tokens_that_only_the_total_counts_are_thoughts() -> None:
    metadata = {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 20}
    found = read({"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": metadata})
    assert (found.usage.output, found.usage.reasoning) == (10, 8)


def test_usage_that_counts_nothing_is_none() -> None:
    body = {
        "candidates": [{"content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"trafficType": "ON_DEMAND"},
    }
    assert read(body).usage is None


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"candidates": []}', b'"x"', b'{"this": 1}'])
def test_what_is_no_answer_is_malformed(raw) -> None:
    with pytest.raises(Malformed):
        read(raw)


ERROR = {
    "code": 429,
    "message": "Resource exhausted.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}],
}


@pytest.mark.parametrize("body", [{"error": ERROR}, [{"error": ERROR}]])
def test_an_error_is_seen_in_every_place(body) -> None:
    with pytest.raises(ErrorBody, match="Resource exhausted") as caught:
        read(body)
    info = error_of(429, {}, json.dumps(body).encode())
    assert info == caught.value.info
    assert (info.code, info.type, info.status) == ("rate_limit_exceeded", "RESOURCE_EXHAUSTED", 429)


def test_the_reason_in_the_details_says_more_than_the_status() -> None:
    error = {
        "code": 400,
        "message": "Bad key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID"}],
    }
    assert error_of(400, {}, json.dumps({"error": error}).encode()).code == "invalid_api_key"
    assert error_of(503, {}, b"upstream gone").message == "upstream gone"


def test_how_long_to_wait_is_read() -> None:
    assert retry_after_s(ERROR) == 34.4
    assert retry_after_s({"details": [{"retryDelay": 3}, {"retryDelay": "soon"}]}) is None


def test_an_answer_that_passes_keeps_its_bytes() -> None:
    raw = (
        b'{ "candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"totalTokenCount":2}}'
    )
    found = read(raw, native.decode)
    assert (found.raw, found.usage.output, found.content) == (raw, 2, True)


def test_a_count_of_tokens_is_read() -> None:
    assert count_tokens.decode(b'{"totalTokens": 7}') == 7
    with pytest.raises(ErrorBody):
        count_tokens.decode(json.dumps({"error": ERROR}).encode())
    with pytest.raises(Malformed):
        count_tokens.decode(b"[]")


things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
KINDS = ["text", "thought", "thoughtSignature", "functionCall", "inlineData", "executableCode"]
NAMES = ["content", "finishReason", "groundingMetadata", "citationMetadata", "logprobsResult", "index"]
odd_parts = st.lists(st.dictionaries(st.sampled_from(KINDS), things, max_size=3), max_size=3)


@given(odd_parts, st.dictionaries(st.sampled_from(NAMES), things, max_size=4), things)
def test_no_answer_breaks_it(parts, fields, metadata) -> None:
    candidate = {"content": {"parts": parts}, **fields}
    try:
        found = read({"candidates": [candidate], "usageMetadata": metadata, "promptFeedback": metadata})
    except (Malformed, ErrorBody):
        return
    ChatCompletion.model_validate_json(json.dumps(found.body), strict=True)
