"""Canonical messages as Converse's turns; AWS's own model of the service says whether it takes them."""

from typing import Any

import pytest
from tests.unit.dialects.bedrock.making import (
    ASK,
    CALL,
    CLAUDE_5,
    LLAMA,
    NOVA,
    PNG,
    TOLD,
    WEATHER,
    sent,
    turn,
)


def test_a_plain_question() -> None:
    assert sent(ASK) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_system_and_developer_messages_become_system_blocks() -> None:
    said = [{"role": "system", "content": "one"}, *ASK["messages"], {"role": "developer", "content": "two"}]
    body = sent({"messages": said})
    assert body["system"] == [{"text": "one"}, {"text": "two"}]
    assert len(body["messages"]) == 1


def test_instructions_between_turns_stay_there_where_the_model_takes_them() -> None:
    said = [
        *ASK["messages"],
        {"role": "developer", "content": "be kind"},
        {"role": "assistant", "content": "a"},
    ]
    body = sent({"messages": [*said, *ASK["messages"]]}, "us.anthropic.claude-opus-5")
    assert [turn["role"] for turn in body["messages"]] == ["user", "system", "assistant", "user"]
    assert "system" not in body
    assert sent({"messages": [*said, *ASK["messages"]]})["system"] == [{"text": "be kind"}]


def test_an_answer_that_is_to_be_continued() -> None:
    said = [*ASK["messages"], {"role": "assistant", "content": "So: "}]
    assert sent({"messages": said})["messages"][1]["content"] == [{"text": "So:"}]
    assert sent({"messages": said}, CLAUDE_5, ("messages[1]",)) == sent(ASK, CLAUDE_5)


def test_thinking_alone_is_no_turn() -> None:
    signed = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}
    said = [*ASK["messages"], {"role": "assistant", "content": "", "reasoning_details": [signed]}]
    assert sent({"messages": [*said, *ASK["messages"]]})["messages"] == [
        {"role": "user", "content": [{"text": "hi"}, {"text": "hi"}]}
    ]


def test_a_request_of_system_messages_alone_is_asked_as_the_user() -> None:
    assert sent({"messages": [{"role": "system", "content": "hi"}]}) == sent(ASK)


def test_turns_of_one_role_are_merged_and_blank_ones_left_out() -> None:
    said = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": " "}]},
    ]
    assert sent({"messages": said})["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]}
    ]


def test_a_tool_call_and_its_result() -> None:
    body = sent({"messages": TOLD, "tools": [WEATHER]})
    use = {"toolUseId": "call_1", "name": "weather", "input": {"city": "Ulm"}}
    assert body["messages"][1] == {"role": "assistant", "content": [{"toolUse": use}]}
    result = {"toolUseId": "call_1", "content": [{"text": "rain"}]}
    assert body["messages"][2] == {"role": "user", "content": [{"toolResult": result}]}
    spec = {"name": "weather", "description": "Tells it.", "inputSchema": {"json": {"type": "object"}}}
    assert body["toolConfig"] == {"tools": [{"toolSpec": spec}]}


def test_results_of_parallel_calls_come_first_in_one_turn_with_what_follows() -> None:
    said = [
        {"role": "tool", "tool_call_id": "a", "content": "1", "is_error": True},
        {"role": "user", "content": "and?"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
    ]
    blocks = sent({"messages": [*TOLD[:2], *said], "tools": [WEATHER]})["messages"][2]["content"]
    assert [next(iter(block)) for block in blocks] == ["toolResult", "toolResult", "text"]
    assert blocks[0]["toolResult"]["status"] == "error"
    assert "status" not in blocks[1]["toolResult"]


def test_a_result_can_hold_pictures_and_files() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"}},
    ]
    said = [*TOLD[:2], {"role": "tool", "tool_call_id": "call_1", "content": content}]
    result = sent({"messages": said, "tools": [WEATHER]})["messages"][2]["content"][0]["toolResult"]
    assert [next(iter(block)) for block in result["content"]] == ["image", "document"]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [("", {}), ("not json", {"arguments": "not json"}), ("[1]", {"arguments": [1]}), ({"a": 1}, {"a": 1})],
)
def test_arguments_that_are_no_object_are_put_into_one(arguments: Any, value: Any) -> None:
    call = {**CALL, "function": {"name": "weather", "arguments": arguments}}
    said = [TOLD[0], {"role": "assistant", "tool_calls": [call]}, TOLD[2]]
    assert sent({"messages": said})["messages"][1]["content"][0]["toolUse"]["input"] == value


def test_ids_that_bedrock_refuses_are_replaced_alike_in_call_and_result() -> None:
    odd = "fc|" + "x" * 90
    said = [
        TOLD[0],
        {"role": "assistant", "tool_calls": [{**CALL, "id": odd}]},
        {"role": "tool", "tool_call_id": odd, "content": "rain"},
    ]
    turns = sent({"messages": said})["messages"]
    own = turns[1]["content"][0]["toolUse"]["toolUseId"]
    assert own.startswith("call_")
    assert turns[2]["content"][0]["toolResult"]["toolUseId"] == own


def test_a_picture_in_a_data_url_is_sent_as_its_bytes() -> None:
    parts = [{"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}"}}]
    assert turn(parts) == [{"image": {"format": "jpeg", "source": {"bytes": PNG}}}]


def test_an_address_on_the_web_is_named_as_left_out() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}},
    ]
    assert turn(parts, dropped=("messages[0].content[1]",)) == [{"text": "see"}]


