"""The conversation of a canonical request as Gemini takes it."""

import json
from itertools import pairwise

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.gemini import encode

OLD, NEW = "gemini-2.5-flash", "gemini-3.5-flash"
USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def asked(upstream, messages):
    return encode({"model": "m", "messages": list(messages)}, upstream=upstream, quirks=Quirks())


def parts(content, upstream=NEW):
    return asked(upstream, [{"role": "user", "content": content}]).body["contents"][0]["parts"]


def test_system_and_developer_messages_are_the_system_instruction() -> None:
    messages = [{"role": "system", "content": "a"}, USER, {"role": "developer", "content": "b"}]
    body = asked(NEW, messages).body
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_model_without_a_system_instruction_gets_it_as_the_first_words() -> None:
    body = asked("gemma-3-27b-it", [{"role": "system", "content": "a"}, USER]).body
    assert "systemInstruction" not in body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "a"}, {"text": "hi"}]}]


def test_a_request_of_a_system_message_alone_still_asks_something() -> None:
    body = asked(NEW, [{"role": "system", "content": "a"}]).body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "a"}]}]


def test_turns_of_one_role_are_joined() -> None:
    messages = [USER, USER, {"role": "assistant", "content": "x"}, {"role": "assistant", "content": "y"}]
    contents = asked(NEW, messages).body["contents"]
    assert [(turn["role"], len(turn["parts"])) for turn in contents] == [("user", 2), ("model", 2)]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://host.test/a/cat.webp?x=1"}},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://host.test/a/cat.webp?x=1"}},
        ),
        (
            {"type": "image_url", "image_url": "https://host.test/cat"},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://host.test/cat"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mpeg", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_data": "QUJD", "filename": "table.csv"}},
            {"inlineData": {"mimeType": "text/csv", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_id": "files/abc"}},
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        ),
        (
            {"type": "file", "file": {"file_url": "gs://bucket/a.pdf"}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/a.pdf"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=1"}},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://www.youtube.com/watch?v=1"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:;base64,QQ==", "video_metadata": {"fps": 1}}},
            {"inlineData": {"mimeType": "video/mp4", "data": "QQ=="}, "videoMetadata": {"fps": 1}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%3E"}},
            {"inlineData": {"mimeType": "image/svg+xml", "data": "PHN2Zz4="}},
        ),
        ({"fileData": {"fileUri": "gs://a"}}, {"fileData": {"fileUri": "gs://a"}}),
    ],
)
def test_media_are_blobs_or_addresses(part, expected) -> None:
    assert parts([part]) == [expected]


def test_what_no_part_can_hold_is_named() -> None:
    found = asked(NEW, [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "smell"}]}])
    assert found.body["contents"][0]["parts"] == [{"text": "a"}]
    assert found.dropped == ("messages[0].content[1]",)


def test_detail_is_a_resolution_of_the_part_or_for_older_models_of_the_request() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
    assert parts([image])[0]["mediaResolution"] == {"level": "MEDIA_RESOLUTION_LOW"}
    found = asked(OLD, [{"role": "user", "content": [image]}]).body
    assert "mediaResolution" not in found["contents"][0]["parts"][0]
    assert found["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_LOW"}


def test_calls_and_results_are_paired_by_name_and_in_newer_models_by_id() -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "42"}
    old = asked(OLD, [USER, said, result]).body["contents"]
    assert old[1]["parts"] == [{"functionCall": {"name": "f", "args": {"a": 1}}}]
    assert old[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "42"}}}]
    new = asked(NEW, [USER, said, result]).body["contents"]
    assert new[1]["parts"][0]["functionCall"]["id"] == "c1"
    assert new[2]["parts"][0]["functionResponse"]["id"] == "c1"


@pytest.mark.parametrize(
    ("content", "extra", "response"),
    [
        ('{"city": "Ulm"}', {}, {"city": "Ulm"}),
        ("[1, 2]", {}, {"output": "[1, 2]"}),
        ("{broken", {}, {"output": "{broken"}),
        ("", {}, {"output": ""}),
        ("no such city", {"is_error": True}, {"error": "no such city"}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {}, {"output": "ab"}),
    ],
)
def test_a_result_is_an_object(content, extra, response) -> None:
    message = {"role": "tool", "tool_call_id": "lost", "name": "f", "content": content, **extra}
    part = asked(OLD, [USER, message]).body["contents"][0]["parts"][1]
    assert part == {"functionResponse": {"name": "f", "response": response}}


def test_media_of_a_result_stand_in_it_or_for_older_models_beside_it() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    sound = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    message = {"role": "tool", "tool_call_id": "c", "name": "f", "content": [image, sound]}
    new = asked(NEW, [message]).body["contents"][0]["parts"]
    assert new[0]["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]
    assert [part["inlineData"]["mimeType"] for part in new[1:]] == ["audio/wav"]
    old = asked(OLD, [message]).body["contents"][0]["parts"]
    assert "parts" not in old[0]["functionResponse"]
    assert [part["inlineData"]["mimeType"] for part in old[1:]] == ["image/png", "audio/wav"]


def test_results_of_one_function_come_in_the_order_of_its_calls() -> None:
    calls = [{**CALL, "id": id_} for id_ in ("c1", "c2")]
    results = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ("c2", "c1")]
    found = asked(OLD, [USER, {"role": "assistant", "tool_calls": calls}, *results]).body["contents"][2][
        "parts"
    ]
    assert [part["functionResponse"]["response"]["output"] for part in found] == ["c1", "c2"]


