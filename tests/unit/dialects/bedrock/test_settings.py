"""Settings and reasoning in a request to Converse, by the family of the model."""

import json
from typing import Any

import pytest
from tests.unit.dialects.bedrock.making import (
    ASK,
    CLAUDE_5,
    CLAUDE_46,
    LLAMA,
    NOVA,
    NOVA_2,
    OSS,
    SONNET,
    WEATHER,
    Json,
    fields,
    sent,
)

from xroute.catalog.entries import Quirks
from xroute.dialects.bedrock import decode, encode
from xroute.dialects.bedrock.families import family_of


def test_settings_have_their_own_names() -> None:
    body = {**ASK, "max_tokens": 5, "temperature": 0.5, "stop": "END", "top_k": 3}
    found = sent(body)
    assert found["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["END"]}
    assert found["additionalModelRequestFields"] == {"top_k": 3}
    assert sent(body, NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}
    assert "additionalModelRequestFields" not in sent(body, LLAMA, ("top_k",))


def test_max_completion_tokens_stands_over_max_tokens() -> None:
    found = sent({**ASK, "max_tokens": 5, "max_completion_tokens": 7})
    assert found["inferenceConfig"] == {"maxTokens": 7}


def test_a_temperature_above_one_is_cut_and_said() -> None:
    assert sent({**ASK, "temperature": 1.5}, dropped=("temperature",))["inferenceConfig"] == {
        "temperature": 1
    }


def test_claude_4_5_takes_temperature_or_top_p() -> None:
    body = {**ASK, "temperature": 0.5, "top_p": 0.9}
    assert sent(body, dropped=("top_p",))["inferenceConfig"] == {"temperature": 0.5}
    assert sent(body, NOVA)["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9}


def test_models_that_take_no_sampling_get_none() -> None:
    body = {**ASK, "temperature": 0.5, "top_p": 1, "top_k": 5}
    assert sent(body, CLAUDE_5, ("temperature", "top_k")) == sent(ASK, CLAUDE_5)
    assert sent({**ASK, "temperature": 0}, "global.openai.gpt-6-luna", ("temperature",)) == sent(ASK, LLAMA)


def test_converses_own_fields_pass() -> None:
    own = {
        "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"},
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": {"a": "b"},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
    }
    found = sent({**ASK, **own})
    assert {name: found[name] for name in own} == own


def test_tier_and_metadata_are_carried_over() -> None:
    found = sent(
        {**ASK, "service_tier": "flex", "metadata": {"team": "a", "odd": "x" * 300}}, dropped=("metadata",)
    )
    assert found["serviceTier"] == {"type": "flex"}
    assert found["requestMetadata"] == {"team": "a"}
    assert sent({**ASK, "service_tier": "scale"}, dropped=("service_tier",)) == sent(ASK)


def test_what_converse_lacks_is_named_and_what_asks_for_nothing_is_not() -> None:
    body = {
        **ASK,
        "n": 1,
        "logprobs": False,
        "stream": True,
        "stream_options": {},
        "usage": {"include": True},
    }
    assert sent(body) == sent(ASK)
    sent({**ASK, "n": 2, "seed": 3, "user": "me"}, dropped=("n", "seed", "user"))


def test_quirks_have_the_last_word() -> None:
    quirks = Quirks(drop=frozenset({"serviceTier"}), force={"performanceConfig": {"latency": "standard"}})
    encoded = encode({**ASK, "serviceTier": {"type": "flex"}}, upstream=NOVA, quirks=quirks)
    assert encoded.dropped == ("serviceTier",)
    assert encoded.body["performanceConfig"] == {"latency": "standard"}


@pytest.mark.parametrize(
    ("upstream", "effort", "expected"),
    [
        (SONNET, "high", {"thinking": {"type": "enabled", "budget_tokens": 8000}}),
        (CLAUDE_46, "high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (
            CLAUDE_5,
            "minimal",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (CLAUDE_5, "none", {"thinking": {"type": "disabled"}}),
        (SONNET, "none", None),
        (NOVA_2, "medium", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}),
        (NOVA_2, "none", {"reasoningConfig": {"type": "disabled"}}),
        (OSS, "xhigh", {"reasoning_effort": "high"}),
        ("qwen.qwen3-32b-v1:0", "low", {"reasoning_config": "low"}),
        ("global.openai.gpt-6-luna", "none", {"reasoning": {"effort": "none"}}),
        ("moonshotai.kimi-k2.5", "low", {"thinking": {"type": "enabled"}}),
    ],
)
def test_effort_in_the_words_of_the_models_maker(upstream: str, effort: str, expected: Any) -> None:
    assert fields({"reasoning": {"effort": effort}}, upstream, output=10_000) == expected
    assert fields({"reasoning_effort": effort}, upstream, output=10_000) == expected


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    assert fields({"reasoning_effort": "low"}, LLAMA, ("reasoning_effort",)) is None
    assert fields({"reasoning_effort": "none"}, LLAMA) is None


def test_a_budget_stays_below_the_clients_own_limit() -> None:
    body = {"reasoning": {"max_tokens": 9000}, "max_tokens": 4000}
    assert fields(body, SONNET) == {"thinking": {"type": "enabled", "budget_tokens": 3999}}
    assert fields({"reasoning": {"effort": "low"}, "max_tokens": 900}, SONNET, ("reasoning",)) is None


def test_thinking_takes_what_it_forbids() -> None:
    body = {**ASK, "reasoning": {"max_tokens": 2000}, "temperature": 0.2, "top_k": 5, "tools": [WEATHER]}
    found = sent({**body, "tool_choice": "required"}, dropped=("temperature", "top_k", "tool_choice"))
    assert "temperature" not in found.get("inferenceConfig", {})
    assert "toolChoice" not in found["toolConfig"]


@pytest.mark.parametrize("upstream", [SONNET, CLAUDE_46])
def test_a_turn_of_tools_that_another_model_began_is_not_thought_about_by_budget(upstream: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": "", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "1"}
    body = {
        "messages": [*ASK["messages"], said, result],
        "reasoning": {"max_tokens": 2000},
        "tools": [WEATHER],
    }
    encoded = encode(body, upstream=upstream, quirks=Quirks())
    assert encoded.dropped == ("reasoning",)
    assert "additionalModelRequestFields" not in encoded.body
    thought = {
        "type": "reasoning.text",
        "text": "hm",
        "signature": "s",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    body["messages"][-2] = {**said, "reasoning_details": [thought]}
    encoded = encode(body, upstream=upstream, quirks=Quirks())
    assert encoded.body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 2000


def test_a_limit_goes_before_novas_highest_effort() -> None:
    body = {"reasoning": {"effort": "high"}, "max_tokens": 500}
    config = {"type": "enabled", "maxReasoningEffort": "medium"}
    assert fields(body, NOVA_2, ("reasoning.effort",)) == {"reasoningConfig": config}
    assert fields({"reasoning": {"effort": "high"}, "temperature": 0.1}, NOVA_2, ("temperature",)) is not None


def test_reasoning_in_the_makers_own_words_is_left_alone() -> None:
    own = {"type": "enabled", "budget_tokens": 1024}
    assert fields({"thinking": own, "reasoning_effort": "high"}, SONNET) == {"thinking": own}
    given = {"reasoning_config": own}
    assert fields({"additionalModelRequestFields": given, "reasoning_effort": "high"}, SONNET) == given


def said_by(upstream: str, *details: Json) -> list[Json]:
    said = {"role": "assistant", "content": "so", "reasoning": "hm", "reasoning_details": list(details)}
    return sent({"messages": [*ASK["messages"], said, *ASK["messages"]]}, upstream)["messages"][1]["content"]


def test_signed_and_sealed_reasoning_goes_back_to_claude_in_front() -> None:
    signed = {
        "type": "reasoning.text",
        "text": "hm",
        "signature": "c2ln",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    sealed = {"type": "reasoning.encrypted", "data": "EuQF", "format": "anthropic-claude-v1", "index": 1}
    assert said_by(SONNET, signed, sealed) == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "RXVRRg=="}},
        {"text": "so"},
    ]
    assert said_by(OSS, signed, sealed) == [{"text": "so"}]


def test_reasoning_goes_back_only_to_who_can_read_it() -> None:
    plain = {"type": "reasoning.text", "text": "hm", "format": "amazon-bedrock-v1", "index": 0}
    assert said_by(OSS, plain)[0] == {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    assert said_by(SONNET, plain) == [{"text": "so"}]
    assert said_by("us.deepseek.r1-v1:0", plain) == [{"text": "so"}]
    assert said_by(SONNET, {**plain, "format": "google-gemini-v1", "signature": "x"}) == [{"text": "so"}]


def test_what_the_providers_tools_did_goes_back() -> None:
    use = {"toolUse": {"toolUseId": "t1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "x"}], "type": "nova_grounding_result"}}
    said = {
        "role": "assistant",
        "content": "so",
        "native_content": [use, result, {"type": "web_search_call"}],
    }
    found = sent({"messages": [*ASK["messages"], said, *ASK["messages"]]}, NOVA_2)
    assert found["messages"][1]["content"] == [use, result, {"text": "so"}]
    assert {"systemTool": {"name": "nova_grounding"}} in found["toolConfig"]["tools"]


@pytest.mark.parametrize(
    "prefix", ["", "us.", "eu.", "global.", "arn:aws:bedrock:us-east-1:1:inference-profile/us."]
)
def test_a_family_is_known_under_every_name_of_a_model(prefix: str) -> None:
    assert family_of(f"{prefix}anthropic.claude-sonnet-4-5-20250929-v1:0") == family_of(SONNET)
    assert family_of(f"{prefix}amazon.nova-2-lite-v1:0").style == "nova"


def test_behind_an_opaque_arn_hardly_anything_is_held_back() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12"
    body = {**ASK, "tools": [{**WEATHER, "cache_control": {"type": "ephemeral"}}], "tool_choice": "required"}
    config = sent(body, arn)["toolConfig"]
    assert config["toolChoice"] == {"any": {}}
    assert len(config["tools"]) == 2


@pytest.mark.parametrize(
    "upstream", [SONNET, OSS, "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab"]
)
def test_reasoning_that_a_model_wrote_goes_back_to_it(upstream: str) -> None:
    wrote = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}
    body = {"output": {"message": {"content": [wrote]}}, "stopReason": "end_turn"}
    answer = decode(json.dumps(body).encode(), model=upstream, request_id="r", created=1, quirks=Quirks())
    details = answer.body["choices"][0]["message"]["reasoning_details"]
    assert said_by(upstream, *details)[0] == wrote
