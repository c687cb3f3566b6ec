"""What the page on compatibility looks at: each feature of a request, as clients of each surface write it."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.properties.talk import PAPER, PICTURE

Json = dict[str, Any]

SURFACES = ("chat", "messages", "responses", "gemini", "completions")
LINK, PDF_LINK, SOUND = "https://i.test/a.png", "https://d.test/a.pdf", "UklGRiQAAABXQVZF"
PNG = f"data:image/png;base64,{PICTURE}"
PDF = f"data:application/pdf;base64,{PAPER}"
SCHEMA = {"type": "object", "properties": {"wanted": {"type": "string"}}, "required": ["wanted"]}
STRICT = {**SCHEMA, "additionalProperties": False}


@dataclass(frozen=True)
class Feature:
    """`asked`: surface -> the fields of its request. It has come over where `proof` is in what is sent, or,
    without a proof, where what is sent differs from that of `base`."""

    name: str
    asked: dict[str, Json] = field(default_factory=dict)
    proof: str = ""
    base: str = ""


def _user(*parts: Json) -> list[Json]:
    return [{"role": "user", "content": list(parts)}]


def _contents(*parts: Json) -> list[Json]:
    return [{"role": "user", "parts": list(parts)}]


def _input(*parts: Json) -> list[Json]:
    return [{"type": "message", "role": "user", "content": list(parts)}]


HI = "Hi"
_HI: Json = {"role": "user", "content": HI}
MINIMAL: dict[str, Json] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": HI}], "max_tokens": 9000},
    "messages": {"model": "m", "messages": [{"role": "user", "content": HI}], "max_tokens": 9000},
    "responses": {"model": "m", "input": HI, "max_output_tokens": 9000, "store": False},
    "gemini": {"contents": _contents({"text": HI}), "generationConfig": {"maxOutputTokens": 9000}},
    "completions": {"model": "m", "prompt": HI, "max_tokens": 9000},
}


def _tools(**more: Any) -> dict[str, Json]:
    """The same tool in every form."""
    schema = STRICT if more else SCHEMA
    function = {"name": "find", "description": "Finds.", "parameters": schema, **more}
    claude = {"name": "find", "description": "Finds.", "input_schema": schema, **more}
    declared = {"name": "find", "description": "Finds.", "parametersJsonSchema": schema}
    return {
        "chat": {"tools": [{"type": "function", "function": function}]},
        "messages": {"tools": [claude]},
        "responses": {"tools": [{"type": "function", "strict": False, **function}]},
        "gemini": {"tools": [{"functionDeclarations": [declared]}]},
    }


TOOLS = _tools()


def _choice(chat: Any, messages: Json, responses: Any, gemini: Json) -> dict[str, Json]:
    chosen: dict[str, Any] = {"chat": chat, "messages": messages, "responses": responses}
    made = {name: {**TOOLS[name], "tool_choice": choice} for name, choice in chosen.items()}
    return {**made, "gemini": {**TOOLS["gemini"], "toolConfig": {"functionCallingConfig": gemini}}}


def _config(**fields: Any) -> Json:
    return {"generationConfig": {"maxOutputTokens": 9000, **fields}}


def _results() -> dict[str, Json]:
    """A result of a tool that holds a picture."""
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    shown = {"type": "image_url", "image_url": {"url": PNG}}
    chat = [
        {"role": "user", "content": HI},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "See"}, shown]},
    ]
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    claude = [
        {"role": "user", "content": HI},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "find", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": [picture]}]},
    ]
    items = [
        {"type": "message", "role": "user", "content": HI},
        {"type": "function_call", "call_id": "call_1", "name": "find", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": [{"type": "input_image", "image_url": PNG}],
        },
    ]
    inside = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
    answer = {"name": "find", "response": {"output": "See"}, "parts": [inside]}
    contents = [
        *_contents({"text": HI}),
        {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {}}}]},
        *_contents({"functionResponse": answer}),
    ]
    return {
        "chat": {**TOOLS["chat"], "messages": chat},
        "messages": {**TOOLS["messages"], "messages": claude},
        "responses": {**TOOLS["responses"], "input": items},
        "gemini": {**TOOLS["gemini"], "contents": contents},
    }


def _said(*, chat: Json, messages: Json, responses: Json, gemini: Json) -> dict[str, Json]:
    """One part of a user's message in every form."""
    return {
        "chat": {"messages": _user(chat)},
        "messages": {"messages": _user(messages)},
        "responses": {"input": _input(responses)},
        "gemini": {"contents": _contents(gemini)},
    }


