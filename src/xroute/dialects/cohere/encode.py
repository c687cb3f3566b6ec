"""A canonical request as Cohere's v2 chat takes it."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import thinking
from xroute.dialects.answer import Encoded
from xroute.dialects.cohere import tool
from xroute.dialects.cohere.message import Writer
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

# Canonical field -> Cohere's: https://docs.cohere.com/reference/chat, read 2026-11-21.
_FIELDS = {
    "stream": "stream",
    "temperature": "temperature",
    "seed": "seed",
    "top_k": "k",
    "k": "k",
    "p": "p",
    "logprobs": "logprobs",
    "citation_options": "citation_options",
    "safety_mode": "safety_mode",
    "priority": "priority",
    "strict_tools": "strict_tools",
    "raw_prompting": "raw_prompting",
    "thinking": "thinking",
}
# What is written apart, or means nothing here.
_HANDLED = OWN | {
    "model", "messages", "tools", "tool_choice", "response_format", "documents", "max_tokens",
    "max_completion_tokens", "stop", "stop_sequences", "top_p", "frequency_penalty", "presence_penalty",
    "reasoning", "reasoning_effort", "include_reasoning", "stream_options",
}  # fmt: skip
# What asks for nothing that does not happen anyway.
_IDLE: dict[str, Any] = {"n": 1, "parallel_tool_calls": True, "top_logprobs": 0, "store": False}

UNSUPPORTED = frozenset(
    {
        "n", "logit_bias", "top_logprobs", "modalities", "audio", "prediction", "service_tier", "store",
        "metadata", "user", "verbosity", "web_search_options", "functions", "function_call",
        "prompt_cache_key", "safety_identifier", "min_p", "top_a", "repetition_penalty",
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
    """The request for Cohere's model `upstream`; `body` is never changed."""
    sent: Json = {"model": upstream}
    dropped: list[str] = []
    writer = Writer(thinks=abilities is None or "reasoning" in abilities)
    sent["messages"] = writer.write(body.get("messages"))
    for name, value in body.items():
        if value is None or name in _HANDLED:
            continue
        if name in _FIELDS:
            sent[_FIELDS[name]] = value
        elif name not in _IDLE or value != _IDLE[name]:
            dropped.append(name)
    _sampling(body, sent, dropped)
    if documents := [*_documents(body.get("documents")), *writer.documents]:
        sent["documents"] = documents
    tool.write(body, sent, dropped)
    _format(body, sent, dropped)
    _thinking(body, sent, dropped, abilities, output)
    for name in sorted(quirks.drop & sent.keys() - {"model"}):
        del sent[name]
        dropped.append(name)
    return Encoded({**sent, **quirks.force}, (*dropped, *writer.dropped))


def _sampling(body: Json, sent: Json, dropped: list[str]) -> None:
    """Limits that Cohere sets closer than OpenAI does: the nearest value that it takes."""
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            sent["max_tokens"] = body[name]
    stop: Any = body.get("stop_sequences") or body.get("stop")
    if stop:
        sent["stop_sequences"] = stop if codec.is_list(stop) else [stop]
    top: Any = body.get("top_p")
    if isinstance(top, (int, float)):
        sent.setdefault("p", min(max(top, 0.01), 0.99))  # 1, OpenAI's own default, is an error here
    for name in ("frequency_penalty", "presence_penalty"):
        value: Any = body.get(name)
        if isinstance(value, (int, float)) and value >= 0:
            sent[name] = min(value, 1)
        elif value is not None:
            dropped.append(name)


def _documents(given: Any) -> list[Any]:
    return given if codec.is_list(given) else []


def _format(body: Json, sent: Json, dropped: list[str]) -> None:
    """Cohere takes a format only without tools and documents; beside them a schema becomes a tool.

    https://docs.cohere.com/docs/structured-outputs, read 2026-11-21.
    """
    given: Any = body.get("response_format")
    if not codec.is_object(given) or given.get("type") not in ("json_object", "json_schema"):
        return
    schema, description = _schema(given)
    if sent.get("tool_choice") == "NONE":
        for name in ("tools", "tool_choice", "strict_tools"):
            sent.pop(name, None)
    if "tools" not in sent and "documents" not in sent:
        sent["response_format"] = {"type": "json_object"} | ({"json_schema": schema} if schema else {})
    elif schema:
        tool.answer(sent, schema, description)
    else:
        dropped.append("response_format")


def _schema(given: Json) -> tuple[Json | None, str]:
    """(the schema, what the answer is for) of OpenAI's form, or of Cohere's own."""
    own: Any = given.get("json_schema")
    if not codec.is_object(own):
        return None, ""
    inner: Any = own.get("schema")
    description: Any = own.get("description")
    text = description if isinstance(description, str) else "The answer to the user. Call it to answer."
    return (inner if codec.is_object(inner) else own), text


def _thinking(
    body: Json, sent: Json, dropped: list[str], abilities: frozenset[str] | None, output: int | None
) -> None:
    """https://docs.cohere.com/docs/reasoning, read 2026-11-21: on by default, off, or within a budget."""
    wish = thinking.wish(body)
    if wish is None or "thinking" in sent or not (wish.off or wish.on):
        return
    if abilities is not None and "reasoning" not in abilities:
        if wish.on:
            dropped += [name for name in ("reasoning", "reasoning_effort") if body.get(name) is not None]
    elif wish.off:
        sent["thinking"] = {"type": "disabled"}
    else:
        limit: Any = sent.get("max_tokens") or output or 0
        budget = wish.budget(limit if isinstance(limit, int) else 0)
        sent["thinking"] = {"type": "enabled", "token_budget": budget}
