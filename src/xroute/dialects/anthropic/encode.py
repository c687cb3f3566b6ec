"""The client's request as Anthropic takes it.

https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.anthropic import effort, schema, tools, turns
from xroute.dialects.anthropic.draft import Draft
from xroute.dialects.anthropic.words import ANSWER
from xroute.dialects.claude import family_of
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

# Canonical fields that Anthropic has nothing for.
UNSUPPORTED = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "min_p",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "repetition_penalty",
        "seed",
        "store",
        "top_a",
        "top_logprobs",
        "verbosity",
    }
)

# Fields of Anthropic's own that a client may give; they go as they are.
NATIVE = (
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "output_config",
    "speed",
    "user_profile_id",
)

_NATIVE = frozenset(NATIVE)
_SAMPLED = frozenset({"temperature", "top_p", "top_k"})
# What of the body has only another name or other words there.
_RENAMED = frozenset({"stop", "stream", "metadata", "user", "safety_identifier", "service_tier"})

# Fields that are read here, or that say nothing to a provider.
_READ = frozenset(
    {
        "betas",
        "function_call",
        "functions",
        "include_reasoning",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "parallel_tool_calls",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
        "web_search_options",
    }
)

_PLACED = _READ | _NATIVE | OWN

_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}

# Values that ask for nothing, so that nothing is lost without them.
_NOTHING: tuple[object, ...] = (None, False, 0, "", [], {}, ["text"])


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body is never changed; what stays the same is shared with it."""
    draft = Draft(body, family_of(upstream), abilities)
    draft.sent["model"] = upstream
    _limit(draft, output)
    turns.write(draft, inline=quirks.developer_role and draft.family.inline)
    if not _NATIVE.isdisjoint(body):
        draft.sent |= {name: body[name] for name in NATIVE if body.get(name) is not None}
    tools.write(draft)
    _format(draft)
    effort.think(draft)
    if not _SAMPLED.isdisjoint(body):
        effort.sample(draft)
    if not _RENAMED.isdisjoint(body):
        _plain(draft)
    _betas(draft)
    _rest(draft)
    return _fitted(draft, quirks)


def _limit(draft: Draft, output: int | None) -> None:
    """Anthropic wants a limit of the answer: the client's, else the most that the model gives."""
    for name in ("max_completion_tokens", "max_tokens"):
        if given := tokens.count(draft.body.get(name)):
            draft.sent["max_tokens"] = min(given, output or given)
            if given != draft.sent["max_tokens"]:
                draft.drop(name)
            return
    draft.sent["max_tokens"] = output or draft.family.output


def _format(draft: Draft) -> None:
    """JSON by a schema: as the model's own output, or as the call of a tool that stands for the answer."""
    given = draft.body.get("response_format")
    if not codec.is_object(given) or given.get("type") in (None, "text"):
        return
    inner = given.get("json_schema")
    shape = inner.get("schema") if codec.is_object(inner) else None
    if given.get("type") != "json_schema" or not codec.is_object(shape):
        draft.drop("response_format")
        return
    native = draft.family.schema and (draft.abilities is None or "json_schema" in draft.abilities)
    if native and (closed := schema.closed(shape)) is not None:
        own = draft.sent.get("output_config")
        config: Json = own if codec.is_object(own) else {}
        draft.sent["output_config"] = {**config, "format": {"type": "json_schema", "schema": closed}}
    elif shape.get("type") != "object" or not tools.force(draft, _answer(inner, shape)):
        draft.drop("response_format")


def _answer(inner: Any, shape: Json) -> Json:
    about = inner.get("description")
    return {
        "name": ANSWER,
        "description": about if isinstance(about, str) and about else "Give the whole answer in this form.",
        "input_schema": shape,
    }


def _plain(draft: Draft) -> None:
    """Fields that only have another name or other words."""
    body, sent = draft.body, draft.sent
    stop: Any = body.get("stop")
    words = [stop] if isinstance(stop, str) else stop
    if codec.is_list(words) and (kept := [w for w in words if isinstance(w, str) and w.strip()]):
        sent["stop_sequences"] = kept
        if len(kept) != len(words):  # Anthropic refuses those of blanks alone
            draft.drop("stop")
    elif words:
        draft.drop("stop")
    if body.get("stream") is True:
        sent["stream"] = True
    metadata = body.get("metadata")
    inner = metadata.get("user_id") if codec.is_object(metadata) else None
    for user in (body.get("user"), body.get("safety_identifier"), inner):
        if isinstance(user, str) and user:
            sent["metadata"] = {"user_id": user}
            break
    if (tier := body.get("service_tier")) is not None:
        if isinstance(tier, str) and tier in _TIERS:
            sent["service_tier"] = _TIERS[tier]
        else:
            draft.drop("service_tier")


def _betas(draft: Draft) -> None:
    given: Any = draft.body.get("betas")
    for beta in given if codec.is_list(given) else []:
        if isinstance(beta, str):
            draft.want(beta)
    if draft.sent.get("mcp_servers") and not any(beta.startswith("mcp-client") for beta in draft.betas):
        draft.want("mcp-client-2025-11-20")
    if draft.sent.get("speed"):
        draft.want("fast-mode-2026-02-01")
    if draft.sent.get("context_management"):
        draft.want("context-management-2025-06-27")


def _rest(draft: Draft) -> None:
    """Everything else is refused by Anthropic, so it is left out and named."""
    for name, value in draft.body.items():
        if name in _PLACED:
            continue
        if value not in _NOTHING and not (name == "n" and value == 1):
            draft.drop(name)


def _fitted(draft: Draft, quirks: Quirks) -> Encoded:
    """The request with what the host wants otherwise."""
    sent, headers = draft.sent, list[tuple[str, str]]()
    if draft.betas and quirks.beta_field:
        sent[quirks.beta_field] = draft.betas
    elif draft.betas:
        headers.append(("anthropic-beta", ",".join(draft.betas)))
    for name in quirks.drop:
        if sent.pop(name, None) is not None and name in draft.body and name not in ("model", "stream"):
            draft.drop(name)
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent[theirs] = sent.pop(name)
    sent.update(quirks.force)
    return Encoded(sent, tuple(draft.dropped), tuple(headers))