def _media(kind: str, name: str, url: str, mime: str) -> dict[str, Json]:
    """An image or a file by its address, or in the request."""
    is_link = url.startswith("http")
    data = url.rpartition(",")[2]
    claude = {"type": "url", "url": url} if is_link else {"type": "base64", "media_type": mime, "data": data}
    if kind == "image":
        chat: Json = {"type": "image_url", "image_url": {"url": url}}
        responses: Json = {"type": "input_image", "image_url": url, "detail": "auto"}
    else:
        file = {"file_url": url} if is_link else {"filename": "a.pdf", "file_data": url}
        chat, responses = {"type": "file", "file": file}, {"type": "input_file", **file}
    google = (
        {"fileData": {"fileUri": url, "mimeType": mime}}
        if is_link
        else {"inlineData": {"mimeType": mime, "data": data}}
    )
    return _said(chat=chat, messages={"type": name, "source": claude}, responses=responses, gemini=google)


def _everywhere(word: str, value: Any, **other: Any) -> dict[str, Json]:
    """A field that has one name on most surfaces; `other` names it, or a whole field, on the rest."""
    found: dict[str, Json] = {}
    for surface in ("chat", "messages", "responses", "completions"):
        name = other.get(surface, word)
        if name:
            found[surface] = {name: value}
    if google := other.get("gemini"):
        found["gemini"] = _config(**{google: value})
    return found


_TEXT_LINK = {"type": "text", "text": "Marked", "cache_control": {"type": "ephemeral"}}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": STRICT, "strict": True}}
_RESPONSES_FORMAT = {"type": "json_schema", "name": "answer", "schema": STRICT, "strict": True}
_NONE = {"messages": "", "responses": ""}
_NOT_OLD = {"completions": ""}

