"""Requests: what a conversation becomes in Anthropic's format."""

import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.anthropic import encode

Json = dict[str, Any]
CACHE = {"type": "ephemeral", "ttl": "1h"}
TEXT = {"type": "text", "text": "a"}
OURS = "anthropic-claude-v1"
USER = {"role": "user", "content": "hi"}
NOTE = "data:text/markdown;base64," + b64encode(b"# a").decode()
PNG = "data:image/png;base64,iVBORw0KGgo="


def sent(*messages: Json, upstream: str = "claude-opus-4-6", inline: bool = False, **fields: Any) -> Encoded:
    body = {"model": "m", "messages": list(messages), **fields}
    before = deepcopy(body)
    encoded = encode(body, upstream=upstream, quirks=Quirks(developer_role=inline))
    assert body == before
    return encoded


def turns(*messages: Json, **fields: Any) -> list[Json]:
    return sent(*messages, **fields).body["messages"]


def call(id_: str = "c1", name: str = "f", arguments: str = '{"x":1}') -> Json:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_plain_question_is_as_short_as_it_can_be() -> None:
    encoded = sent({"role": "system", "content": "Be brief."}, USER, max_tokens=9)
    assert encoded == Encoded(
        {
            "model": "claude-opus-4-6",
            "max_tokens": 9,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "hi"}],
        }
    )


def test_all_instructions_go_to_the_system_prompt_where_the_model_has_no_other_place() -> None:
    encoded = sent(
        {"role": "system", "content": [{"type": "text", "text": "one", "cache_control": CACHE}]},
        USER,
        {"role": "developer", "content": "two"},
    )
    assert encoded.body["system"] == [
        {"type": "text", "text": "one", "cache_control": CACHE},
        {"type": "text", "text": "two"},
    ]
    assert encoded.body["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        (["user", "developer"], ["user", "system"]),
        (["user", "developer", "user"], ["user", "system"]),
        (["user", "assistant", "developer", "user"], ["user", "assistant", "user", "system"]),
        (["user", "developer", "system", "assistant", "user"], ["user", "system", "assistant", "user"]),
    ],
)
def test_instructions_between_turns_stay_after_the_users_turn(given: list[str], roles: list[str]) -> None:
    messages = [{"role": role, "content": f"{place}"} for place, role in enumerate(given)]
    encoded = sent(*messages, upstream="claude-opus-4-8", inline=True)
    assert [turn["role"] for turn in encoded.body["messages"]] == roles
    assert "system" not in encoded.body


def test_instructions_that_no_users_turn_follows_are_not_lost() -> None:
    encoded = sent(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "developer", "content": "late"},
        upstream="claude-opus-4-8",
        inline=True,
    )
    assert encoded.body["system"] == "late"


def test_a_system_message_alone_becomes_the_question() -> None:
    assert sent({"role": "system", "content": "Say hi."}).body["messages"] == [
        {"role": "user", "content": "Say hi."}
    ]


def test_turns_of_one_role_are_joined_and_results_come_first() -> None:
    assert turns(
        USER,
        {"role": "assistant", "content": "let me see"},
        {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b", arguments="")]},
        {"role": "user", "content": "quick"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "no"}], "is_error": True},
    ) == [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": True},
                {"type": "text", "text": "quick"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("", {}),
        (" ", {}),
        ("[1]", {"input": [1]}),
        ("not json", {"input": "not json"}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_arguments_become_an_object_whatever_they_are(arguments: Any, given: Json) -> None:
    turn = turns(USER, {"role": "assistant", "content": None, "tool_calls": [call(arguments=arguments)]})[1]
    assert turn["content"][0]["input"] == given


def test_ids_of_other_makers_are_made_what_anthropic_takes_on_both_sides() -> None:
    found = turns(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call("functions.f:0")]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "1"},
    )
    assert found[1]["content"][0]["id"] == found[2]["content"][0]["tool_use_id"] == "functions_f_0"


def test_the_older_function_call_finds_its_result() -> None:
    found = turns(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    )
    assert found[1]["content"][0]["id"] == found[2]["content"][0]["tool_use_id"]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}, "cache_control": CACHE},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                "cache_control": CACHE,
            },
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.jpg"}},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b.jpg"}},
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERi0xLjQ=", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_url": "https://a.example/a.pdf"}, "citations": {"enabled": True}},
            {
                "type": "document",
                "source": {"type": "url", "url": "https://a.example/a.pdf"},
                "citations": {"enabled": True},
            },
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            {
                "type": "file",
                "file": {"file_data": NOTE},
            },
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# a"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/jpg;base64,AAAA"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        ({"type": "container_upload", "file_id": "f"}, {"type": "container_upload", "file_id": "f"}),
    ],
)
def test_parts_become_blocks(part: Json, block: Json) -> None:
    encoded = sent({"role": "user", "content": [{"type": "text", "text": "see"}, part]})
    assert encoded.body["messages"][0]["content"][1] == block
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://a.example/v.mp4"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}},
        {"type": ["odd"]},
        7,
    ],
)
def test_what_anthropic_has_no_block_for_is_named(part: Any) -> None:
    encoded = sent({"role": "user", "content": [{"type": "text", "text": "hear"}, part]})
    assert encoded.dropped == ("messages[0].content[1]",)
    assert encoded.body["messages"][0]["content"] == "hear"


