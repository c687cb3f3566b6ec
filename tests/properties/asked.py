"""Conversations as clients of each surface write them, and what the surfaces' parsers make of them."""

import json
from collections.abc import Callable
from typing import Any

from tests.properties.talk import bare

from xroute.dialects import anthropic, openai, openai_responses
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.wire.call import Call

Json = dict[str, Any]


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _mime(url: str) -> str:
    return url.removeprefix("data:").partition(";")[0]


def chat(body: Json) -> Call:
    return openai.parse(json.dumps(body).encode())


# Anthropic's Messages: https://docs.claude.com/en/api/messages, read 2026-11-21.


def messages(body: Json) -> Call:
    asked: Json = {"model": "m", "max_tokens": body["max_tokens"], "messages": []}
    for said in body["messages"]:
        blocks = [_block(part) for part in _parts(said.get("content"))]
        if said["role"] == "system":
            asked["system"] = blocks
        elif said["role"] == "tool":
            failed = {"is_error": True} if said.get("is_error") else {}
            result = {"type": "tool_result", "tool_use_id": said["tool_call_id"], "content": blocks, **failed}
            _under(asked["messages"], "user", [result])
        else:
            _under(asked["messages"], said["role"], [*blocks, *map(_use, said.get("tool_calls") or [])])
    asked["tools"] = [_offered(tool) for tool in body["tools"]]
    if choice := body.get("tool_choice"):
        words = {"auto": {"type": "auto"}, "required": {"type": "any"}}
        named = isinstance(choice, dict)
        asked["tool_choice"] = (
            {"type": "tool", "name": choice["function"]["name"]} if named else words[choice]
        )
    return anthropic.parse(json.dumps(asked).encode())


def _under(turns: list[Json], role: str, blocks: list[Json]) -> None:
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _block(part: Json) -> Json:
    kept = {"cache_control": part["cache_control"]} if "cache_control" in part else {}
    if part["type"] == "text":
        return {"type": "text", "text": part["text"], **kept}
    url = part["image_url"]["url"] if part["type"] == "image_url" else part["file"]["file_data"]
    kind = "image" if part["type"] == "image_url" else "document"
    if url.startswith("http"):
        return {"type": kind, "source": {"type": "url", "url": url}}
    return {"type": kind, "source": {"type": "base64", "media_type": _mime(url), "data": bare(url)}}


def _use(call: Json) -> Json:
    function = call["function"]
    given = json.loads(function["arguments"])
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": given}


def _offered(tool: Json) -> Json:
    function = dict(tool["function"])
    kept = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"input_schema": function.pop("parameters"), **function, **kept}


# OpenAI's Responses: https://developers.openai.com/api/reference/resources/responses, read 2026-11-21.


def responses(body: Json) -> Call:
    asked: Json = {"model": "m", "input": [], "max_output_tokens": body["max_tokens"]}
    for said in body["messages"]:
        asked["input"] += _items(said)
    asked["tools"] = [{"type": "function", "strict": False, **tool["function"]} for tool in body["tools"]]
    if choice := body.get("tool_choice"):
        named = isinstance(choice, dict)
        asked["tool_choice"] = {"type": "function", **choice["function"]} if named else choice
    return openai_responses.parse(json.dumps(asked).encode())


def _items(said: Json) -> list[Json]:
    if said["role"] == "tool":
        output = [_input(part) for part in _parts(said["content"])]
        return [{"type": "function_call_output", "call_id": said["tool_call_id"], "output": output}]
    kind = "output_text" if said["role"] == "assistant" else "input_text"
    content = [_input(part, kind) for part in _parts(said.get("content"))]
    calls = [
        {"type": "function_call", "call_id": call["id"], **call["function"]}
        for call in said.get("tool_calls") or []
    ]
    return [*([{"type": "message", "role": said["role"], "content": content}] if content else []), *calls]


def _input(part: Json, kind: str = "input_text") -> Json:
    if part["type"] == "text":
        return {"type": kind, "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
    return {"type": "input_file", **part["file"]}


# Google's generateContent: https://ai.google.dev/api/generate-content, read 2026-11-21.


def generate(body: Json) -> Call:
    asked: Json = {"contents": [], "generationConfig": {"maxOutputTokens": body["max_tokens"]}}
    names: dict[str, str] = {}
    for said in body["messages"]:
        names |= {call["id"]: call["function"]["name"] for call in said.get("tool_calls") or []}
        role = "model" if said["role"] == "assistant" else "user"
        parts = [_piece(part) for part in _parts(said.get("content"))]
        if said["role"] == "system":
            asked["systemInstruction"] = {"parts": parts}
        elif said["role"] == "tool":
            _beside(asked["contents"], role, [_answer(said, names[said["tool_call_id"]], parts)])
        else:
            _beside(asked["contents"], role, [*parts, *map(_called, said.get("tool_calls") or [])])
    asked["tools"] = [{"functionDeclarations": [_declared(tool["function"]) for tool in body["tools"]]}]
    if choice := body.get("tool_choice"):
        named = (
            {"mode": "ANY", "allowedFunctionNames": [choice["function"]["name"]]}
            if isinstance(choice, dict)
            else {"mode": {"auto": "AUTO", "required": "ANY"}[choice]}
        )
        asked["toolConfig"] = {"functionCallingConfig": named}
    return parse_gemini(json.dumps(asked).encode(), "m")


def _beside(contents: list[Json], role: str, parts: list[Json]) -> None:
    if contents and contents[-1]["role"] == role:
        contents[-1]["parts"] += parts
    else:
        contents.append({"role": role, "parts": parts})


def _piece(part: Json) -> Json:
    if part["type"] == "text":
        return {"text": part["text"]}
    url = part["image_url"]["url"] if part["type"] == "image_url" else part["file"]["file_data"]
    if url.startswith("http"):
        return {"fileData": {"fileUri": url, "mimeType": "image/png"}}
    return {"inlineData": {"mimeType": _mime(url), "data": bare(url)}}


def _called(call: Json) -> Json:
    function = call["function"]
    given = json.loads(function["arguments"])
    return {"functionCall": {"id": call["id"], "name": function["name"], "args": given}}


def _answer(said: Json, name: str, parts: list[Json]) -> Json:
    text = "".join(part["text"] for part in parts if "text" in part)
    media = [part for part in parts if "inlineData" in part]
    kind = "error" if said.get("is_error") else "output"
    answer: Json = {"id": said["tool_call_id"], "name": name, "response": {kind: text}}
    return {"functionResponse": {**answer, "parts": media} if media else answer}


def _declared(function: Json) -> Json:
    made = dict(function)
    return {"parametersJsonSchema": made.pop("parameters"), **made}


CLIENTS: dict[str, Callable[[Json], Call]] = {
    "chat": chat,
    "messages": messages,
    "responses": responses,
    "gemini": generate,
}
