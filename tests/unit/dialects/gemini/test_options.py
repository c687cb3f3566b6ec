"""Tools, settings and the form of the answer, as Gemini takes them."""

import json

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.gemini import UNSUPPORTED, encode

OLD, NEW = "gemini-2.5-flash", "gemini-3.5-flash"
USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def asked(upstream=NEW, quirks=None, **body):
    body = {"model": "m", "messages": [USER], **body}
    return encode(body, upstream=upstream, quirks=quirks or Quirks())


def config(upstream=NEW, **body):
    return asked(upstream, **body).body.get("generationConfig", {})


def test_tools_keep_their_schema_whole() -> None:
    schema = {
        "$defs": {"x": {"type": "string"}},
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x"}, "kind": {"const": "k"}, "const": {"type": "string"}},
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    declared = asked(tools=[tool]).body["tools"][0]["functionDeclarations"][0]
    sent = declared.pop("parametersJsonSchema")
    assert declared == {"name": "f", "description": "d"}
    assert sent["properties"].pop("kind") == {"const": "k", "enum": ["k"]}
    schema["properties"].pop("kind")
    assert sent == schema


def test_server_side_tools_have_neutral_words_and_native_ones_pass() -> None:
    tools = [
        {"type": "web_search"},
        {"type": "web_fetch"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"googleMaps": {}},
        {"type": "fileSearch", "fileSearch": {"fileSearchStoreNames": ["a"]}},
        {"type": "mcp", "server_url": "x"},
        {"type": "custom", "custom": {"name": "c"}},
    ]
    found = asked(tools=tools)
    assert found.body["tools"] == [
        {"googleSearch": {}},
        {"urlContext": {}},
        {"codeExecution": {}},
        {"googleMaps": {}},
        {"fileSearch": {"fileSearchStoreNames": ["a"]}},
    ]
    assert found.dropped == ("tools[5]", "tools[6]")


def test_a_search_may_be_asked_for_by_openais_chat_field() -> None:
    found = asked(web_search_options={"search_context_size": "low"})
    assert found.body["tools"] == [{"googleSearch": {}}]
    assert found.dropped == ("web_search_options.search_context_size",)


def test_own_tools_beside_functions_show_their_traces_where_the_provider_can() -> None:
    tools = [TOOL, {"type": "web_search"}]
    assert asked(tools=tools).body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert "toolConfig" not in asked(OLD, tools=tools).body
    quirks = Quirks(drop=frozenset({"include_server_side_tool_invocations"}))
    assert "toolConfig" not in asked(tools=tools, quirks=quirks).body


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("none", {"mode": "NONE"}),
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_every_form_of_tool_choice(choice, calling) -> None:
    found = asked(tools=[TOOL], tool_choice=choice)
    assert found.body["toolConfig"] == {"functionCallingConfig": calling}
    assert found.dropped == ()


def test_strict_functions_are_validated() -> None:
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    assert asked(tools=[strict]).body["toolConfig"]["functionCallingConfig"] == {"mode": "VALIDATED"}


def test_a_schema_is_native() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    native = {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    assert config(OLD, response_format=wanted) == native
    assert config(NEW, response_format=wanted, tools=[TOOL]) == native
    assert config(OLD, response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}


def test_older_models_answer_beside_functions_through_one_more() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    body = asked(OLD, response_format=wanted, tools=[TOOL]).body
    assert [f["name"] for f in body["tools"][0]["functionDeclarations"]] == ["f", "xroute_answer"]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert "generationConfig" not in body
    quiet = asked(OLD, response_format=wanted, tools=[TOOL], tool_choice="none").body
    assert "tools" not in quiet
    assert quiet["generationConfig"]["responseMimeType"] == "application/json"
    assert asked(OLD, response_format=wanted, tools=[TOOL], tool_choice="required").dropped == (
        "response_format",
    )


def test_settings_have_their_names_in_generation_config() -> None:
    given = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "max_tokens": 1,
        "max_completion_tokens": 7,
        "n": 2,
        "stop": "x",
        "seed": 2**40 + 5,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 4,
    }
    assert config(**given) == {
        "temperature": 0,
        "topP": 0.5,
        "topK": 3,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "maxOutputTokens": 7,
        "candidateCount": 2,
        "seed": 5,
        "stopSequences": ["x"],
        "responseLogprobs": True,
        "logprobs": 4,
    }
    assert config(n=1, logprobs=False) == {}


@pytest.mark.parametrize(
    ("upstream", "body", "expected"),
    [
        (
            OLD,
            {"reasoning_effort": "medium", "max_tokens": 10_000},
            {"thinkingBudget": 5000, "includeThoughts": True},
        ),
        (
            OLD,
            {"reasoning_effort": "high", "max_tokens": 500},
            {"thinkingBudget": 400, "includeThoughts": True},
        ),
        (OLD, {"reasoning": {"max_tokens": 300}}, {"thinkingBudget": 300, "includeThoughts": True}),
        (
            OLD,
            {"reasoning": {"max_tokens": -1, "exclude": True}},
            {"thinkingBudget": -1, "includeThoughts": False},
        ),
        (OLD, {"reasoning": {"exclude": False}}, {"includeThoughts": True}),
        (OLD, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        (
            "gemini-2.5-pro",
            {"reasoning": {"max_tokens": 90_000}},
            {"thinkingBudget": 32768, "includeThoughts": True},
        ),
        (NEW, {"reasoning_effort": "minimal"}, {"thinkingLevel": "minimal", "includeThoughts": True}),
        (NEW, {"reasoning": {"effort": "xhigh"}}, {"thinkingLevel": "high", "includeThoughts": True}),
        (NEW, {"reasoning": {"max_tokens": 300}}, {"thinkingBudget": 300, "includeThoughts": True}),
        (NEW, {"reasoning": {"enabled": False}}, {"thinkingLevel": "minimal"}),
        (
            "gemini-3.1-pro-preview",
            {"reasoning_effort": "minimal"},
            {"thinkingLevel": "low", "includeThoughts": True},
        ),
        (
            "gemini-3-pro-preview",
            {"reasoning_effort": "medium"},
            {"thinkingLevel": "low", "includeThoughts": True},
        ),
    ],
)
def test_how_much_to_think_is_told_as_the_model_takes_it(upstream, body, expected) -> None:
    found = asked(upstream, **body)
    assert found.body["generationConfig"]["thinkingConfig"] == expected
    assert found.dropped == ()


def test_thinking_that_cannot_be_switched_off_or_on_is_named() -> None:
    off = asked("gemini-2.5-pro", reasoning_effort="none")
    assert off.body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 128}
    assert off.dropped == ("reasoning_effort",)
    on = asked("gemini-2.0-flash", reasoning={"effort": "high"})
    assert "generationConfig" not in on.body
    assert on.dropped == ("reasoning",)
    assert asked("gemini-2.0-flash", reasoning={"enabled": False}).dropped == ()


def test_sound_and_images_are_asked_for() -> None:
    voice = {"voice": "Kore", "format": "wav"}
    found = asked("gemini-2.5-flash-preview-tts", modalities=["text", "audio"], audio=voice)
    assert found.body["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    assert found.dropped == ("audio.format",)
    assert config(modalities=["text", "image"]) == {"responseModalities": ["TEXT", "IMAGE"]}
    assert config(modalities=["text"]) == {}


def test_geminis_own_fields_pass_in_either_spelling_and_from_googles_own_place() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    extra = {"google": {"cached_content": "cachedContents/1", "thinking_config": {"thinking_budget": 3}}}
    found = asked(
        safetySettings=safety, extra_body=extra, image_config={"aspect_ratio": "1:1"}, labels={"a": "b"}
    )
    assert found.body["safetySettings"] == safety
    assert found.body["cachedContent"] == "cachedContents/1"
    assert found.body["labels"] == {"a": "b"}
    assert found.body["generationConfig"] == {
        "thinkingConfig": {"thinking_budget": 3},
        "imageConfig": {"aspect_ratio": "1:1"},
    }
    assert found.dropped == ()


def test_metadata_that_can_be_are_labels() -> None:
    found = asked(metadata={"team": "search", "Note": "Hello, world"})
    assert found.body["labels"] == {"team": "search"}
    assert found.dropped == ("metadata.Note",)


@pytest.mark.parametrize(
    ("tier", "expected", "dropped"),
    [
        ("auto", None, ()),
        ("default", "standard", ()),
        ("flex", "flex", ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_service_tiers_have_googles_words(tier, expected, dropped) -> None:
    found = asked(service_tier=tier)
    assert (found.body.get("serviceTier"), found.dropped) == (expected, dropped)


def test_what_gemini_has_no_field_for_is_left_out_and_named() -> None:
    given = dict.fromkeys(sorted(UNSUPPORTED), 1) | {"user": None}
    found = asked(**given, parallel_tool_calls=False, whatever=1, stream=True)
    assert set(found.dropped) == (UNSUPPORTED - {"user"}) | {"whatever", "parallel_tool_calls"}
    assert set(found.body) == {"contents"}
    assert asked(parallel_tool_calls=True).dropped == ()


def test_cache_marks_are_named_once() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "a", **mark}]}, {**USER, **mark}]
    found = asked(messages=messages, tools=[{**TOOL, **mark}])
    assert found.dropped == ("cache_control",)
    assert "cache_control" not in json.dumps(found.body)


def test_quirks_of_the_provider_are_kept_to() -> None:
    quirks = Quirks(drop=frozenset({"store", "top_k"}), force={"serviceTier": "flex"})
    found = asked(store=True, top_k=1, quirks=quirks)
    assert found.body["serviceTier"] == "flex"
    assert "store" not in found.body
    assert set(found.dropped) == {"store", "top_k"}


def test_googles_own_tools_do_not_stand_beside_functions_in_older_models() -> None:
    """Codex asks for a search with every call: 2.5 would refuse the whole request for it."""
    tools = [TOOL, {"type": "web_search"}]
    assert asked(NEW, tools=tools).body["tools"][1:] == [{"googleSearch": {}}]
    found = asked(OLD, tools=tools, web_search_options={})
    assert [list(tool) for tool in found.body["tools"]] == [["functionDeclarations"]]
    assert found.dropped == ("tools[1]", "web_search_options")
    assert asked(OLD, tools=tools[1:]).body["tools"] == [{"googleSearch": {}}]
    for kept in ({"functionDeclarations": [{"name": "g"}]}, {"codeExecution": {}}):
        found = asked(OLD, tools=[TOOL, kept])
        assert (found.body["tools"][1], found.dropped) == (kept, ())
