"""A canonical request as Ollama's own chat takes it."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import thinking
from xroute.dialects.answer import Encoded
from xroute.dialects.ollama.message import Writer
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

# Canonical field -> one of `options`: https://docs.ollama.com/modelfile, read 2026-11-21.
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "seed": "seed",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "repetition_penalty": "repeat_penalty",
    "repeat_penalty": "repeat_penalty",
    "num_ctx": "num_ctx",
    "num_predict": "num_predict",
}
# Taken as they are: https://docs.ollama.com/api/chat, read 2026-11-21; truncate and shift stand in
# https://github.com/ollama/ollama/blob/main/api/types.go alone.
_SAME = ("keep_alive", "logprobs", "top_logprobs", "think", "format", "truncate", "shift")
_HANDLED = OWN | {
    "model", "messages", "tools", "tool_choice", "response_format", "stop", "options", "stream",
    "stream_options", "reasoning", "reasoning_effort", "include_reasoning",
}  # fmt: skip
# What asks for nothing that does not happen anyway.
_IDLE: dict[str, Any] = {"n": 1, "parallel_tool_calls": True, "store": False}
_LEVELS = ("low", "medium", "high")  # of `think`: https://docs.ollama.com/capabilities/thinking

UNSUPPORTED = frozenset(
    {
        "n", "logit_bias", "modalities", "audio", "prediction", "service_tier", "store", "metadata",
        "user", "verbosity", "web_search_options", "functions", "function_call", "prompt_cache_key",
        "safety_identifier", "parallel_tool_calls", "top_a",
    }
)  # fmt: skip


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The request for the model `upstream`; `body` is never changed.

    Ollama streams unless told not to, and cuts a prompt that is too long unless told not to: an error is
    what lets the call go on to a deployment with more room.
    """
    writer, dropped = Writer(), list[str]()
    sent: Json = {
        "model": upstream,
        "messages": writer.write(body.get("messages")),
        "stream": body.get("stream") is True,
        "truncate": False,
    }
    for name, value in body.items():
        if value is None or name in _HANDLED or name in _OPTIONS:
            continue
        if name in _SAME:
            sent[name] = value
        elif name not in _IDLE or value != _IDLE[name]:
            dropped.append(name)
    if options := _options(body, quirks):
        sent["options"] = options
    _tools(body, sent, dropped)
    _format(body, sent)
    _think(body, sent, dropped, abilities, output)
    for name in sorted(quirks.drop & sent.keys() - {"model"}):
        del sent[name]
        dropped.append(name)
    forced = {name: value for name, value in quirks.force.items() if name != "options"}
    return Encoded({**sent, **forced}, (*dropped, *writer.dropped))


def _options(body: Json, quirks: Quirks) -> Json:
    """`options`, as the client's own fields say, then its `options`, then those forced in the config."""
    options = {theirs: body[name] for name, theirs in _OPTIONS.items() if body.get(name) is not None}
    if stop := body.get("stop"):
        options["stop"] = stop if codec.is_list(stop) else [stop]
    for own in (body.get("options"), quirks.force.get("options")):
        if codec.is_object(own):
            options |= own
    return options


def _tools(body: Json, sent: Json, dropped: list[str]) -> None:
    """Ollama leaves the choice to the model: no tools stand for "none", a named one alone for itself."""
    choice: Any = body.get("tool_choice")
    given: Any = body.get("tools")
    if not codec.is_list(given) or choice == "none":
        return
    tools: list[Json] = []
    for place, tool in enumerate(given):
        own: Any = tool.get("function") if codec.is_object(tool) else None
        if not codec.is_object(own) or not own.get("name"):
            dropped.append(f"tools[{place}]")
            continue
        if own.get("strict") is True:
            dropped.append(f"tools[{place}].strict")
        function = {name: own[name] for name in ("name", "description", "parameters") if name in own}
        tools.append({"type": "function", "function": function})
    names = _names(choice)
    if chosen := [tool for tool in tools if tool["function"]["name"] in names]:
        tools = chosen
    if tools:
        sent["tools"] = tools
        if choice not in (None, "auto"):
            dropped.append("tool_choice")


def _names(choice: Any) -> set[str]:
    """The names that a choice allows; none for all of them."""
    if not codec.is_object(choice):
        return set()
    allowed: Any = choice.get("allowed_tools", choice)
    listed: Any = allowed.get("tools") if codec.is_object(allowed) else None
    named: list[Any] = listed if codec.is_list(listed) else [choice]
    found = (tool.get("function") for tool in named if codec.is_object(tool))
    return {str(own.get("name")) for own in found if codec.is_object(own)}


def _format(body: Json, sent: Json) -> None:
    """https://docs.ollama.com/capabilities/structured-outputs, read 2026-11-21: "json" or a schema."""
    given: Any = body.get("response_format")
    if not codec.is_object(given) or "format" in sent:
        return
    own: Any = given.get("json_schema")
    schema: Any = own.get("schema") if codec.is_object(own) else None
    if given.get("type") == "json_schema" and codec.is_object(schema):
        sent["format"] = schema
    elif given.get("type") in ("json_object", "json_schema"):
        sent["format"] = "json"


def _think(
    body: Json, sent: Json, dropped: list[str], abilities: frozenset[str] | None, output: int | None
) -> None:
    wish = thinking.wish(body)
    if wish is None or "think" in sent or not (wish.off or wish.on):
        return
    if abilities is not None and "reasoning" not in abilities:  # answered with an error
        if wish.on:
            dropped += [name for name in ("reasoning", "reasoning_effort") if body.get(name) is not None]
        return
    if wish.off or not _is_measured(body, wish):
        sent["think"] = not wish.off
        return
    limit: Any = body.get("max_completion_tokens") or body.get("max_tokens") or output
    sent["think"] = thinking.nearest(wish.word(limit if isinstance(limit, int) else 0), _LEVELS)


def _is_measured(body: Json, wish: thinking.Wish) -> bool:
    """Whether the client said how much, and not only that there be thinking."""
    own: Any = body.get("reasoning")
    said: Any = own.get("effort") if codec.is_object(own) else None
    return bool(said or body.get("reasoning_effort") or wish.max_tokens)
