"""A request of an Anthropic client becomes a Call: nothing is lost, what is wrong is named by its field."""

from typing import Any

import orjson
import pytest
from tests.fixtures import claude
from tests.fixtures.claude import HI, call

from xroute.dialects.anthropic.parse import parse, parse_count
from xroute.errors import InvalidPrompt, InvalidRequest


def test_the_smallest_request_is_a_call():
    made = call()
    assert made.body == {"model": "m", "max_tokens": 9, "messages": HI}
    assert (made.models, made.stream, made.max_tokens, made.operation) == (("m",), False, 9, "chat")
    assert made.surface.dialect == "anthropic"
    assert made.raw == orjson.dumps({"model": "m", "max_tokens": 9, "messages": HI})


def test_only_the_headers_that_the_provider_has_to_see_go_along():
    made = parse(orjson.dumps(claude.turn()), claude.HEADERS)
    assert made.headers == (("anthropic-version", "2023-06-01"), ("anthropic-beta", claude.BETAS))
    assert parse(orjson.dumps(claude.turn()), {}).headers == ()
    assert parse(orjson.dumps(claude.turn())).headers == ()


def test_a_turn_of_claude_code_keeps_everything():
    raw = orjson.dumps(claude.turn())
    made = parse(raw, claude.HEADERS)
    system, question, answer, first, second, remark = made.body["messages"]
    assert system == {"role": "system", "content": claude.system()[1:]}
    assert question == claude.history()[0]
    assert answer["content"] == "I look at both files."
    assert answer["reasoning"] == "Look at both."
    assert answer["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "Look at both.",
            "signature": "EsigOfAnthropic==",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
    ]
    assert [(c["id"], c["function"]["name"]) for c in answer["tool_calls"]] == [
        ("toolu_1", "Bash"),
        ("toolu_2", "Read"),
    ]
    assert orjson.loads(answer["tool_calls"][0]["function"]["arguments"]) == {
        "command": "make test",
        "timeout": 60,
    }
    assert first == {
        "role": "tool",
        "tool_call_id": "toolu_1",
        "content": "make: *** [test] Error 1",
        "is_error": True,
    }
    assert (second["tool_call_id"], second["cache_control"]) == ("toolu_2", claude.MARK)
    assert second["content"][1]["image_url"] == {"url": "data:image/png;base64,iVBORw0K"}
    assert remark == {"role": "user", "content": "[Request interrupted by user]"}
    assert made.body["reasoning"] == {"enabled": True, "effort": "medium"}
    assert made.body["context_management"] == claude.turn()["context_management"]
    assert made.raw == raw
    assert made.abilities == {"tools", "streaming", "image"}
    assert made.is_heavy


def test_the_tools_of_claude_code_are_functions_with_their_marks():
    made = parse(orjson.dumps(claude.turn())).body["tools"]
    assert [tool["function"]["name"] for tool in made] == [tool["name"] for tool in claude.tools()]
    assert made[0]["function"]["parameters"] == claude.tools()[0]["input_schema"]
    assert made[-2]["eager_input_streaming"] is True
    assert made[-1]["cache_control"] == claude.MARK


def test_two_requests_that_differ_in_the_billing_line_alone_have_the_same_prompt():
    first, second = (parse(orjson.dumps(claude.turn(nonce))).body for nonce in ("aaaaa", "bbbbb"))
    assert first == second
    lines = "x-anthropic-billing-header: cch=1;\nBe brief."
    assert call(system=lines).body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert call(system="x-anthropic-billing-header: cch=1;").body["messages"] == HI


def test_the_title_of_a_session_is_json_by_a_schema():
    made = parse(orjson.dumps(claude.title()))
    wanted = made.body["response_format"]["json_schema"]
    assert made.body["response_format"]["type"] == "json_schema"
    assert wanted["schema"] == claude.title()["output_config"]["format"]["schema"]
    assert wanted["strict"] is True
    assert made.body["reasoning"] == {"enabled": False}
    assert "output_config" not in made.body
    assert "tools" not in made.body
    assert made.abilities == {"streaming", "json_schema"}


def test_a_long_name_of_a_user_becomes_a_short_one_that_stays_the_same():
    first, second = (parse(orjson.dumps(body)).body["user"] for body in (claude.turn(), claude.title()))
    assert first == second
    assert len(first) == 64
    assert call(metadata={"user_id": "ann"}).body["user"] == "ann"
    assert "user" not in call(metadata={"user_id": None}).body
    assert "metadata" not in call(metadata={"user_id": "ann"}).body


def test_a_count_needs_no_limit_of_the_answer():
    made = parse_count(orjson.dumps(claude.count()), claude.HEADERS)
    assert (made.operation, made.stream, made.max_tokens) == ("count_tokens", False, 0)
    assert made.headers[0] == ("anthropic-version", "2023-06-01")
    assert "streaming" not in parse_count(orjson.dumps(claude.turn())).abilities


