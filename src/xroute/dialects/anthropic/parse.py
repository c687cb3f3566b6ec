"""A request of an Anthropic client becomes a Call; what is wrong is named by its field, in Anthropic's way.

Source: https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21. Unknown fields and unknown
blocks pass; values in range are the provider's business.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from xroute.dialects.anthropic import history, past, wishes
from xroute.dialects.anthropic.parts import (
    OBJECT,
    REQUIRED,
    Path,
    blocks,
    part,
    parts,
    simple,
    text,
    unlike,
    wrong,
)
from xroute.dialects.anthropic.surface import surface_of
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.parse import call_of, load
from xroute.wire.call import Call

# The client's headers that a provider of this dialect has to see:
# https://code.claude.com/docs/en/llm-gateway-protocol, read 2026-11-21.
FORWARDED = ("anthropic-version", "anthropic-beta")

# The first system block of Claude Code, not meant for the model. Its `cch` changes with every request, so it
# would keep every other provider from finding the prompt in its cache:
# https://github.com/anthropics/claude-code/issues/68900, read 2026-11-21.
BILLING = "x-anthropic-billing-header:"

_TRANSLATED = frozenset(
    {
        "system",
        "messages",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "stop_sequences",
        "metadata",
        "service_tier",
    }
)


class Headers(Protocol):
    """The client's headers, lower-case names."""

    def get(self, name: str, /) -> str | None:
        """The value; None where there is none."""
        ...


def parse(raw: bytes, headers: Headers | Mapping[str, str] | None = None) -> Call:
    """POST /v1/messages; InvalidRequest for anything that cannot be one."""
    given = load(raw)
    if given.get("max_tokens") is None:
        raise wrong(("max_tokens",), REQUIRED)
    return _call(given, raw, headers)


def parse_count(raw: bytes, headers: Headers | Mapping[str, str] | None = None) -> Call:
    """POST /v1/messages/count_tokens: the same request without an answer, so without a limit of it."""
    call = _call(load(raw), raw, headers)
    call.operation = "count_tokens"
    call.stream = False
    call.abilities -= {"streaming"}
    return call


def _call(given: Json, raw: bytes, headers: Headers | Mapping[str, str] | None) -> Call:
    wishes.check(given)
    body: Json = {name: value for name, value in given.items() if name not in _TRANSLATED}
    if body.get("max_tokens") == 0:  # only fills Anthropic's cache; nobody else takes less than one
        body["max_tokens"] = 1
    body["messages"], foreign = _messages(given)
    if given.get("tools"):
        body["tools"] = wishes.tools(given["tools"])
    if given.get("tool_choice") is not None:
        wishes.choose(body, given["tool_choice"])
    if "thinking" in given or "output_config" in given or "output_format" in given:
        wishes.shape(body, given)
    if given.get("metadata"):
        wishes.identify(body, given["metadata"])
    wishes.plain(body, given)
    call = call_of(body, surface_of(given), len(raw))
    call.raw = history.cleaned(given) if foreign else raw
    if headers is not None:
        call.headers = tuple((name, value) for name in FORWARDED if (value := headers.get(name)))
    return call


def _messages(given: Json) -> tuple[list[Json], bool]:
    """The canonical messages, and whether other makers' models have spoken in them."""
    messages: Any = given.get("messages")
    if not codec.is_list(messages):
        raise unlike(("messages",), messages, "a valid list")
    if not messages:
        raise wrong(("messages",), "at least one message is required")
    found = _system(given.get("system"))
    foreign = False
    for place, message in enumerate(messages):
        if not codec.is_object(message):
            raise unlike(("messages", place), message, OBJECT)
        foreign = _message(found, message, ("messages", place)) or foreign
    return found, foreign


def _system(system: Any) -> list[Json]:
    if not system:
        return []
    if isinstance(system, str):
        return [] if system.startswith(BILLING) and "\n" not in system else [_system_text(system)]
    kept = [block for block in blocks(system, ("system",)) if not _is_billing(block)]
    return [{"role": "system", "content": simple(parts(kept, ("system",)))}] if kept else []


def _system_text(system: str) -> Json:
    if system.startswith(BILLING):
        system = system.partition("\n")[2]
    return {"role": "system", "content": system}


def _is_billing(block: Json) -> bool:
    said = block.get("text")
    return isinstance(said, str) and said.startswith(BILLING)


def _message(found: list[Json], message: Json, at: Path) -> bool:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or not role:
        raise unlike((*at, "role"), role, "'user' or 'assistant'")
    if isinstance(content, str):
        found.append({**message, "content": content})
        return False
    at = (*at, "content")
    given = blocks(content, at)
    if role == "assistant":
        said, foreign = past.assistant(message, given, at)
        found.append(said)
        return foreign
    _user(found, message, given, at)
    return False


def _user(found: list[Json], message: Json, given: list[Json], at: Path) -> None:
    """Results of tools as messages of their own, before everything else that the message says."""
    said: list[Json] = []
    results = False
    for place, block in enumerate(given):
        if block["type"] == "tool_result":
            found.append(_result(block, (*at, place)))
            results = True
        else:
            said += part(block, (*at, place))
    if said or not results:
        found.append({**message, "content": simple(said)})


def _result(block: Json, at: Path) -> Json:
    made: Json = {"role": "tool", "tool_call_id": text(block, "tool_use_id", at)}
    content = block.get("content")
    if content is None:
        made["content"] = ""
    elif isinstance(content, str):
        made["content"] = content
    else:
        where = (*at, "content")
        made["content"] = simple(parts(blocks(content, where), where)) or ""
    if block.get("is_error") is True:
        made["is_error"] = True
    if block.get("cache_control") is not None:
        made["cache_control"] = block["cache_control"]
    return made
