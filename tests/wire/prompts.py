"""A recorded generateContent request: in canonical form, what it means, and whether Google's SDK takes it."""

import json
import re
from typing import Any

from google.genai import types
from pydantic import ValidationError

Json = dict[str, Any]

FORMAT = "google-gemini-v1"
SOUNDS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/aac": "aac",
}
# What stands under these is the client's own, no field of Google's.
OPAQUE = (
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "labels",
)
SETTINGS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_completion_tokens",
    "stopSequences": "stop",
    "candidateCount": "n",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
EXTRAS = ("imageConfig", "speechConfig", "mediaResolution", "audioTimestamp")
SERVER = {"googleSearch": "web_search", "urlContext": "web_fetch", "codeExecution": "code_interpreter"}
KINDS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")


def camel(value: Any) -> Any:
    """Google takes snake case as well; here everything is camel case, and what is null is not there."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: Json = {}
    for name, inner in value.items():
        key = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
        if inner is not None:
            made[key] = inner if key in OPAQUE else camel(inner)
    return made


def canonical_of(given: Json) -> Json:
    """The camel-case request as an OpenAI client would write it."""
    body: Json = {"model": "x", "messages": []}
    if system := given.get("systemInstruction"):
        texts = [{"type": "text", "text": part["text"]} for part in _parts(system)]
        body["messages"].append({"role": "system", "content": texts})
    ids = _Ids()
    for content in _contents(given):
        body["messages"] += _messages(content, ids)
    config = given.get("generationConfig") or {}
    body |= {ours: config[theirs] for theirs, ours in SETTINGS.items() if theirs in config}
    body |= {name: config[name] for name in EXTRAS if name in config}
    body |= {
        name: given[name]
        for name in ("safetySettings", "cachedContent", "labels", "modelArmorConfig")
        if name in given
    }
    _answers(body, config)
    if config.get("thinkingConfig"):
        body["reasoning"] = _reasoning(config["thinkingConfig"])
    body["tools"] = [tool for group in given.get("tools") or [] for tool in _tools(group)]
    _choose(body, (given.get("toolConfig") or {}).get("functionCallingConfig") or {})
    return {name: value for name, value in body.items() if value not in ([], {})}


def meant(given: Json) -> Json:
    """What a request says, without differences that mean nothing."""
    config = given.get("generationConfig") or {}
    tools = given.get("tools") or []
    declared = [function for tool in tools for function in tool.get("functionDeclarations") or []]
    return {
        "system": "".join(part.get("text", "") for part in _parts(given.get("systemInstruction") or {})),
        "parts": [
            piece
            for content in _contents(given)
            for part in _parts(content)
            if (piece := _piece(content, part)) != ("model", "text", "", None)
        ],
        "settings": {name: config[name] for name in (*SETTINGS, *EXTRAS) if _tells(name, config.get(name))},
        "functions": {function["name"]: _function(function) for function in declared},
        "server": sorted(name for tool in tools for name in tool if name != "functionDeclarations"),
        "calling": _calling((given.get("toolConfig") or {}).get("functionCallingConfig") or {}, declared),
        "json": config.get("responseMimeType") == "application/json",
        "schema": _fields(config.get("responseJsonSchema") or config.get("responseSchema") or {}),
        "thinking": {
            k: str(v).lower() for k, v in (config.get("thinkingConfig") or {}).items() if v is not False
        },
        "modalities": sorted(set(config.get("responseModalities") or []) - {"TEXT"}),
        **{
            name: given.get(name) or None
            for name in ("safetySettings", "cachedContent", "labels", "modelArmorConfig")
        },
    }


def problem(given: Json) -> str:
    """Why the SDK's types refuse a request; "" where they take it."""
    beside = {"contents", "generationConfig", "model"}
    config = {name: value for name, value in given.items() if name not in beside}
    try:
        for content in _contents(given):
            types.Content.model_validate(content)
        types.GenerateContentConfig.model_validate(config | (given.get("generationConfig") or {}))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{first['loc']} {first['msg']}"
    except AttributeError:  # of the SDK itself, where an enum is given as a number
        return "an enum as a number"
    return ""


def _contents(given: Json) -> list[Json]:
    contents = given.get("contents") or []
    contents = contents if isinstance(contents, list) else [contents]
    return [{"parts": [{"text": item}]} if isinstance(item, str) else item for item in contents]


def _parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"text": content}]
    parts = content.get("parts") or []
    return parts if isinstance(parts, list) else [parts]


