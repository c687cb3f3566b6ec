"""Requests of Converse: read into canonical form, checked by botocore's model, and compared."""

import json
from base64 import b64decode, b64encode
from collections import Counter
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

Json = dict[str, Any]

MIMES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
WORDS = {"nova_grounding": "web_search", "nova_code_interpreter": "code_interpreter"}
CLAUDE = "anthropic-claude-v1"
PASSED = ("guardrailConfig", "performanceConfig", "serviceTier", "requestMetadata", "promptVariables")


# Reading.


def canonical(body: Json, upstream: str) -> Json:
    """What a client would have asked xroute for, to get this request."""
    asked: Json = {"model": "any", "messages": [], **{name: body[name] for name in PASSED if name in body}}
    if body.get("system"):
        asked["messages"].append({"role": "system", "content": _parts(body["system"])})
    for turn in body.get("messages") or []:
        if turn["role"] == "system":
            asked["messages"].append({"role": "system", "content": _parts(turn["content"])})
        else:
            asked["messages"] += _assistant(turn, upstream) if turn["role"] == "assistant" else _user(turn)
    config = body.get("inferenceConfig") or {}
    names = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "stopSequences": "stop",
    }
    asked |= {names[name]: value for name, value in config.items() if name in names}
    _tools(asked, body.get("toolConfig") or {})
    _form(asked, body.get("outputConfig"))
    _fields(asked, body.get("additionalModelRequestFields") or {})
    if paths := body.get("additionalModelResponseFieldPaths"):
        asked["additionalModelResponseFieldPaths"] = paths
    return asked


def _parts(blocks: list[Json]) -> list[Json]:
    parts: list[Json] = []
    for block in blocks:
        if "cachePoint" in block and parts:
            parts[-1]["cache_control"] = _control(block)
        elif "cachePoint" not in block:
            parts.append(_part(block))
    return parts


def _control(block: Json) -> Json:
    ttl = block["cachePoint"].get("ttl")
    return {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}


def _part(block: Json) -> Json:
    if "text" in block:
        return {"type": "text", "text": block["text"]}
    if "image" in block:
        return {"type": "image_url", "image_url": {"url": _url(block["image"], "image")}}
    if "video" in block:
        return {"type": "video_url", "video_url": {"url": _url(block["video"], "video")}}
    if "document" in block:
        return _file(block["document"])
    if "audio" in block and "bytes" in block["audio"]["source"]:
        audio = block["audio"]
        return {
            "type": "input_audio",
            "input_audio": {"data": audio["source"]["bytes"], "format": audio["format"]},
        }
    if "json" in block:
        return {"type": "text", "text": json.dumps(block["json"])}
    return dict(block)


def _url(media: Json, kind: str) -> str:
    source = media["source"]
    if "s3Location" in source:
        return source["s3Location"]["uri"]
    return f"data:{kind}/{media['format']};base64,{source['bytes']}"


def _file(document: Json) -> Json:
    source, form = document["source"], document.get("format", "txt")
    file: Json = {"filename": f"{document['name']}.{form}"}
    if "s3Location" in source:
        file["file_url"] = source["s3Location"]["uri"]
    elif "bytes" not in source:
        texts = [source.get("text", ""), *(piece.get("text", "") for piece in source.get("content") or [])]
        file["file_data"] = "data:text/plain," + _quoted("".join(texts))
    else:
        file["file_data"] = f"data:{MIMES[form]};base64,{source['bytes']}"
    return {
        "type": "file",
        "file": file,
        **{k: document[k] for k in ("citations", "context") if k in document},
    }


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _user(turn: Json) -> list[Json]:
    said: list[Json] = []
    rest: list[Json] = []
    for block in turn["content"]:
        if "toolResult" in block:
            result = block["toolResult"]
            said.append(
                {
                    "role": "tool",
                    "tool_call_id": result["toolUseId"],
                    "content": _parts(result["content"]),
                    **({"is_error": True} if result.get("status") == "error" else {}),
                }
            )
        elif "cachePoint" in block and said and not rest:
            said[-1]["cache_control"] = _control(block)
        else:
            rest.append(block)
    return [*said, {"role": "user", "content": _parts(rest)}] if rest else said


