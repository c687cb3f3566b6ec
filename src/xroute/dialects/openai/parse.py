"""A client's chat-completion request becomes a Call; what is wrong is named by its field.

Only what xroute itself reads is checked, and the types that every provider agrees on: values in
range are the provider's business, and unknown fields pass.
"""

from typing import Any, cast

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.surface import CHAT, CHAT_WITH_USAGE, QUIET, QUIET_WITH_USAGE
from xroute.errors import InvalidPrompt, InvalidRequest
from xroute.wire.call import Call
from xroute.wire.surface import Surface

MAX_MODELS = 16  # entries of a fallback list

HEAVY = frozenset({"image", "audio", "file", "video"})
_PLAIN = "data:text/"  # a file that is text after all
_PARTS: dict[str, str] = {"image_url": "image", "input_audio": "audio", "file": "file", "video_url": "video"}

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "stream": ((bool,), "true or false"),
    "stream_options": ((dict,), "an object"),
    "tools": ((list,), "a list"),
    "tool_choice": ((str, dict), "a string or an object"),
    "response_format": ((dict,), "an object"),
    "temperature": ((int, float), "a number"),
    "top_p": ((int, float), "a number"),
    "frequency_penalty": ((int, float), "a number"),
    "presence_penalty": ((int, float), "a number"),
    "n": ((int,), "a whole number"),
    "seed": ((int,), "a whole number"),
    "max_tokens": ((int,), "a whole number"),
    "max_completion_tokens": ((int,), "a whole number"),
    "stop": ((str, list), "a string or a list of strings"),
    "logprobs": ((bool,), "true or false"),
    "top_logprobs": ((int,), "a whole number"),
    "logit_bias": ((dict,), "an object"),
    "user": ((str,), "a string"),
    "metadata": ((dict,), "an object"),
    "modalities": ((list,), "a list"),
    "parallel_tool_calls": ((bool,), "true or false"),
    "reasoning_effort": ((str,), "a string"),
    "service_tier": ((str,), "a string"),
}

_TIMEOUTS = ("connect", "first_byte", "first_token", "between_chunks", "total")


def parse(raw: bytes) -> Call:
    """InvalidRequest for anything that cannot be a chat completion."""
    call = call_of(load(raw), CHAT, len(raw))
    if _is_quiet(call.body):
        call.surface = QUIET_WITH_USAGE if call.include_usage else QUIET
    elif call.include_usage:
        call.surface = CHAT_WITH_USAGE
    return call


def _is_quiet(body: dict[str, Any]) -> bool:
    wish: Any = body.get("reasoning")
    return body.get("include_reasoning") is False or (codec.is_object(wish) and wish.get("exclude") is True)


def call_of(body: dict[str, Any], surface: Surface, size: int) -> Call:
    """The call of a canonical body; for every surface, once it has its client's request in that form.

    `size` are the bytes of the request as it came. InvalidRequest for what cannot be, by canonical names: a
    surface whose client has others checks before.
    """
    _check_types(body)
    messages, heavy = _messages(body)
    options: dict[str, Any] = body.get("stream_options") or {}
    abilities = _abilities(body, messages)
    is_heavy = heavy > 0 or not abilities.isdisjoint(HEAVY)
    return Call(
        body=body,
        models=models_of(body),
        surface=surface,
        stream=bool(body.get("stream")),
        include_usage=bool(options.get("include_usage")),
        abilities=abilities,
        max_tokens=max(body.get("max_completion_tokens") or 0, body.get("max_tokens") or 0),
        choices=body.get("n") or 1,
        is_heavy=is_heavy,
        heavy_parts=_heavy_parts(messages) if is_heavy else 1,
        text_bytes=max(0, size - heavy),
        heavy_bytes=heavy,
        provider=body.get("provider"),
        timeouts=timeouts_of(body.get("timeouts")),
    )