class _Ids:
    """The ids of function calls, which many clients leave out."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []

    def call(self, call: Json) -> str:
        self._made += 1
        self._open.append((call["name"], call.get("id") or f"call_{self._made}"))
        return self._open[-1][1]

    def answer(self, response: Json) -> str:
        if response.get("id"):
            return response["id"]
        found = next((pair for pair in self._open if pair[0] == response["name"]), ("", "call_lost"))
        if found in self._open:
            self._open.remove(found)
        return found[1]


def _messages(content: Json, ids: _Ids) -> list[Json]:
    if content.get("role") == "model":
        return [_assistant(_parts(content), ids)]
    found: list[Json] = []
    for part in _parts(content):
        if "functionResponse" in part:
            found.append(_result(part["functionResponse"], ids))
        elif found and found[-1]["role"] == "user":
            found[-1]["content"].append(_user(part))
        else:
            found.append({"role": "user", "content": [_user(part)]})
    return found


def _user(part: Json) -> Json:
    beside = {"videoMetadata": part["videoMetadata"]} if "videoMetadata" in part else {}
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "fileData" in part:
        return {**_file(part["fileData"]), **beside}
    if "inlineData" not in part:
        return part
    mime, data = part["inlineData"]["mimeType"], part["inlineData"]["data"]
    url = f"data:{mime};base64,{data}"
    match mime.partition("/")[0]:
        case "image":
            return {"type": "image_url", "image_url": {"url": url}}
        case "audio":
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": SOUNDS.get(mime, mime[6:])},
            }
        case "video":
            return {"type": "video_url", "video_url": {"url": url}, **beside}
        case _:
            return {"type": "file", "file": {"file_data": url, "filename": "a"}}


def _file(data: Json) -> Json:
    kind, uri, mime = data.get("mimeType", "").partition("/")[0], data["fileUri"], data.get("mimeType")
    if kind in ("image", "video"):
        return {"type": f"{kind}_url", f"{kind}_url": {"url": uri, "mime_type": mime}}
    return {"type": "file", "file": {"file_url": uri, "mime_type": mime}}


def _result(response: Json, ids: _Ids) -> Json:
    said = {"type": "text", "text": json.dumps(response.get("response"))}
    more = [_user(part) for part in response.get("parts") or []]
    return {
        "role": "tool",
        "tool_call_id": ids.answer(response),
        "name": response["name"],
        "content": [said, *more],
    }


def _assistant(parts: list[Json], ids: _Ids) -> Json:
    said: Json = {"role": "assistant", "content": [], "tool_calls": [], "images": []}
    details: list[Json] = []
    natives: list[Json] = []
    for part in parts:
        signature, owner = part.get("thoughtSignature"), None
        if part.get("thought"):
            details.append({"type": "reasoning.text", "text": part.get("text") or "", "signature": signature})
            continue
        if "functionCall" in part:
            call = part["functionCall"]
            owner = ids.call(call)
            function = {"name": call["name"], "arguments": json.dumps(call.get("args") or {})}
            said["tool_calls"].append({"id": owner, "type": "function", "function": function})
        elif "inlineData" in part:
            owner = f"image_{len(said['images'])}"
            said["images"].append(_user(part))
        elif any(kind in part for kind in KINDS):
            natives.append(part)
            continue
        else:
            said["content"].append({"type": "text", "text": part.get("text") or ""})
        if signature:
            details.append({"type": "reasoning.encrypted", "data": signature, "id": owner})
    said["reasoning_details"] = [{**d, "format": FORMAT, "index": n} for n, d in enumerate(details)]
    said["native_content"] = natives
    return {name: value for name, value in said.items() if value != [] or name == "content"}


def _answers(body: Json, config: Json) -> None:
    """The form of the answer."""
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    elif config.get("responseMimeType") == "application/json":
        body["response_format"] = {"type": "json_object"}
    if modalities := config.get("responseModalities"):
        body["modalities"] = [word.lower() for word in modalities]


def _reasoning(config: Json) -> Json:
    wish: Json = {"exclude": config.get("includeThoughts") is not True}
    if (budget := config.get("thinkingBudget")) is not None:
        wish["max_tokens"] = budget
    if level := config.get("thinkingLevel"):
        wish["effort"] = level.lower()
    return wish


def _tools(group: Json) -> list[Json]:
    found: list[Json] = []
    for name, value in group.items():
        if name == "functionDeclarations":
            for function in value:
                schema = function.get("parametersJsonSchema") or function.get("parameters")
                made = {
                    "name": function["name"],
                    "description": function.get("description"),
                    "parameters": schema,
                }
                found.append(
                    {"type": "function", "function": {k: v for k, v in made.items() if v is not None}}
                )
        else:
            found.append({"type": SERVER[name]} if name in SERVER and not value else {name: value})
    return found


def _choose(body: Json, calling: Json) -> None:
    mode, names = str(calling.get("mode", "")).upper(), calling.get("allowedFunctionNames") or []
    if mode == "VALIDATED" and not names:
        for tool in body["tools"]:
            if "function" in tool:
                tool["function"]["strict"] = True
    elif names:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        allowed = {"mode": "required" if mode == "ANY" else "auto", "tools": tools}
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
    elif mode:
        body["tool_choice"] = {"ANY": "required", "NONE": "none", "AUTO": "auto"}[mode]


def _piece(content: Json, part: Json) -> Any:
    """One part, as far as it means something."""
    role, signature = content.get("role") or "user", part.get("thoughtSignature")
    if call := part.get("functionCall"):
        return (role, "call", call["name"], json.dumps(call.get("args") or {}, sort_keys=True), signature)
    if result := part.get("functionResponse"):
        media = [_piece({}, inner) for inner in result.get("parts") or []]
        return (role, "result", result["name"], json.dumps(result.get("response"), sort_keys=True), media)
    if blob := part.get("inlineData"):
        mime = SOUNDS.get(blob["mimeType"], blob["mimeType"])
        return (role, "blob", mime, blob["data"], part.get("videoMetadata"), signature)
    if file := part.get("fileData"):
        return (role, "file", file["fileUri"], file.get("mimeType"), part.get("videoMetadata"))
    if "text" in part or "thought" in part:
        return (role, "thought" if part.get("thought") else "text", part.get("text") or "", signature)
    return (role, json.dumps(part, sort_keys=True))


def _function(function: Json) -> Any:
    schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
    return function.get("description") or "", _fields(schema)


def _fields(schema: Any) -> Any:
    """A schema without the `enum` that stands beside a `const`."""
    if isinstance(schema, list):
        return [_fields(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {n: _fields(v) for n, v in schema.items() if not (n == "enum" and v == [schema.get("const")])}


def _calling(calling: Json, declared: list[Json]) -> Any:
    """AUTO is the default."""
    mode = str(calling.get("mode", "AUTO")).upper()
    return (mode, calling.get("allowedFunctionNames") or []) if declared and mode != "AUTO" else None


def _tells(name: str, value: Any) -> bool:
    return value not in (None, [], {}, False) and not (name == "candidateCount" and value == 1)
