"""A request of a client of the Responses API becomes a Call; what is wrong is named by its field.

https://developers.openai.com/api/reference/resources/responses/methods/create, read 2026-11-21. Unknown
fields pass; values in range are the provider's business. xroute keeps responses itself, so that a
conversation may go on with any provider: `earlier` are the items of the responses before this one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.dialects.openai.parse import call_of, load, wrong
from xroute.dialects.openai_responses import asked, seal
from xroute.dialects.openai_responses.asked import Names
from xroute.dialects.openai_responses.echo import echo
from xroute.dialects.openai_responses.surface import ResponsesSurface
from xroute.dialects.openai_responses.turns import Turns
from xroute.errors import InvalidPrompt
from xroute.wire.call import Call

_TEXT, _BOOL, _WHOLE, _OBJECT = "a string", "true or false", "a whole number", "an object"
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "instructions": ((str, list), "a string or a list of items"),
    "input": ((str, list), "a string or a list of items"),
    "previous_response_id": ((str,), _TEXT),
    "store": ((bool,), _BOOL),
    "stream": ((bool,), _BOOL),
    "background": ((bool,), _BOOL),
    "text": ((dict,), _OBJECT),
    "reasoning": ((dict,), _OBJECT),
    "max_output_tokens": ((int,), _WHOLE),
    "max_tool_calls": ((int,), _WHOLE),
    "include": ((list,), "a list of strings"),
    "tools": ((list,), "a list"),
    "metadata": ((dict,), _OBJECT),
}

# Fields that are read here, or that are xroute's own business: its store, and what it repeats.
_READ = frozenset(
    {
        "background", "client_metadata", "context_management", "conversation", "include", "input",
        "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls",
        "previous_response_id", "prompt", "prompt_cache_options", "reasoning", "store", "stream_options",
        "text", "tool_choice", "tools", "top_logprobs", "truncation",
    }
)  # fmt: skip

# What this server cannot keep: the text tells what to do instead.
_ABSENT = {
    "conversation": "is not supported: continue a conversation with previous_response_id, or send its items",
    "prompt": "is not supported: prompt templates are stored at OpenAI; send instructions and input",
}

_SEALED = f'"{seal.PREFIX}'.encode()


def parse(
    raw: bytes,
    earlier: Sequence[Any] = (),
    known: Mapping[str, Json] | None = None,
    *,
    response_id: str = "",
    now: Callable[[], float] | None = None,
) -> Call:
    """POST /v1/responses; InvalidRequest for anything that cannot be one.

    `known` are stored items by id, for those that the input only refers to. `response_id` names the response,
    else it is made from the request's id; `now` gives Unix seconds for `completed_at`.
    """
    return read(load(raw), raw, earlier, known or {}, response_id=response_id, now=now)


def wants(given: Json) -> tuple[str, list[str]]:
    """What has to be looked up before a request is read: (the response before it or "", ids of items)."""
    previous, items = given.get("previous_response_id"), given.get("input")
    ids = [item["id"] for item in seal.objects(items) if is_reference(item)]
    return previous if isinstance(previous, str) else "", ids


def is_reference(item: Json) -> bool:
    """Whether an item only names another one."""
    kind = item.get("type")
    named = kind == "item_reference" or (kind is None and item.keys() == {"id"})
    return named and isinstance(item.get("id"), str)


def read(
    given: Json,
    raw: bytes,
    earlier: Sequence[Any],
    known: Mapping[str, Json],
    *,
    response_id: str = "",
    now: Callable[[], float] | None = None,
) -> Call:
    """The call of a request that is JSON already."""
    _check(given)
    names = Names()
    tools = asked.tools(given.get("tools"), names)
    items = [*earlier, *own_items(given, known)]
    tools += asked.more_tools(items, names)
    body: Json = {name: value for name, value in given.items() if name not in _READ and value is not None}
    body["messages"] = _messages(given, earlier, items, names)
    body |= _wishes(given) | _tooling(given, tools, names)
    echoed = {**echo(given), "model": given.get("model") or ""}
    call = call_of(body, ResponsesSurface(echoed, names, response_id, now), len(raw) + _size(earlier))
    if _is_stateless(given, raw):
        call.raw = raw
    return call


def own_items(given: Json, known: Mapping[str, Json]) -> list[Any]:
    """The items of a request's own input, each one that only names another replaced by it."""
    asked_: Any = given.get("input")
    if isinstance(asked_, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": asked_}]}]
    items: list[Any] = asked_ if codec.is_list(asked_) else []
    return [
        known.get(item["id"], item) if codec.is_object(item) and is_reference(item) else item
        for item in items
    ]


def _check(given: Json) -> None:
    for field in given.keys() & _TYPES.keys():
        types, expected = _TYPES[field]
        value = given[field]
        if value is None:
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            error = wrong(field, f"must be {expected}")
            raise InvalidPrompt(error.message, param=field, code=error.code) if field == "input" else error
    for field, text in _ABSENT.items():
        if given.get(field) is not None:
            raise wrong(field, text)
    if given.get("background") and given.get("store") is False:
        raise wrong("background", "needs store: its response is to be fetched later")
    if (limit := given.get("max_output_tokens")) is not None and limit < 1:
        raise wrong("max_output_tokens", "must be 1 or more")
    if not given.get("model") and not given.get("models"):
        raise wrong("model", "is required")
    if given.get("input") in (None, []) and not given.get("previous_response_id"):
        raise wrong("input", "is required", InvalidPrompt)


def _messages(given: Json, earlier: Sequence[Any], items: list[Any], names: Names) -> list[Json]:
    turns = Turns(names)
    instructions: Any = given.get("instructions")
    if isinstance(instructions, str) and instructions:
        turns.messages.append({"role": "system", "content": instructions})
    elif codec.is_list(instructions):
        turns.read(instructions, "instructions")
    turns.read(earlier, "previous_response")
    turns.read(items[len(earlier) :])
    turns.finish()
    if not turns.messages:
        raise wrong("input", "must hold something to answer", InvalidPrompt)
    return turns.messages


def _wishes(given: Json) -> Json:
    """The fields that have other names or forms in the chat API."""
    out = asked.form(given.get("text")) | asked.extras(given)
    if given.get("max_output_tokens") is not None:
        out["max_completion_tokens"] = given["max_output_tokens"]
    reasoning: Json = given.get("reasoning") or {}
    if kept := {name: value for name, value in reasoning.items() if value is not None}:
        out["reasoning"] = kept
    return out


def _tooling(given: Json, tools: list[Json], names: Names) -> Json:
    """The tools; without any, a choice among them would be refused."""
    if not tools:
        return {}
    out: Json = {"tools": tools}
    if (choice := asked.choice(given.get("tool_choice"), names)) is not None:
        out["tool_choice"] = choice
    if given.get("parallel_tool_calls") is not None:
        out["parallel_tool_calls"] = given["parallel_tool_calls"]
    return out


def _is_stateless(given: Json, raw: bytes) -> bool:
    """Whether a deployment of this API may get the client's own bytes.

    Not where xroute keeps the response, as it has to be the one who knows it then; nor where there is
    something in it that a provider cannot read.
    """
    own = given.get("store") is False and not given.get("previous_response_id")
    return own and _SEALED not in raw and OWN.isdisjoint(given)


def _size(earlier: Sequence[Any]) -> int:
    return sum(len(codec.write(item)) for item in earlier)