REQUESTS = (
    Feature(
        "text",
        {
            "chat": {"messages": [{"role": "user", "content": "Sentinel"}]},
            "messages": {"messages": [{"role": "user", "content": "Sentinel"}]},
            "responses": {"input": "Sentinel"},
            "gemini": {"contents": _contents({"text": "Sentinel"})},
            "completions": {"prompt": "Sentinel"},
        },
        "Sentinel",
    ),
    Feature(
        "system prompt",
        {
            "chat": {"messages": [{"role": "system", "content": "Brief!"}, {"role": "user", "content": HI}]},
            "messages": {"system": "Brief!"},
            "responses": {"instructions": "Brief!"},
            "gemini": {"systemInstruction": {"parts": [{"text": "Brief!"}]}},
        },
        "Brief!",
    ),
    Feature(
        "earlier turns",
        {
            "chat": {"messages": [_HI, {"role": "assistant", "content": "Earlier!"}, _HI]},
            "messages": {"messages": [_HI, {"role": "assistant", "content": "Earlier!"}, _HI]},
            "responses": {"input": [_HI, {"role": "assistant", "content": "Earlier!"}, _HI]},
            "gemini": {
                "contents": [
                    *_contents({"text": HI}),
                    {"role": "model", "parts": [{"text": "Earlier!"}]},
                    *_contents({"text": HI}),
                ]
            },
        },
        "Earlier!",
    ),
    Feature(
        "developer role",
        {
            "chat": {
                "messages": [{"role": "developer", "content": "Brief!"}, {"role": "user", "content": HI}]
            },
            "responses": {
                "input": [{"role": "developer", "content": "Brief!"}, {"role": "user", "content": HI}]
            },
        },
        "Brief!",
    ),
    Feature("image by URL", _media("image", "image", LINK, "image/png"), LINK),
    Feature("image in the request", _media("image", "image", PNG, "image/png"), PICTURE),
    Feature(
        "image detail",
        {
            "chat": {"messages": _user({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}})},
            "responses": {"input": _input({"type": "input_image", "image_url": PNG, "detail": "low"})},
        },
        base="image in the request",
    ),
    Feature("PDF in the request", _media("file", "document", PDF, "application/pdf"), PAPER),
    Feature("PDF by URL", _media("file", "document", PDF_LINK, "application/pdf"), PDF_LINK),
    Feature(
        "audio in",
        {
            "chat": {
                "messages": _user({"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}})
            },
            "gemini": {"contents": _contents({"inlineData": {"mimeType": "audio/wav", "data": SOUND}})},
        },
        SOUND,
    ),
    Feature("tools", TOOLS, '"find"'),
    Feature(
        "tool_choice required",
        _choice("required", {"type": "any"}, "required", {"mode": "ANY"}),
        base="tools",
    ),
    Feature("tool_choice none", _choice("none", {"type": "none"}, "none", {"mode": "NONE"}), base="tools"),
    Feature(
        "tool_choice by name",
        _choice(
            {"type": "function", "function": {"name": "find"}},
            {"type": "tool", "name": "find"},
            {"type": "function", "name": "find"},
            {"mode": "ANY", "allowedFunctionNames": ["find"]},
        ),
        base="tools",
    ),
    Feature("strict tools", {**_tools(strict=True), "gemini": {}}, base="tools"),
    Feature(
        "no parallel tool calls",
        {
            "chat": {**TOOLS["chat"], "parallel_tool_calls": False},
            "messages": {
                **TOOLS["messages"],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
            "responses": {**TOOLS["responses"], "parallel_tool_calls": False},
        },
        base="tools",
    ),
    Feature("image in a tool's result", _results(), PICTURE),
    Feature(
        "JSON mode",
        {
            "chat": {"response_format": {"type": "json_object"}},
            "responses": {"text": {"format": {"type": "json_object"}}},
            "gemini": _config(responseMimeType="application/json"),
        },
    ),
    Feature(
        "JSON schema",
        {
            "chat": {"response_format": _FORMAT},
            "messages": {"output_config": {"format": {"type": "json_schema", "schema": STRICT}}},
            "responses": {"text": {"format": _RESPONSES_FORMAT}},
            "gemini": _config(responseMimeType="application/json", responseJsonSchema=STRICT),
        },
        "wanted",
    ),
    Feature(
        "reasoning effort",
        {
            "chat": {"reasoning_effort": "high"},
            "messages": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            "responses": {"reasoning": {"effort": "high"}},
            "gemini": _config(thinkingConfig={"thinkingLevel": "HIGH"}),
        },
    ),
    Feature(
        "reasoning budget",
        {
            "chat": {"reasoning": {"max_tokens": 2345}},
            "messages": {"thinking": {"type": "enabled", "budget_tokens": 2345}},
            "gemini": _config(thinkingConfig={"thinkingBudget": 2345}),
        },
    ),
    Feature(
        "cache markers",
        {
            "chat": {"messages": _user(_TEXT_LINK)},
            "messages": {"messages": _user(_TEXT_LINK)},
        },
        "cache",
    ),
    Feature("prompt_cache_key", _everywhere("prompt_cache_key", "k1", messages="", **_NOT_OLD), "k1"),
    Feature("temperature", _everywhere("temperature", 0.25, gemini="temperature"), "0.25"),
    Feature("top_p", _everywhere("top_p", 0.35, gemini="topP"), "0.35"),
    Feature("top_k", _everywhere("top_k", 37, responses="", completions="", gemini="topK"), "37"),
    Feature(
        "stop sequences",
        _everywhere("stop", ["END"], messages="stop_sequences", responses="", gemini="stopSequences"),
        "END",
    ),
    Feature("seed", _everywhere("seed", 424242, **_NONE, gemini="seed"), "424242"),
    Feature(
        "frequency and presence penalty",
        {
            "chat": {"frequency_penalty": 0.125, "presence_penalty": 0.375},
            "completions": {"frequency_penalty": 0.125, "presence_penalty": 0.375},
            "gemini": _config(frequencyPenalty=0.125, presencePenalty=0.375),
        },
    ),
    Feature("n", _everywhere("n", 3, **_NONE, gemini="candidateCount")),
    Feature("logit_bias", _everywhere("logit_bias", {"50256": -77}, **_NONE), "50256"),
    Feature(
        "logprobs",
        {
            "chat": {"logprobs": True, "top_logprobs": 4},
            "responses": {"include": ["message.output_text.logprobs"], "top_logprobs": 4},
            "gemini": _config(responseLogprobs=True, logprobs=4),
            "completions": {"logprobs": 4},
        },
    ),
    Feature(
        "web search at the provider",
        {
            "chat": {"tools": [{"type": "web_search"}]},
            "messages": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "responses": {"tools": [{"type": "web_search"}]},
            "gemini": {"tools": [{"googleSearch": {}}]},
        },
    ),
    Feature(
        "service tier",
        {
            "chat": {"service_tier": "flex"},
            "messages": {"service_tier": "standard_only"},
            "responses": {"service_tier": "flex"},
        },
    ),
    Feature("metadata", _everywhere("metadata", {"team": "sentinel"}, messages="", **_NOT_OLD), "sentinel"),
    Feature(
        "user",
        {
            "chat": {"user": "someone"},
            "messages": {"metadata": {"user_id": "someone"}},
            "responses": {"user": "someone"},
            "completions": {"user": "someone"},
        },
        "someone",
    ),
)


def raw(surface: str, fields: Json) -> bytes:
    """The request of a client."""
    return json.dumps({**MINIMAL[surface], **fields}).encode()
