"""A Gemini client's generateContent request as a Call.

The API takes camelCase and snake_case, and clients send both: every name is looked up in both.
https://ai.google.dev/api/generate-content, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.gemini.surface import GeminiSurface
from xroute.dialects.gemini.turns import messages, take
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.dialects.openai.parse import call_of, load
from xroute.errors import InvalidPrompt
from xroute.wire.call import Call

# generationConfig -> the canonical field.
_PLAIN = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_completion_tokens",
    "candidateCount": "n",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_WORDS = {"googleSearch": "web_search", "urlContext": "web_fetch", "codeExecution": "code_interpreter"}
_OURS = ("models", "provider", "timeouts")
_MAX_DIGITS = 18  # of a bound in a schema; int() refuses thousands of them


def parse(raw: bytes, model: str, *, stream: bool = False, sse: bool = True) -> Call:
    """InvalidRequest for what cannot be a generateContent request. The model stands in the URL."""
    given = _load(raw)
    body: Json = {"model": model, **{name: given[name] for name in _OURS if name in given}}
    body["messages"] = messages(take(given, "systemInstruction"), take(given, "contents"))
    config = take(given, "generationConfig")
    if codec.is_object(config):
        _configure(body, config)
    _tools(body, take(given, "tools"), take(given, "toolConfig"))
    if stream:
        body["stream"] = True
    call = call_of(body, GeminiSurface(sse=sse), len(raw))
    if sse or not stream:
        call.raw = raw
    return call


def parse_count(raw: bytes, model: str) -> Call:
    """A countTokens request, plain or with a whole generateContentRequest in it."""
    given = _load(raw)
    inner = take(given, "generateContentRequest")
    call = parse(codec.write(inner) if codec.is_object(inner) else raw, model, stream=False)
    call.operation, call.raw = "count_tokens", raw
    return call


def _load(raw: bytes) -> Json:
    given = load(raw)
    if take(given, "contents") is None and take(given, "generateContentRequest") is None:
        raise InvalidPrompt("`contents` is required.", param="contents", code="missing_field")
    return given


def _configure(body: Json, config: Json) -> None:
    for theirs, ours in _PLAIN.items():
        if (value := take(config, theirs)) is not None:
            body[ours] = value
    _format(body, config)
    modalities = take(config, "responseModalities")
    if codec.is_list(modalities) and (wanted := [str(m).lower() for m in modalities]) != ["text"]:
        body["modalities"] = wanted
    thinking = take(config, "thinkingConfig")
    if codec.is_object(thinking):
        _thinking(body, thinking)
    speech = take(config, "speechConfig")
    if codec.is_object(speech):
        body["speech_config"] = speech


def _format(body: Json, config: Json) -> None:
    schema = take(config, "responseJsonSchema") or take(config, "_responseJsonSchema")
    if schema is None and codec.is_object(own := take(config, "responseSchema")):
        schema = json_schema(own)
    if codec.is_object(schema):
        named: Json = {"name": "answer", "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif take(config, "responseMimeType") == "application/json":
        body["response_format"] = {"type": "json_object"}


def _thinking(body: Json, thinking: Json) -> None:
    """Thoughts are told only to those who ask for them, so `exclude` is the default."""
    wish: Json = {"exclude": take(thinking, "includeThoughts") is not True}
    budget, level = take(thinking, "thinkingBudget"), take(thinking, "thinkingLevel")
    if budget.__class__ is int:
        if budget:
            wish["max_tokens"] = budget  # -1: as much as the model likes
        else:
            wish["enabled"] = False
    elif isinstance(level, str) and level.upper() != "THINKING_LEVEL_UNSPECIFIED":
        wish["effort"] = level.lower()
    body["reasoning"] = wish


def _tools(body: Json, tools: Any, config: Any) -> None:
    found = [tool for group in (tools if codec.is_list(tools) else []) for tool in _group(group)]
    if found:
        body["tools"] = found
    calling = take(config, "functionCallingConfig") if codec.is_object(config) else None
    if codec.is_object(calling) and (choice := _choice(calling)) is not None:
        body["tool_choice"] = choice


def _group(group: Any) -> list[Json]:
    if not codec.is_object(group):
        return []
    found: list[Json] = []
    for name in group:
        camel = _camel(name)
        if camel == "functionDeclarations":
            given: Any = group[name]
            declarations = given if codec.is_list(given) else []
            found += [_function(declared) for declared in declarations if codec.is_object(declared)]
        elif camel in _WORDS:
            options: Any = group[name]
            own = {camel: options} if codec.is_object(options) and options else {}
            found.append({"type": _WORDS[camel], **own})
        else:  # Google's own tool, for those who know it
            found.append({"type": camel, camel: group[name]})
    return found


def _function(declared: Json) -> Json:
    function: Json = {"name": as_text(declared.get("name") or "")}
    if declared.get("description"):
        function["description"] = declared["description"]
    schema = take(declared, "parametersJsonSchema")
    if schema is None and codec.is_object(own := declared.get("parameters")):
        schema = json_schema(own)
    if codec.is_object(schema):
        function["parameters"] = schema
    return {"type": "function", "function": function}


def _choice(calling: Json) -> Any:
    mode = str(calling.get("mode") or "AUTO").upper()
    given: Any = take(calling, "allowedFunctionNames")
    names = [name for name in given if isinstance(name, str)] if codec.is_list(given) else []
    if mode == "NONE":
        return "none"
    if mode == "ANY" and len(names) == 1:
        return {"type": "function", "function": {"name": names[0]}}
    if names:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        wanted = "required" if mode == "ANY" else "auto"
        return {"type": "allowed_tools", "allowed_tools": {"mode": wanted, "tools": tools}}
    return {"ANY": "required", "AUTO": "auto"}.get(mode)


def json_schema(schema: Json) -> Json:
    """Google's Schema (OpenAPI 3.0, types in capitals, `nullable`) as JSON Schema."""
    made: Json = {}
    for name, value in schema.items():
        key = _camel(name)
        if key == "type" and isinstance(value, str):
            made["type"] = value.lower()
        elif key in ("properties", "$defs", "defs") and codec.is_object(value):
            made[key] = {field: _schema(inner) for field, inner in value.items()}
        elif key in ("items", "additionalProperties"):
            made[key] = _schema(value)
        elif key in ("anyOf", "prefixItems", "oneOf", "allOf") and codec.is_list(value):
            made[key] = [_schema(inner) for inner in value]
        elif key in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"):
            is_number = isinstance(value, str) and value.isdecimal() and len(value) <= _MAX_DIGITS
            made[key] = int(value) if is_number else value
        elif key not in ("nullable", "propertyOrdering"):
            made[key] = value
    if schema.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _schema(value: Any) -> Any:
    return json_schema(value) if codec.is_object(value) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest) if head and rest else name