def test_the_other_fields_have_openai_s_names():
    body = call(
        stop_sequences=["a", "b"], top_k=5, top_p=0.5, temperature=0.1, service_tier="standard_only"
    ).body
    assert (body["stop"], body["top_k"], body["top_p"], body["temperature"]) == (["a", "b"], 5, 0.5, 0.1)
    assert body["service_tier"] == "default"
    assert not {"stop_sequences", "system", "thinking"} & body.keys()


def test_what_only_anthropic_has_stays():
    more = {"container": "c1", "mcp_servers": [{"type": "url"}], "inference_geo": "eu", "brand_new": [1]}
    body = call(**more, output_config={"effort": "low", "task_budget": {"total": 5}}).body
    assert more.items() <= body.items()
    assert body["output_config"] == {"task_budget": {"total": 5}}


def test_a_schema_that_openai_would_refuse_is_not_called_strict():
    open_ = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    open_ |= {"required": ["a"], "additionalProperties": False}
    body = call(output_config={"format": {"type": "json_schema", "schema": open_}}).body
    assert body["response_format"]["json_schema"]["strict"] is False
    older = call(output_format={"type": "json_schema", "schema": {**open_, "required": ["a", "b"]}}).body
    assert older["response_format"]["json_schema"]["strict"] is True


def test_our_own_extras_are_honoured():
    made = call(models=["b", "c"], provider={"order": ["x"]}, timeouts={"total": 5})
    assert (made.models, made.provider, made.timeouts) == (
        ("m", "b", "c"),
        {"order": ["x"]},
        {"total": 5.0},
    )


def test_a_limit_of_nothing_is_one_for_those_who_cannot():
    made = call(max_tokens=0)
    assert made.body["max_tokens"] == 1
    assert orjson.loads(made.raw)["max_tokens"] == 0


def test_pictures_do_not_count_as_text():
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}
    made = call(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])
    assert made.text_bytes < 300
    assert made.is_heavy


F = {"name": "f", "input_schema": {"type": "object"}}


def content(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def answered(*blocks: Any) -> dict[str, Any]:
    return {"messages": [*HI, {"role": "assistant", "content": list(blocks)}]}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": "5"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"model": None}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": ["Hi"]}, "messages.0"),
    ({"messages": [*HI, {"content": "Hi"}]}, "messages.1.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
    (content("Hi"), "messages.0.content.0"),
    (content({"text": "a"}), "messages.0.content.0.type"),
    (content({"type": "text"}), "messages.0.content.0.text"),
    (content({"type": "text", "text": "a"}, {"type": "image"}), "messages.0.content.1.source"),
    (
        content({"type": "image", "source": {"type": "base64", "data": "A"}}),
        "messages.0.content.0.source.media_type",
    ),
    (content({"type": "image", "source": {"type": "url"}}), "messages.0.content.0.source.url"),
    (content({"type": "tool_result"}), "messages.0.content.0.tool_use_id"),
    (
        content({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 1}]}),
        "messages.0.content.0.content.0.text",
    ),
    (answered({"type": "tool_use", "id": "a", "name": "b"}), "messages.1.content.0.input"),
    (answered({"type": "tool_use", "id": "a", "input": {}}), "messages.1.content.0.name"),
    (answered({"type": "thinking", "signature": "a"}), "messages.1.content.0.thinking"),
    (answered({"type": "redacted_thinking"}), "messages.1.content.0.data"),
    ({"system": [{"type": "text"}]}, "system.0.text"),
    ({"system": 7}, "system"),
    ({"tools": {}}, "tools"),
    ({"tools": ["f"]}, "tools.0"),
    ({"tools": [F, {"input_schema": {}}]}, "tools.1.name"),
    ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
    ({"tools": [{"type": 7}]}, "tools.0.type"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {}}, "tool_choice.type"),
    ({"tool_choice": {"type": "often"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"stop_sequences": "x"}, "stop_sequences"),
    ({"stop_sequences": ["x", 1]}, "stop_sequences.1"),
    ({"thinking": True}, "thinking"),
    ({"output_config": {"format": "json"}}, "output_config.format"),
    ({"stream": "yes"}, "stream"),
    ({"temperature": "hot"}, "temperature"),
    ({"metadata": []}, "metadata"),
    ({"models": "m"}, "models"),
    ({"timeouts": {"total": 0}}, "timeouts.total"),
    ({"n": "2"}, "n"),
    ({"stream_options": "x"}, "stream_options"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named_by_its_field(fields, param):
    raw = orjson.dumps({"model": "m", "max_tokens": 9, "messages": HI} | fields)
    with pytest.raises(InvalidRequest) as caught:
        parse(raw)
    assert caught.value.param == param
    assert param in caught.value.message
    assert caught.value.code in ("invalid_value", "missing_field")
    prompt = param.startswith(("messages", "system"))
    assert isinstance(caught.value, InvalidPrompt) == prompt


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b'{"a": NaN}'])
def test_what_is_no_json_is_said_to_be_none(raw):
    with pytest.raises(InvalidRequest) as caught:
        parse(raw)
    assert caught.value.code == "invalid_json"