def test_texts_without_a_visible_character_are_not_sent() -> None:
    assert turns(
        USER,
        {"role": "assistant", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": " \n"}, {"type": "text", "text": "b"}]},
    ) == [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "b"}]}]


def test_a_messages_cache_marker_stands_on_its_last_block() -> None:
    found = turns(
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "cache_control": CACHE,
        },
        {"role": "assistant", "content": None, "tool_calls": [call()], "cache_control": CACHE},
        {"role": "tool", "tool_call_id": "c1", "content": "1", "cache_control": CACHE},
    )
    assert [block.get("cache_control") for block in found[0]["content"]] == [None, CACHE]
    assert found[1]["content"][0]["cache_control"] == CACHE
    assert found[2]["content"][0]["cache_control"] == CACHE


def test_signed_thinking_comes_back_before_the_calls_and_other_makers_reasoning_does_not() -> None:
    details = [
        {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "sig",
            "format": OURS,
            "index": 0,
        },
        {"type": "reasoning.encrypted", "data": "xx", "format": OURS, "index": 1},
        {"type": "reasoning.text", "text": "unsigned", "format": OURS, "index": 2},
        {"type": "reasoning.encrypted", "data": "yy", "format": "openai-responses-v1", "index": 3},
    ]
    said = {"role": "assistant", "content": "ok", "tool_calls": [call()], "reasoning_details": details}
    encoded = sent(USER, said, {"role": "tool", "tool_call_id": "c1", "content": "1"})
    assert encoded.body["messages"][1]["content"][:3] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "ok"},
    ]
    assert encoded.dropped == ()
    assert "thinking" not in json.dumps(turns(USER, said, USER, upstream="claude-3-5-haiku"))


def test_pieces_of_thinking_that_a_client_has_not_joined_are_joined() -> None:
    pieces = [
        {"type": "reasoning.text", "text": "a", "format": OURS, "index": 0},
        {"type": "reasoning.text", "text": "b", "format": OURS, "index": 0},
        {"type": "reasoning.text", "signature": "s", "format": OURS, "index": 0},
    ]
    found = turns(USER, {"role": "assistant", "content": "c", "reasoning_details": pieces}, USER)
    assert found[1]["content"][0] == {"type": "thinking", "thinking": "ab", "signature": "s"}


SERVED = [
    {"type": "text", "text": "let me see"},
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
    {"type": "text", "text": " found"},
]


def test_an_answer_with_blocks_of_its_own_comes_back_as_it_was() -> None:
    said = {"role": "assistant", "content": "let me see found", "native_content": SERVED}
    assert turns(USER, said, USER)[1]["content"] == SERVED


def test_an_answer_that_the_client_changed_is_written_anew() -> None:
    said = {"role": "assistant", "content": "changed", "native_content": SERVED}
    assert turns(USER, said, USER)[1]["content"] == "changed"


def test_cited_text_comes_back_with_its_citations() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "e"}
    where = {"url": "https://a.example", "title": "", "start_index": 2, "end_index": 4}
    said = {
        "role": "assistant",
        "content": "a bc d",
        "annotations": [{"type": "url_citation", "url_citation": where, "citation": citation}],
    }
    assert turns(USER, said, USER)[1]["content"] == [
        {"type": "text", "text": "a "},
        {"type": "text", "text": "bc", "citations": [citation]},
        {"type": "text", "text": " d"},
    ]


def test_a_beginning_of_the_answer_is_sent_where_the_model_takes_one() -> None:
    begun = {"role": "assistant", "content": "The answer is \n"}
    assert turns(USER, begun, upstream="claude-sonnet-4-5")[1]["content"] == "The answer is"
    encoded = sent(USER, begun, upstream="claude-sonnet-4-6")
    assert len(encoded.body["messages"]) == 1
    assert encoded.dropped == ("messages[1]",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "file", "image_url", "id", "function"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("tools", "tool_choice", "response_format", "stop", "reasoning", "metadata", "betas", "functions"),
        *("web_search_options", "service_tier", "temperature", "max_tokens", "thinking", "output_config"),
    ]
)
OPTIONAL = (
    *("content", "tool_calls", "tool_call_id"),
    *("reasoning_details", "native_content", "annotations"),
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function", "odd"])},
    optional=dict.fromkeys(
        ("content", "tool_calls", "tool_call_id", "reasoning_details", "native_content", "annotations"), JSON
    ),
)


@given(st.lists(MESSAGE, max_size=4), st.dictionaries(FIELDS, JSON, max_size=4), st.booleans())
def test_no_request_breaks_the_encoder(messages: list[Json], fields: Json, newest: bool) -> None:
    encoded = sent(*messages, upstream="claude-opus-5-5" if newest else "claude-sonnet-4-5", **fields)
    assert encoded.body["max_tokens"] > 0