def test_an_object_in_s3_is_named_by_its_address() -> None:
    parts = [{"type": "video_url", "video_url": {"url": "s3://bucket/clip.mov"}}]
    assert turn(parts, NOVA) == [
        {"video": {"format": "mov", "source": {"s3Location": {"uri": "s3://bucket/clip.mov"}}}}
    ]


def test_sound_is_sent_with_its_format() -> None:
    parts = [{"type": "input_audio", "input_audio": {"data": PNG, "format": "mp3"}}]
    assert turn(parts, NOVA) == [{"audio": {"format": "mp3", "source": {"bytes": PNG}}}]


@pytest.mark.parametrize(
    ("filename", "mime", "form", "name"),
    [
        ("report_1.pdf", "application/pdf", "pdf", "report_1"),
        ("Größe: §3.docx", "", "docx", "Gr-e- -3"),
        ("", "text/csv", "csv", "document"),
        ("notes", "text/x-log", "txt", "notes"),
        ("a/b  c.md", "application/octet-stream", "md", "a-b c"),
    ],
)
def test_a_file_becomes_a_document_with_a_name_that_bedrock_takes(
    filename: str, mime: str, form: str, name: str
) -> None:
    data = f"data:{mime};base64,{PNG}" if mime else PNG
    parts = [
        {"type": "text", "text": "read"},
        {"type": "file", "file": {"file_data": data, "filename": filename}},
    ]
    assert turn(parts)[1] == {"document": {"format": form, "name": name, "source": {"bytes": PNG}}}


def test_documents_of_one_name_are_told_apart_and_come_with_a_text() -> None:
    part = {"type": "file", "file": {"file_data": f"data:text/plain;base64,{PNG}", "filename": "a.txt"}}
    blocks = turn([part, part])
    assert [block["document"]["name"] for block in blocks[:2]] == ["a", "a (2)"]
    assert blocks[2] == {"text": "Document: a, a (2)"}


def test_citations_and_context_of_a_document_are_kept() -> None:
    file = {"file_data": f"data:text/plain;base64,{PNG}", "filename": "a.txt"}
    part = {"type": "file", "file": file, "citations": {"enabled": True}, "context": "the law"}
    document = turn([{"type": "text", "text": "?"}, part])[1]["document"]
    assert document["citations"] == {"enabled": True}
    assert document["context"] == "the law"


def test_a_picture_among_the_files_is_a_picture() -> None:
    part = {"type": "file", "file": {"file_data": PNG, "filename": "a.webp"}}
    assert turn([part]) == [{"image": {"format": "webp", "source": {"bytes": PNG}}}]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": PNG, "filename": "a.exe"}},
        {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}},
        {"type": "hologram"},
        7,
    ],
)
def test_what_has_no_place_is_named(part: Any) -> None:
    assert turn(["see", part], dropped=("messages[0].content[1]",)) == [{"text": "see"}]


def test_base64_is_put_into_the_form_that_aws_reads() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,_-8 \n"}}]
    assert turn(parts)[0]["image"]["source"]["bytes"] == "/+8="


def test_blocks_of_converses_own_pass() -> None:
    guarded = {"guardContent": {"text": {"text": "hi", "qualifiers": ["query"]}}}
    assert turn([guarded]) == [guarded]


def test_cache_markers_become_cache_points_where_they_stand() -> None:
    mark = {"type": "ephemeral"}
    body = sent(
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
                {"role": "user", "content": "u", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            ],
            "tools": [{**WEATHER, "cache_control": mark}],
        }
    )
    point = {"cachePoint": {"type": "default"}}
    assert body["system"] == [{"text": "s"}, point]
    assert body["messages"][0]["content"] == [{"text": "u"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body["toolConfig"]["tools"][1] == point


def test_a_marker_in_a_result_stands_behind_the_result() -> None:
    content = [{"type": "text", "text": "rain", "cache_control": {"type": "ephemeral"}}]
    said = [*TOLD[:2], {"role": "tool", "tool_call_id": "call_1", "content": content}]
    blocks = sent({"messages": said, "tools": [WEATHER]})["messages"][2]["content"]
    assert [next(iter(block)) for block in blocks] == ["toolResult", "cachePoint"]


def test_a_cache_point_never_follows_a_document_at_once() -> None:
    file = {"file_data": f"data:text/plain;base64,{PNG}", "filename": "a.txt"}
    parts = [
        {"type": "text", "text": "?"},
        {"type": "file", "file": file, "cache_control": {"type": "ephemeral"}},
    ]
    assert [next(iter(block)) for block in turn(parts)] == ["text", "document", "text", "cachePoint"]


@pytest.mark.parametrize(
    ("upstream", "ttl", "dropped"),
    [
        (LLAMA, None, "messages[0].content[0].cache_control"),
        (NOVA, "1h", "messages[0].content[0].cache_control.ttl"),
        ("anthropic.claude-3-haiku-20240307-v1:0", None, "messages[0].content[0].cache_control"),
    ],
)
def test_caching_that_the_model_lacks_is_named(upstream: str, ttl: str | None, dropped: str) -> None:
    mark = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    blocks = turn([{"type": "text", "text": "a", "cache_control": mark}], upstream, (dropped,))
    assert blocks[0] == {"text": "a"}


def test_nova_caches_no_tools() -> None:
    body = {**ASK, "tools": [{**WEATHER, "cache_control": {"type": "ephemeral"}}]}
    assert len(sent(body, NOVA, ("tools[0].cache_control",))["toolConfig"]["tools"]) == 1
