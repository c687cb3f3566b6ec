"""An assistant's turn goes back as the items it came as: reasoning, hosted tools, citations, their order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.openai_responses import decode, encode

Json = dict[str, Any]


def write(*messages: Json) -> Encoded:
    body = {"messages": list(messages)}
    before = json.dumps(body)
    encoded = encode(body, upstream="o3-pro", quirks=Quirks())
    assert json.dumps(body) == before, "the client's body was changed"
    return encoded


def items(*messages: Json) -> list[Json]:
    return write(*messages).body["input"]


def details(*kinds: str, format_: str = "openai-responses-v1", **more: Any) -> list[Json]:
    fields = {"summary": "summary", "text": "text", "encrypted": "data"}
    return [
        {"type": f"reasoning.{kind}", fields[kind]: kind, "format": format_, "index": place, **more}
        for place, kind in enumerate(kinds)
    ]


def test_encrypted_reasoning_goes_back_before_the_calls_it_led_to() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = items(
        {
            "role": "assistant",
            "tool_calls": [call],
            "reasoning_details": details("summary", "encrypted", id="rs"),
        }
    )
    assert found[0] == {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": "summary"}],
        "encrypted_content": "encrypted",
    }
    assert [item["type"] for item in found] == ["reasoning", "function_call"]


def test_reasoning_without_ids_is_told_apart_by_its_encrypted_end() -> None:
    given = [
        *details("summary", "encrypted"),
        *details("encrypted"),
        *details("summary", "summary", "encrypted"),
    ]
    found = items({"role": "assistant", "content": "x", "reasoning_details": given})
    assert [len(item["summary"]) for item in found[:-1]] == [1, 0, 2]


@pytest.mark.parametrize("format_", ["anthropic-claude-v1", "xai-responses-v1", "google-gemini-v1", None])
def test_another_makers_reasoning_is_left_out_without_a_word(format_: Any) -> None:
    given = details("summary", "encrypted", format_=format_)
    encoded = write({"role": "assistant", "content": "x", "reasoning_details": given})
    assert [item["type"] for item in encoded.body["input"]] == ["message"]
    assert encoded.dropped == ()


def test_a_summary_alone_cannot_be_given_back() -> None:
    found = items({"role": "assistant", "content": "x", "reasoning_details": details("summary", id="rs")})
    assert [item["type"] for item in found] == ["message"]


def test_items_of_hosted_tools_go_back_as_they_are_and_those_of_others_do_not() -> None:
    native = [{"type": "web_search_call", "id": "ws", "x": 1}, {"type": "server_tool_use", "id": "st"}]
    assert items({"role": "assistant", "content": "x", "native_content": native})[0] == native[0]
    assert len(items({"role": "assistant", "content": "x", "native_content": native})) == 2


def test_citations_go_back_flat() -> None:
    cited = {"url": "u", "title": "t", "start_index": 1, "end_index": 3}
    note = {"type": "url_citation", "url_citation": cited}
    found = items({"role": "assistant", "content": "abcd", "annotations": [note]})
    assert found[0]["content"] == [
        {"type": "output_text", "text": "abcd", "annotations": [{"type": "url_citation", **cited}]}
    ]


def test_a_refusal_goes_back_as_one() -> None:
    found = items({"role": "assistant", "content": None, "refusal": "no"})
    assert found[0]["content"] == [{"type": "refusal", "refusal": "no"}]


OUTPUT = st.lists(
    st.one_of(
        st.builds(
            lambda text, phase: {
                "type": "message",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
                **({"phase": phase} if phase else {}),
            },
            st.text(max_size=5),
            st.sampled_from(["commentary", "final_answer", None]),
        ),
        st.builds(
            lambda n, secret: {
                "type": "reasoning",
                "id": f"rs_{n}",
                "summary": [{"type": "summary_text", "text": "s"}],
                **({"encrypted_content": secret} if secret else {}),
            },
            st.integers(),
            st.sampled_from(["gAAA", None]),
        ),
        st.builds(
            lambda n: {"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": f"[{n}]"},
            st.integers(),
        ),
        st.builds(
            lambda n: {"type": "web_search_call", "id": f"ws_{n}", "status": "completed"}, st.integers()
        ),
    ),
    max_size=8,
    unique_by=lambda item: json.dumps(item) if item["type"] != "message" else id(item),
)


@given(OUTPUT)
def test_an_answer_goes_back_in_its_own_order(output: list[Json]) -> None:
    ids = [item.get("id") for item in output if item["type"] == "reasoning"]
    if len(set(ids)) < len(ids):
        return
    raw = json.dumps({"status": "completed", "output": output}).encode()
    answer = decode(raw, model="o3-pro", request_id="r", created=1, quirks=Quirks())
    found = items(answer.body["choices"][0]["message"])
    expected = [_sent(item) for item in output if _can_return(item)]
    if expected:
        assert found == expected


def _can_return(item: Json) -> bool:
    if item["type"] == "message":
        return bool(item["content"][0]["text"])
    return item["type"] != "reasoning" or "encrypted_content" in item


def _sent(item: Json) -> Json:
    if item["type"] != "message":
        return item
    phase = {"phase": item["phase"]} if "phase" in item else {}
    return {"type": "message", "role": "assistant", "content": item["content"][0]["text"], **phase}


def test_a_text_that_the_client_changed_goes_back_as_it_is() -> None:
    entry = {
        "type": "xroute.order",
        "order": ["message", "message"],
        "messages": [{"length": 1}, {"length": 1}],
    }
    found = items({"role": "assistant", "content": "something else", "native_content": [entry]})
    assert found == [{"type": "message", "role": "assistant", "content": "something else"}]