def _assistant(turn: Json, upstream: str) -> list[Json]:
    said: Json = {"role": "assistant", "content": []}
    for block in turn["content"]:
        if "reasoningContent" in block:
            said.setdefault("reasoning_details", []).append(_thought(block["reasoningContent"], upstream))
        elif "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
            use = block["toolUse"]
            function = {"name": use["name"], "arguments": json.dumps(use["input"])}
            said.setdefault("tool_calls", []).append(
                {"id": use["toolUseId"], "type": "function", "function": function}
            )
        elif "toolUse" in block or "toolResult" in block:
            said.setdefault("native_content", []).append(block)
        elif "citationsContent" in block:
            said["content"] += [
                {"type": "text", "text": p["text"]} for p in block["citationsContent"].get("content") or []
            ]
        elif "cachePoint" in block:
            said["cache_control"] = _control(block)
        else:
            said["content"] += _parts([block])
    return [said]


def _thought(block: Json, upstream: str) -> Json:
    form = CLAUDE if "claude" in upstream or "application-inference" in upstream else "amazon-bedrock-v1"
    if "redactedContent" in block:
        data = block["redactedContent"]
        kept = b64decode(data).decode() if form == CLAUDE else data
        return {"type": "reasoning.encrypted", "data": kept, "format": form, "index": 0}
    return {"type": "reasoning.text", "format": form, "index": 0, **block["reasoningText"]}


def _tools(asked: Json, config: Json) -> None:
    tools: list[Json] = []
    for tool in config.get("tools") or []:
        if "cachePoint" in tool:
            tools[-1]["cache_control"] = _control(tool)
        elif "systemTool" in tool:
            word = WORDS.get(tool["systemTool"]["name"])
            tools.append({"type": word} if word else tool)
        else:
            tools.append({"type": "function", "function": _function(tool["toolSpec"])})
    if tools:
        asked["tools"] = tools
    choice = config.get("toolChoice") or {}
    if "any" in choice:
        asked["tool_choice"] = "required"
    elif "tool" in choice:
        asked["tool_choice"] = {"type": "function", "function": {"name": choice["tool"]["name"]}}
    elif "auto" in choice:
        asked["tool_choice"] = "auto"


def _function(spec: Json) -> Json:
    kept = {name: spec[name] for name in ("name", "description", "strict") if name in spec}
    return {**kept, "parameters": (spec.get("inputSchema") or {}).get("json") or {}}


def _form(asked: Json, config: Json | None) -> None:
    if config and "textFormat" not in config:
        asked["outputConfig"] = config
    elif config:
        schema = config["textFormat"]["structure"]["jsonSchema"]
        asked["response_format"] = {
            "type": "json_schema",
            "json_schema": {**schema, "schema": json.loads(schema["schema"])},
        }


def _fields(asked: Json, fields: Json) -> None:
    """The makers' own fields as the words of a client who does not know them, where there are such."""
    rest = dict(fields)
    thinking = rest.get("thinking") or rest.get("reasoning_config")
    if isinstance(thinking, dict) and thinking.get("budget_tokens"):
        asked["reasoning"] = {"max_tokens": thinking["budget_tokens"]}
        rest = {name: value for name, value in rest.items() if name not in ("thinking", "reasoning_config")}
    elif "output_config" in rest and isinstance(thinking, dict):
        asked["reasoning"] = {"effort": rest.pop("output_config")["effort"]}
        del rest["thinking"]
    for name in ("reasoning_effort", "reasoning_config"):
        if isinstance(rest.get(name), str):
            asked["reasoning"] = {"effort": rest.pop(name)}
    if "top_k" in rest:
        asked["top_k"] = rest.pop("top_k")
    if list(rest.get("inferenceConfig") or {}) == ["topK"]:
        asked["top_k"] = rest.pop("inferenceConfig")["topK"]
    if rest:
        asked["additionalModelRequestFields"] = rest


