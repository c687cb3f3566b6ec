"""Reasoning as an Anthropic client gets it, and what comes of it in the next turn."""

import pytest
from tests.fixtures import claude
from tests.fixtures.answers import CALL, ENCRYPTED, again, piece, streamed, written
from tests.fixtures.events import fold

from xroute.dialects.anthropic import seal


def test_anthropic_s_own_thinking_keeps_its_signature():
    own = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    hidden = {"type": "reasoning.encrypted", "data": "E", "format": "anthropic-claude-v1", "index": 1}
    message = {"reasoning": "Hm.", "reasoning_details": [own | {"text": "Hm.", "signature": "S"}, hidden]}
    said = written({"content": "Hi", **message}, wish={})
    assert said["content"][:2] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "S"},
        {"type": "redacted_thinking", "data": "E"},
    ]
    raw = streamed(
        {"reasoning": "H", "reasoning_details": [own | {"text": "H"}]},
        {"reasoning": "m.", "reasoning_details": [own | {"text": "m."}]},
        {"reasoning_details": [own | {"signature": "S"}]},
        {"reasoning_details": [hidden]},
        {"content": "Hi"},
        wish={},
    )
    assert fold(raw)["content"] == said["content"]


def test_each_of_anthropic_s_thoughts_is_a_block():
    own = {"type": "reasoning.text", "format": "anthropic-claude-v1"}
    deltas = [{"reasoning_details": [own | {"index": n, "text": str(n), "signature": "S"}]} for n in range(3)]
    assert [block["thinking"] for block in fold(streamed(*deltas))["content"]] == ["0", "1", "2"]


def test_another_maker_s_reasoning_comes_back_with_the_next_turn():
    summary = {"type": "reasoning.summary", "summary": "Hm.", "id": "rs_1", "format": "openai-responses-v1"}
    details = [summary | {"index": 0}, ENCRYPTED | {"index": 1}]
    said = written({"content": "Hi", "reasoning": "Hm.", "reasoning_details": details})
    assert said["content"][0]["thinking"] == "Hm."
    back = again(said)
    assert back["told"]["reasoning"] == "Hm."
    assert back["told"]["reasoning_details"] == details
    assert back["raw"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}


def test_it_comes_back_from_a_stream_too():
    summary = {"type": "reasoning.summary", "format": "openai-responses-v1", "index": 0}
    raw = streamed(
        {"reasoning": "H", "reasoning_details": [summary | {"summary": "H"}]},
        {"reasoning": "m.", "reasoning_details": [summary | {"summary": "m."}]},
        {"reasoning_details": [ENCRYPTED | {"index": 1}]},
        {"content": "Hi"},
    )
    assert again(fold(raw))["told"]["reasoning_details"] == [
        summary | {"summary": "Hm."},
        ENCRYPTED | {"index": 1},
    ]


@pytest.mark.parametrize("wish", [{}, {"thinking": {"type": "adaptive", "display": "omitted"}}])
def test_who_has_not_asked_for_thinking_gets_text_first(wish):
    message = {"content": "Hi", "reasoning": "Hm.", "reasoning_details": [ENCRYPTED | {"index": 0}]}
    deltas = [{"reasoning": "Hm.", "reasoning_details": [ENCRYPTED | {"index": 0}]}, {"content": "Hi"}]
    text = [{"type": "text", "text": "Hi"}]
    assert written(message, wish=wish)["content"] == text
    assert fold(streamed(*deltas, wish=wish))["content"] == text


def test_but_before_a_tool_it_comes_sealed_as_the_next_turn_depends_on_it():
    plain = {"content": "Hi", "reasoning": "Hm.", "tool_calls": [CALL]}
    said = written(plain, "tool_calls", wish={})
    assert [block["type"] for block in said["content"]] == ["text", "thinking", "tool_use"]
    assert said["content"][1]["thinking"] == ""
    assert again(said)["told"]["reasoning"] == "Hm."
    deltas = [{"reasoning": "H"}, {"reasoning": "m."}, {"content": "Hi"}, piece(0, '{"a": 1}', "call_1", "f")]
    assert fold(streamed(*deltas, finish="tool_calls", wish={}))["content"] == said["content"]


def test_a_broken_seal_is_no_reasoning():
    for signature in (seal.PREFIX, seal.PREFIX + "!", seal.PREFIX + "e30=", seal.PREFIX + "bm8="):
        back = again({"content": [claude.thinking("Hm.", signature), claude.text("Hi")]})
        assert back["told"]["reasoning"] == "Hm."
        assert back["told"]["reasoning_details"] == []
