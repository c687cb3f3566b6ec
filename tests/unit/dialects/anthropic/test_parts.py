"""Blocks, tools and thinking of an Anthropic client in canonical words."""

from base64 import b64decode

import pytest
from tests.fixtures import claude
from tests.fixtures.claude import call, part, told


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"type": "text", "text": "a", "citations": None}, [{"type": "text", "text": "a"}]),
        (
            {"type": "text", "text": "a", "cache_control": claude.MARK},
            [{"type": "text", "text": "a", "cache_control": claude.MARK}],
        ),
        (
            {
                "type": "image",
                "source": {"type": "url", "url": "https://i.test/a.png"},
                "cache_control": claude.MARK,
            },
            [
                {
                    "type": "image_url",
                    "image_url": {"url": "https://i.test/a.png"},
                    "cache_control": claude.MARK,
                }
            ],
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f1"}},
            [{"type": "image", "source": {"type": "file", "file_id": "f1"}}],
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "T",
                "context": "C",
                "citations": {"enabled": True},
            },
            [
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "T"},
                    "title": "T",
                    "context": "C",
                    "citations": {"enabled": True},
                }
            ],
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://d.test/a.pdf"}},
            [{"type": "file", "file": {"file_url": "https://d.test/a.pdf"}}],
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "f1"}},
            [{"type": "file", "file": {"file_id": "f1"}}],
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Sky."},
                "title": "T",
            },
            [{"type": "text", "text": "<document>\n<title>T</title>\nSky.\n</document>"}],
        ),
        (
            {
                "type": "document",
                "source": {"type": "content", "content": [claude.text("a"), claude.text("b")]},
            },
            [{"type": "text", "text": "<document>\na\nb\n</document>"}],
        ),
        (
            {"type": "document", "source": {"type": "content", "content": "abc"}},
            [{"type": "text", "text": "<document>\nabc\n</document>"}],
        ),
        (
            {
                "type": "search_result",
                "title": "T",
                "source": "https://s.test",
                "content": [claude.text("x")],
            },
            [
                {
                    "type": "text",
                    "text": "<search_result>\n<title>T</title>\n<source>https://s.test</source>\nx\n</search_result>",
                }
            ],
        ),
        ({"type": "something_new", "a": [1]}, [{"type": "something_new", "a": [1]}]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_block_becomes_a_part(block, parts):
    assert part(block) == parts


def test_a_text_whose_places_shall_be_cited_stays_a_document():
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    made = part({"type": "document", "source": source, "citations": {"enabled": True}})[0]
    head, _, data = made["file"]["file_data"].partition(",")
    assert (head, b64decode(data).decode()) == ("data:text/plain;base64", "Grüße")
    assert made["citations"] == {"enabled": True}


def test_a_document_with_pictures_between_its_texts_keeps_them_in_their_places():
    picture = {"type": "image", "source": {"type": "url", "url": "https://i.test"}}
    source = {"type": "content", "content": [claude.text("a"), picture, claude.text("b")]}
    made = part({"type": "document", "source": source, "cache_control": claude.MARK})
    assert [each["type"] for each in made] == ["text", "image_url", "text"]
    assert made[-1]["cache_control"] == claude.MARK


def test_results_come_before_what_else_the_message_says():
    said = told(claude.text("b"), claude.result("t1", "a"), claude.result("t2", None), claude.text("c"))
    assert [message["role"] for message in said] == ["tool", "tool", "user"]
    assert [message.get("tool_call_id") for message in said] == ["t1", "t2", None]
    assert said[1]["content"] == ""
    assert said[2]["content"] == [claude.text("b"), claude.text("c")]
    assert [message["role"] for message in told(claude.result("t1", "a"))] == ["tool"]


def test_an_answer_with_a_server_s_tools_keeps_its_blocks_whole():
    blocks = [
        claude.text("I search."),
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        claude.text("Found."),
    ]
    said = told(*blocks, role="assistant")[0]
    assert said["native_content"] == blocks
    assert "".join(each["text"] for each in said["content"]) == "I search.Found."


def test_citations_of_an_answer_become_annotations_with_their_places():
    cited = {"type": "web_search_result_location", "url": "https://s.test", "title": "T", "cited_text": "q"}
    cited["encrypted_index"] = "E"
    said = told(claude.text("Sky is "), {**claude.text("blue"), "citations": [cited]}, role="assistant")[0]
    assert said["content"] == "Sky is blue"
    place = said["annotations"][0]["url_citation"]
    assert (place["start_index"], place["end_index"], place["url"]) == (7, 11, "https://s.test")


def test_thinking_that_is_encrypted_is_kept():
    block = {"type": "redacted_thinking", "data": "EncryptedData"}
    said = told(block, claude.text("Hi"), role="assistant")[0]
    assert said["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": "EncryptedData", "format": "anthropic-claude-v1", "index": 0}
    ]


def test_calls_alone_have_no_content():
    said = told(claude.use("t1", "f", a=1), role="assistant")[0]
    assert said["content"] is None
    marked = told({**claude.use("t1", "f"), "cache_control": claude.MARK}, role="assistant")[0]
    assert marked["cache_control"] == claude.MARK


@pytest.mark.parametrize(
    ("tool", "made"),
    [
        (
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
            {"type": "web_search", "max_uses": 3},
        ),
        (
            {"type": "web_fetch_20260318", "name": "web_fetch", "allowed_domains": ["a.test"]},
            {"type": "web_fetch", "allowed_domains": ["a.test"]},
        ),
        ({"type": "code_execution_20260521", "name": "code_execution"}, {"type": "code_interpreter"}),
        ({"type": "bash_20250124", "name": "bash"}, {"type": "bash_20250124", "name": "bash"}),
        (
            {"type": "mcp_toolset", "mcp_server_name": "s"},
            {"type": "mcp_toolset", "mcp_server_name": "s"},
        ),
        (
            {
                "type": "custom",
                "name": "f",
                "input_schema": {"type": "object"},
                "strict": True,
                "defer_loading": True,
            },
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object"}, "strict": True},
                "defer_loading": True,
            },
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_tool_has_a_neutral_word_or_stays_what_it_is(tool, made):
    assert call(tools=[tool]).body["tools"] == [made]


F = {"name": "f", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"type": "tool", "name": "web_search"}, {"tool_choice": {"type": "web_search"}}),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        ({"type": "auto", "disable_parallel_tool_use": False}, {"tool_choice": "auto"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_choice_of_a_tool_is_said_in_openai_s_words(choice, made):
    body = call(tools=[F, SEARCH], tool_choice=choice).body
    assert {name: body[name] for name in body if name in ("tool_choice", "parallel_tool_calls")} == made


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"max_tokens": 2048}),
        ({"thinking": {"type": "adaptive"}}, {"enabled": True}),
        ({"thinking": {"type": "disabled"}}, {"enabled": False}),
        ({"thinking": {"type": "between_tools"}}, {"enabled": False}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            {"enabled": True, "exclude": True, "effort": "max"},
        ),
        (
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            {"enabled": True, "summary": "auto"},
        ),
        ({"output_config": {"effort": "low"}}, {"effort": "low"}),
        ({"thinking": None, "output_config": {}}, None),
        ({}, None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_thinking_is_a_wish_for_reasoning(fields, reasoning):
    assert call(**fields).body.get("reasoning") == reasoning