# Judging.


@cache
def _shape(operation: str) -> Any:
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
    return model.operation_model(operation).input_shape


def complaints(body: Json, operation: str = "Converse") -> str:
    """What botocore says of a request; "" for a good one."""
    try:
        given = {"modelId": "m", **_blobs(body)}
    except ValueError as error:
        return f"no base64: {error}"
    return ParamValidator().validate(given, _shape(operation)).generate_report()


def _blobs(value: Any) -> Any:
    """Base64 as the bytes that the SDK takes."""
    if isinstance(value, list):
        return [_blobs(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: b64decode(item, validate=True)
        if name in ("bytes", "redactedContent") and isinstance(item, str)
        else _blobs(item)
        for name, item in value.items()
    }


def contents(body: Json) -> Counter[str]:
    """Everything that a request says, each as a text with its place; equal requests have equal ones."""
    found: Counter[str] = Counter()
    turns = body.get("messages") or []
    asides = [block for turn in turns if turn["role"] == "system" for block in turn["content"]]
    for block in [*(body.get("system") or []), *asides]:
        found["system " + _written(block)] += 1
    for number, turn in enumerate(_merged([turn for turn in turns if turn["role"] != "system"])):
        for block in turn["content"]:
            for said in _said(block):
                found[f"turn {number} {turn['role']} {said}"] += 1
    for tool in (body.get("toolConfig") or {}).get("tools") or []:
        spec = {k: v for k, v in tool.get("toolSpec", {}).items() if k != "strict" or v}
        found["tool " + _written(spec or tool)] += 1
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    if choice and "auto" not in choice:
        found["choice " + _written(choice)] += 1
    for name in ("inferenceConfig", "additionalModelRequestFields", *PASSED):
        for key, value in (body.get(name) or {}).items():
            if value == []:  # no stop sequences
                continue
            found[f"{name}.{'thinking' if key == 'reasoning_config' else key} {_written(value)}"] += 1
    if "textFormat" in (config := body.get("outputConfig") or {}):
        schema = config["textFormat"]["structure"]["jsonSchema"]
        found["form " + _written({**schema, "schema": json.loads(schema["schema"])})] += 1
    return found


def _merged(turns: list[Json]) -> list[Json]:
    merged: list[Json] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1] = {**turn, "content": [*merged[-1]["content"], *turn["content"]]}
        else:
            merged.append(turn)
    return merged


def _said(block: Json) -> list[str]:
    if not block.get("text", "x").strip():
        return []  # a blank text
    if "citationsContent" in block:
        return [_written(piece) for piece in block["citationsContent"].get("content") or []]
    if "document" in block:
        return [_document(block["document"])]
    if "toolResult" in block and "type" not in block["toolResult"]:
        result = block["toolResult"]
        head = f"result {result['toolUseId']} {result.get('status') == 'error'} "
        return [head, *(head + said for inner in result["content"] for said in _said(inner))]
    if "json" in block:
        return ["json " + json.dumps(block["json"], sort_keys=True)]
    if "text" in block:
        try:
            value = json.loads(block["text"])
        except ValueError:
            return [_written(block)]
        return ["json " + json.dumps(value, sort_keys=True)]
    return [_written(block)]


def _document(document: Json) -> str:
    source = document["source"]
    data = source.get("bytes") or _written(source)
    if "text" in source or "content" in source:
        texts = [source.get("text", ""), *(piece.get("text", "") for piece in source.get("content") or [])]
        data = b64encode("".join(texts).encode()).decode()
    rest = {k: document.get(k) for k in ("name", "context", "citations")}
    return f"document {document.get('format', 'txt')} {data} {_written(rest)}"


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
