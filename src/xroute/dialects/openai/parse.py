"""A client's chat-completion request becomes a Call; what is wrong is named by its field.

Only what xroute itself reads is checked, and the types that every provider agrees on: values in
range are the provider's business, and unknown fields pass.
"""

from collections.abc import Sequence
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

# Fields that say more than what model is asked what; most calls have some of them, many have none.
_WISHES = frozenset({*_TYPES, "functions"})

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
    if "include_reasoning" in body and body["include_reasoning"] is False:
        return True
    return "reasoning" in body and codec.is_object(wish := body["reasoning"]) and wish.get("exclude") is True


def call_of(body: dict[str, Any], surface: Surface, size: int) -> Call:
    """The call of a canonical body; for every surface, once it has its client's request in that form.

    `size` are the bytes of the request as it came. InvalidRequest for what cannot be, by canonical names: a
    surface whose client has others checks before.
    """
    has_wishes = not _WISHES.isdisjoint(body)
    if has_wishes:
        _check_types(body)
    beside = _messages(body)
    call = Call(body, models_of(body), surface, text_bytes=size, provider=body.get("provider"))
    if has_wishes:
        _wishes(call, body)
    if beside is not None:
        _weigh(call, beside)
    if "timeouts" in body:
        call.timeouts = timeouts_of(body["timeouts"])
    return call


def _wishes(call: Call, body: dict[str, Any]) -> None:
    """What the fields beside model and messages say of the call."""
    call.stream = bool(body.get("stream"))
    if options := body.get("stream_options"):
        call.include_usage = bool(options.get("include_usage"))
    call.max_tokens = max(body.get("max_completion_tokens") or 0, body.get("max_tokens") or 0)
    call.choices = body.get("n") or 1
    call.abilities = _abilities(body)


def _weigh(call: Call, beside: "_Beside") -> None:
    """What stands in the messages beside text."""
    call.abilities |= beside.abilities
    call.heavy_bytes = beside.bytes
    call.text_bytes = max(0, call.text_bytes - beside.bytes)
    call.is_heavy = beside.bytes > 0 or not HEAVY.isdisjoint(beside.abilities)
    if call.is_heavy:
        call.heavy_parts = beside.parts or 1


def load(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request; InvalidRequest for anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if not raw.strip():
            raise InvalidRequest(
                "The request body is empty; send a JSON object.", code="invalid_json"
            ) from None
        raise InvalidRequest(
            f"The request body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            code="invalid_json",
        ) from None
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_json")
    return cast("dict[str, Any]", body)


def _check_types(body: dict[str, Any]) -> None:
    for field, value in body.items():
        if field in _TYPES and value is not None and value.__class__ not in _TYPES[field][0]:
            raise wrong(field, f"must be {_TYPES[field][1]}")
    for field in ("n", "max_tokens", "max_completion_tokens"):
        if field in body and body[field] is not None and body[field] < 1:
            raise wrong(field, "must be 1 or more")
    if "tools" in body:
        _check_tools(body["tools"] or ())


def _check_tools(tools: Sequence[Any]) -> None:
    """Their types and names are words: all that is read of a tool that nobody here knows."""
    for place, tool in enumerate(tools):
        if tool.__class__ is not dict:
            raise wrong(f"tools[{place}]", "must be an object")
        if odd := _odd(tool):
            raise wrong(f"tools[{place}].{odd}", "must be a string")
        own = tool.get("function")
        if own.__class__ is dict and (odd := _odd(own)):
            raise wrong(f"tools[{place}].function.{odd}", "must be a string")


def _odd(given: dict[str, Any]) -> str:
    """What is no word of the two that have to be; "" where both are."""
    if (kind := given.get("type")) is not None and kind.__class__ is not str:
        return "type"
    return "" if (name := given.get("name")) is None or name.__class__ is str else "name"


def models_of(body: dict[str, Any]) -> tuple[str, ...]:
    """The models asked for, in order: `model`, then `models`. InvalidRequest where there is none."""
    model, more = body.get("model"), body.get("models")
    if model is not None and not isinstance(model, str):
        raise wrong("model", "must be a string")
    if model and more is None:
        return (model,)
    if more is None:
        raise wrong("model", "is required")
    if not isinstance(more, list):
        raise wrong("models", "must be a list of model names")
    names = cast("list[Any]", more)
    if not all(isinstance(name, str) and name for name in names):
        raise wrong("models", "must be a list of model names")
    found = tuple(dict.fromkeys([model, *names] if model else names))
    if not found:
        raise wrong("model", "is required")
    if len(found) > MAX_MODELS:
        raise wrong("models", f"must not have more than {MAX_MODELS} entries")
    return found


class _Beside:
    """What stands in messages beside text."""

    __slots__ = ("abilities", "bytes", "parts")

    def __init__(self) -> None:
        self.abilities: set[str] = set()
        self.bytes = 0  # of images, audio and files, as they stand in the request
        self.parts = 0  # that are no text


def _messages(body: dict[str, Any]) -> _Beside | None:
    """Checks the messages; gives what is no text in them, None where each is a text and no list of parts."""
    messages: Any = body.get("messages")
    if messages.__class__ is not list or not messages:
        raise _no_messages(messages)
    beside: _Beside | None = None
    for place, message in enumerate(messages):
        if message.__class__ is not dict:
            raise wrong(f"messages[{place}]", "must be an object", InvalidPrompt)
        role = message.get("role")
        if role.__class__ is not str or not role:
            raise wrong(f"messages[{place}].role", "must be a string", InvalidPrompt)
        content = message.get("content")
        if content.__class__ is str or content is None:
            continue
        if content.__class__ is not list:
            raise wrong(f"messages[{place}].content", "must be a string or a list of parts", InvalidPrompt)
        beside = beside or _Beside()
        _parts(f"messages[{place}].content", content, beside)
    return beside


def _no_messages(given: Any) -> InvalidRequest:
    if given is None:
        return wrong("messages", "is required", InvalidPrompt)
    return wrong("messages", "must not be empty" if given == [] else "must be a list", InvalidPrompt)


def _parts(where: str, parts: list[Any], beside: _Beside) -> None:
    """Checks the parts of a message; what is no text goes into `beside`."""
    for place, part in enumerate(parts):
        if part.__class__ is not dict:
            raise wrong(f"{where}[{place}]", "must be an object", InvalidPrompt)
        kind = part.get("type")
        if kind is None or kind == "text":
            continue
        if kind.__class__ is not str:
            raise wrong(f"{where}[{place}].type", "must be a string", InvalidPrompt)
        beside.parts += 1
        beside.bytes += _size(part.get(kind))
        if kind in _PARTS:
            beside.abilities.add(_PARTS[kind])


def _size(data: Any) -> int:
    """Bytes of what a part holds: a text, or the texts in an object."""
    if codec.is_object(data):
        texts = [value for value in data.values() if isinstance(value, str)]
        return sum([len(text) for text in texts if not text.startswith(_PLAIN)])
    return len(data) if isinstance(data, str) else 0


def _abilities(body: dict[str, Any]) -> frozenset[str]:
    """The abilities that the fields beside the messages need."""
    needs: set[str] = set()
    if body.get("stream"):
        needs.add("streaming")
    if body.get("tools") or body.get("functions"):
        needs.add("tools")
    if body.get("logprobs"):
        needs.add("logprobs")
    if format_ := body.get("response_format"):
        kind = format_.get("type")
        if kind == "json_schema":
            needs.add("json_schema")
        elif kind == "json_object":
            needs.add("json_mode")
    if "audio" in (body.get("modalities") or ()):
        needs.add("audio_out")
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
