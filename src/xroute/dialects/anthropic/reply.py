"""What an answer says besides its blocks, in Anthropic's words: why it ended, what it used, what it cites.

https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.wire.usage import Usage

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_NATIVE = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "compaction",
        "model_context_window_exceeded",
    }
)

# Of Anthropic's own usage, what stands beside the counts.
_USAGE = ("cache_creation", "service_tier", "inference_geo", "speed", "iterations")
_OWN = frozenset({*_USAGE, "server_tool_use"})
_OURS = ("cost", "provider_cost", "estimated")

# Fields of a message that only Anthropic has.
_BESIDE = ("container", "stop_details", "context_management", "diagnostics", "input_transformations")
_ANY_BESIDE = frozenset(_BESIDE)


def beside(body: Json) -> Json:
    """The fields of a message that only Anthropic has."""
    if _ANY_BESIDE.isdisjoint(body):
        return {}
    return {name: body[name] for name in _BESIDE if body.get(name) is not None}


def message_id(given: Any) -> str:
    """An id as Anthropic writes them; its own stays."""
    own = str(given or "")
    return own if own.startswith("msg_") else "msg_" + own.removeprefix("chatcmpl-")


def stop(choice: Json, stops: tuple[str, ...], called: bool) -> tuple[str, str | None]:
    """(stop_reason, stop_sequence). `stops` are the client's; `called`: the answer holds a tool_use block.

    Servers that say which stop sequence they met do so in `stop_sequence` or, as vLLM, in `stop_reason`:
    https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, read 2026-11-21.
    """
    met = None
    if stops:
        met = next((m for name in ("stop_sequence", "stop_reason") if (m := choice.get(name)) in stops), None)
    native = choice.get("native_finish_reason")
    if met is not None or native == "stop_sequence":
        own = choice.get("stop_sequence")
        return "stop_sequence", met or own or (stops[0] if len(stops) == 1 else None)
    if isinstance(native, str) and native in _NATIVE:
        return native, None
    reason = _REASONS.get(choice.get("finish_reason") or "stop", "end_turn")
    return ("tool_use" if called and reason == "end_turn" else reason), None


def usage(own: Any) -> Json:
    """Anthropic's usage: what was read from a cache or written to it stands beside input_tokens."""
    given: Json = own if codec.is_object(own) else {}
    read = tokens.read(given) or Usage()
    made: Json = {
        "input_tokens": max(read.input - read.cached - read.cache_write, 0),
        "cache_creation_input_tokens": read.cache_write,
        "cache_read_input_tokens": read.cached,
        "output_tokens": read.output,
    }
    if _is_native(given):
        made = {name: _count(given, name) for name in made}
    if read.reasoning:
        made["output_tokens_details"] = {"thinking_tokens": read.reasoning}
    if not _OWN.isdisjoint(given):
        made |= {name: given[name] for name in _USAGE if given.get(name) is not None}
        if served := _object(given, "server_tool_use"):
            made["server_tool_use"] = {"web_fetch_requests": 0, "web_search_requests": 0, **served}
    for name in _OURS:
        if name in given:
            made[name] = given[name]
    return made


def _is_native(given: Json) -> bool:
    """Whether Anthropic's own counts are there: OpenAI's Responses say input_tokens as well, of all input."""
    return "input_tokens" in given and ("cache_read_input_tokens" in given or "cache_creation" in given)


def _object(given: Json, name: str) -> Json:
    value = given.get(name)
    return value if codec.is_object(value) else {}


def _count(given: Json, name: str) -> int:
    return tokens.count(given.get(name)) or 0


def citations(said: Json) -> list[Json]:
    """The citations in a message or a delta: Anthropic's own as they were, others as of a web search."""
    found: list[Json] = []
    for name in ("annotations", "other_annotations"):
        given: Any = said.get(name)
        for item in given if given.__class__ is list else ():
            if codec.is_object(item) and (made := _citation(item)):
                found.append(made)
    return found


def _citation(item: Json) -> Json | None:
    if codec.is_object(own := item.get("citation")):
        return own
    inner = item.get("url_citation")
    if not codec.is_object(inner) or not isinstance(inner.get("url"), str):
        return None
    cited = inner.get("content")
    return {
        "type": "web_search_result_location",
        "url": inner["url"],
        "title": inner.get("title") or None,
        "cited_text": cited if isinstance(cited, str) else "",
        "encrypted_index": "",
    }


_SERVED = frozenset({"server_tool_use", "mcp_tool_use", "mcp_tool_listing", "container_upload", "fallback"})
_LIVE = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})


def natives(said: Json) -> list[Json]:
    """The blocks of `native_content` where they are Anthropic's; [] where they are another provider's."""
    given: Any = said.get("native_content")
    blocks = [block for block in given if codec.is_object(block)] if codec.is_list(given) else []
    return blocks if any(map(_is_ours, blocks)) else []


def _is_ours(block: Json) -> bool:
    kind = str(block.get("type"))
    if kind == "compaction":  # a word of OpenAI's Responses as well
        return "content" in block
    return kind in _SERVED or kind in _LIVE or kind.endswith("_tool_result")


def is_live(block: Json) -> bool:
    """Whether a stream has given this block in pieces as well."""
    return str(block.get("type")) in _LIVE