def load(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request; InvalidRequest for anything else."""
    if not raw.strip():
        raise InvalidRequest("The request body is empty; send a JSON object.", code="invalid_json")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"The request body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            code="invalid_json",
        ) from None
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_json")
    return cast("dict[str, Any]", body)


def _check_types(body: dict[str, Any]) -> None:
    for field in body.keys() & _TYPES.keys():
        types, expected = _TYPES[field]
        value = body[field]
        if value is None:
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise wrong(field, f"must be {expected}")
    for field in ("n", "max_tokens", "max_completion_tokens"):
        if body.get(field) is not None and body[field] < 1:
            raise wrong(field, "must be 1 or more")
    for place, tool in enumerate(body.get("tools") or ()):
        _check_tool(f"tools[{place}]", tool)


def _check_tool(where: str, tool: Any) -> None:
    """Its type and name are words: all that is read of a tool that nobody here knows."""
    if not codec.is_object(tool):
        raise wrong(where, "must be an object")
    own: Any = tool.get("function")
    for path, given in ((where, tool), (f"{where}.function", own if codec.is_object(own) else {})):
        for name in ("type", "name"):
            if given.get(name) is not None and not isinstance(given[name], str):
                raise wrong(f"{path}.{name}", "must be a string")


def models_of(body: dict[str, Any]) -> tuple[str, ...]:
    """The models asked for, in order: `model`, then `models`. InvalidRequest where there is none."""
    model, more = body.get("model"), body.get("models")
    if model is not None and not isinstance(model, str):
        raise wrong("model", "must be a string")
    if more is None:
        names: list[Any] = []
    elif isinstance(more, list):
        names = cast("list[Any]", more)
    else:
        raise wrong("models", "must be a list of model names")
    if not all(isinstance(name, str) and name for name in names):
        raise wrong("models", "must be a list of model names")
    found = tuple(dict.fromkeys([model, *names] if model else names))
    if not found:
        raise wrong("model", "is required")
    if len(found) > MAX_MODELS:
        raise wrong("models", f"must not have more than {MAX_MODELS} entries")
    return found


def _messages(body: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The messages, and the bytes in them that are no text: images, audio, files."""
    messages = body.get("messages")
    if messages is None:
        raise wrong("messages", "is required", InvalidPrompt)
    if not isinstance(messages, list):
        raise wrong("messages", "must be a list", InvalidPrompt)
    if not messages:
        raise wrong("messages", "must not be empty", InvalidPrompt)
    heavy = 0
    for place, message in enumerate(cast("list[Any]", messages)):
        heavy += _check_message(f"messages[{place}]", message)
    return cast("list[dict[str, Any]]", messages), heavy


def _heavy_parts(messages: list[dict[str, Any]]) -> int:
    contents = [message.get("content") for message in messages]
    parts = [part for content in contents if isinstance(content, list) for part in cast("list[Any]", content)]
    return sum(part.get("type") not in (None, "text") for part in parts) or 1


def _check_message(where: str, message: Any) -> int:
    if not isinstance(message, dict):
        raise wrong(where, "must be an object", InvalidPrompt)
    fields = cast("dict[str, Any]", message)
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str) or not role:
        raise wrong(f"{where}.role", "must be a string", InvalidPrompt)
    if content is None or isinstance(content, str):
        return 0
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "must be a string or a list of parts", InvalidPrompt)
    return sum(_check_part(f"{where}.content[{n}]", p) for n, p in enumerate(cast("list[Any]", content)))


def _check_part(where: str, part: Any) -> int:
    if not isinstance(part, dict):
        raise wrong(where, "must be an object", InvalidPrompt)
    fields = cast("dict[str, Any]", part)
    kind = fields.get("type")
    if kind in (None, "text"):
        return 0
    if not isinstance(kind, str):
        raise wrong(f"{where}.type", "must be a string", InvalidPrompt)
    data: Any = fields.get(kind)
    if isinstance(data, dict):
        payload = cast("dict[str, Any]", data)
        values = [value for value in payload.values() if isinstance(value, str)]
        return sum(len(value) for value in values if not value.startswith(_PLAIN))
    return len(data) if isinstance(data, str) else 0


def _abilities(body: dict[str, Any], messages: list[dict[str, Any]]) -> frozenset[str]:
    needs: set[str] = set()
    if body.get("stream"):
        needs.add("streaming")
    if body.get("tools") or body.get("functions"):
        needs.add("tools")
    if body.get("logprobs"):
        needs.add("logprobs")
    format_: dict[str, Any] = body.get("response_format") or {}
    kind = format_.get("type")
    if kind == "json_schema":
        needs.add("json_schema")
    elif kind == "json_object":
        needs.add("json_mode")
    if "audio" in (body.get("modalities") or ()):
        needs.add("audio_out")
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            parts = cast("list[dict[str, Any]]", content)
            needs |= {
                _PARTS[kind] for part in parts if isinstance(kind := part.get("type"), str) and kind in _PARTS
            }
    return frozenset(needs)


def timeouts_of(value: Any) -> dict[str, float]:
    """The `timeouts` of a request: names of limits and seconds; InvalidRequest for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong("timeouts", "must be an object of seconds")
    given = cast("dict[str, Any]", value)
    for name, seconds in given.items():
        if name not in _TIMEOUTS:
            raise wrong(f"timeouts.{name}", f"is not one of {', '.join(_TIMEOUTS)}")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= 86400:
            raise wrong(f"timeouts.{name}", "must be a number of seconds above 0")
    return {name: float(seconds) for name, seconds in given.items()}


def wrong(field: str, text: str, error: type[InvalidRequest] = InvalidRequest) -> InvalidRequest:
    """The error for a field: "`messages` must be a list."."""
    return error(
        f"`{field}` {text}.", param=field, code="invalid_value" if "required" not in text else "missing_field"
    )