def test_results_of_other_functions_stay_where_the_client_has_them() -> None:
    other = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    results = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ("c2", "c1")]
    found = asked(OLD, [USER, {"role": "assistant", "tool_calls": [CALL, other]}, *results])
    parts_ = found.body["contents"][2]["parts"]
    assert [part["functionResponse"]["name"] for part in parts_] == ["g", "f"]


def sealed(data, **more):
    return {"type": "reasoning.encrypted", "data": data, "format": "google-gemini-v1", "index": 0, **more}


def test_signatures_return_to_the_parts_they_came_with() -> None:
    thought = {"type": "reasoning.text", "text": "hm", "signature": "s1", "format": "google-gemini-v1"}
    said = {
        "role": "assistant",
        "content": "so",
        "tool_calls": [CALL],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}],
        "reasoning_details": [thought, sealed("s2"), sealed("s3", id="image_0"), sealed("s4", id="c1")],
    }
    found = asked(NEW, [USER, said]).body["contents"][1]["parts"]
    assert [(sorted(part)[0], part["thoughtSignature"]) for part in found] == [
        ("text", "s1"),
        ("text", "s2"),
        ("inlineData", "s3"),
        ("functionCall", "s4"),
    ]
    assert found[0]["thought"] is True


def test_a_second_signature_of_text_stands_on_an_empty_part() -> None:
    said = {"role": "assistant", "content": "so", "reasoning_details": [sealed("s1"), sealed("s2")]}
    assert asked(NEW, [USER, said]).body["contents"][1]["parts"] == [
        {"text": "", "thoughtSignature": "s1"},
        {"text": "so", "thoughtSignature": "s2"},
    ]


def test_reasoning_of_other_providers_is_left_out_without_a_word() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}]
    said = {"role": "assistant", "content": "so", "reasoning": "hm", "reasoning_details": details}
    found = asked(NEW, [USER, said])
    assert found.body["contents"][1]["parts"] == [{"text": "so"}]
    assert found.dropped == ()


def test_a_call_of_another_model_gets_the_signature_that_stands_for_none() -> None:
    said = {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "1"}
    now = asked(NEW, [USER, said, result]).body["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in now] == ["skip_thought_signature_validator", None]
    past = asked(NEW, [USER, said, result, USER]).body["contents"][1]["parts"]
    assert not any("thoughtSignature" in part for part in past), "earlier turns are not checked"
    assert "thoughtSignature" not in asked(OLD, [USER, said, result]).body["contents"][1]["parts"][0]


def test_the_signature_in_the_form_of_googles_own_endpoint_is_read() -> None:
    call = {**CALL, "extra_content": {"google": {"thought_signature": "sig"}}}
    found = asked(NEW, [USER, {"role": "assistant", "tool_calls": [call]}])
    assert found.body["contents"][1]["parts"][0]["thoughtSignature"] == "sig"


def test_traces_of_googles_own_tools_go_back_as_they_came() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    other = {"type": "server_tool_use", "id": "x"}
    said = {
        "role": "assistant",
        "content": "1",
        "native_content": [{"type": "executableCode", **code}, other],
    }
    assert asked(NEW, [USER, said]).body["contents"][1]["parts"] == [code, {"text": "1"}]


words = st.text(max_size=5)
things = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "content",
    "tool_calls",
    "reasoning_details",
    "native_content",
    "images",
    "audio",
    "name",
    "tool_call_id",
]
roles = st.sampled_from(["system", "user", "assistant", "tool", "function", "odd"])
odd_messages = st.lists(
    st.builds(
        lambda role, more: {"role": role, **more},
        roles,
        st.dictionaries(st.sampled_from(FIELDS), things, max_size=4),
    ),
    max_size=4,
)
TOP = [
    "tools",
    "tool_choice",
    "response_format",
    "reasoning",
    "stop",
    "metadata",
    "audio",
    "modalities",
    "google",
]


@given(
    odd_messages, st.dictionaries(st.sampled_from(TOP), things, max_size=4), st.sampled_from([OLD, NEW, "x"])
)
def test_no_request_breaks_it_or_is_changed(messages, more, upstream) -> None:
    body = {"model": "m", "messages": messages, **more}
    before = json.dumps(body)
    json.dumps(encode(body, upstream=upstream, quirks=Quirks()).body)
    assert json.dumps(body) == before


texts = st.text(min_size=1, max_size=8)
turn = st.one_of(
    st.builds(lambda text: {"role": "user", "content": text}, texts),
    st.builds(lambda text: {"role": "assistant", "content": text, "tool_calls": [CALL]}, texts),
    st.builds(lambda text: {"role": "tool", "tool_call_id": "c1", "content": text}, texts),
)


@given(st.lists(turn, min_size=1, max_size=6), st.sampled_from([OLD, NEW]))
def test_every_conversation_is_one_that_googles_sdk_takes(messages, upstream) -> None:
    body = encode({"messages": messages}, upstream=upstream, quirks=Quirks()).body
    for content in body["contents"]:
        types.Content.model_validate(content)
    roles_ = [content["role"] for content in body["contents"]]
    assert all(a != b for a, b in pairwise(roles_))
