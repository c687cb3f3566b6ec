"""A canonical request as Converse takes it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read 2026-11-21.
"""

import re
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.bedrock import reasoning, tools, turns
from xroute.dialects.bedrock.draft import Draft
from xroute.dialects.bedrock.families import family_of
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

UNSUPPORTED = frozenset(
    {
        "n", "seed", "logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty",
        "modalities", "audio", "prediction", "store", "user", "verbosity", "functions", "function_call",
        "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "min_p", "top_a",
        "repetition_penalty",
    }
)  # fmt: skip

# Converse's own fields, which a client may name as they are.
_PASSED = (
    "guardrailConfig", "performanceConfig", "serviceTier", "requestMetadata", "promptVariables",
    "additionalModelResponseFieldPaths", "outputConfig",
)  # fmt: skip
# What is written apart, or means nothing here.
_HANDLED = OWN | frozenset(_PASSED) | {
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "max_tokens",
    "max_completion_tokens", "stop", "temperature", "top_p", "top_k", "reasoning", "reasoning_effort",
    "include_reasoning", "stream", "stream_options", "metadata", "service_tier", "web_search_options",
    "additionalModelRequestFields",
}  # fmt: skip
# What asks for nothing that does not happen anyway.
_IDLE: dict[str, Any] = {
    "n": 1, "top_logprobs": 0, "store": False, "logprobs": False, "frequency_penalty": 0,
    "presence_penalty": 0, "logit_bias": {}, "modalities": ["text"],
}  # fmt: skip
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ServiceTier.html, read 2026-11-21
_TIERS = ("default", "flex", "priority", "reserved")
# requestMetadata: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
# read 2026-11-21.
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MOST_METADATA = 16


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The request for model `upstream`, whose name goes into the path; `body` is never changed.

    `output` is the most tokens the model writes, by which a budget of reasoning is reckoned; None = unknown.
    """
    draft = Draft(family_of(upstream))
    system, messages = turns.write(body.get("messages"), draft)
    sent: Json = {"messages": messages} if messages else {}  # a stored prompt has messages of its own
    if system:
        sent["system"] = system
    sent |= {name: body[name] for name in _PASSED if body.get(name) is not None}
    extra = _extra(body, draft)
    config = _config(body, extra, draft)
    reasoning.write(body, config, extra, draft, output, messages)
    tools.write(body, sent, extra, draft, used=turns.has_tools(messages))
    if config:
        sent["inferenceConfig"] = config
    if extra:
        sent["additionalModelRequestFields"] = extra
    _tier(body, sent, draft)
    _metadata(body, sent, draft)
    _rest(body, draft)
    return _quirky(sent, draft, quirks)


def _extra(body: Json, draft: Draft) -> Json:
    """Fields of the model's maker: those given as such, and those that a client names at the top."""
    given: Any = body.get("additionalModelRequestFields")
    extra: Json = {**given} if codec.is_object(given) else {}
    for name in draft.family.fields:
        if body.get(name) is not None:
            extra.setdefault(name, body[name])
    if codec.is_list(betas := extra.get("anthropic_beta")):
        extra["anthropic_beta"] = [*betas]
    return extra


def _config(body: Json, extra: Json, draft: Draft) -> Json:
    config: Json = {}
    limit: Any = body.get("max_completion_tokens")
    limit = body.get("max_tokens") if limit is None else limit
    if isinstance(limit, int) and limit > 0:
        config["maxTokens"] = limit
    if stops := _stops(body.get("stop")):
        config["stopSequences"] = stops
    _sampling(body, config, draft)
    _top_k(body.get("top_k"), extra, draft)
    return config


def _stops(stop: Any) -> list[str]:
    given: list[Any] = stop if codec.is_list(stop) else [stop]
    return [text for text in given if isinstance(text, str) and text]


def _sampling(body: Json, config: Json, draft: Draft) -> None:
    """Temperature and top_p from 0 to 1; what is higher is cut to it, and said."""
    for name, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        value: Any = body.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        config[theirs] = min(max(value, 0), 1)
        if config[theirs] != value:
            draft.drop(name)
    family = draft.family
    if not family.sampling:
        for name, theirs in (("temperature", "temperature"), ("top_p", "topP")):
            if config.pop(theirs, 1) != 1:  # 1 is the default: nothing is lost without it
                draft.drop(name)
    elif not family.pair and "temperature" in config and config.pop("topP", 1) != 1:
        draft.drop("top_p")


def _top_k(value: Any, extra: Json, draft: Draft) -> None:
    if not isinstance(value, int) or value <= 0:
        return
    path = draft.family.top_k
    if not path:
        draft.drop("top_k")
        return
    place = extra
    for name in path[:-1]:
        inner: Any = place.get(name)
        place[name] = place = {**inner} if codec.is_object(inner) else {}
    place.setdefault(path[-1], value)


def _tier(body: Json, sent: Json, draft: Draft) -> None:
    tier: Any = body.get("service_tier")
    if tier in (None, "auto") or "serviceTier" in sent:
        return
    if tier in _TIERS:
        sent["serviceTier"] = {"type": tier}
    else:
        draft.drop("service_tier")


def _metadata(body: Json, sent: Json, draft: Draft) -> None:
    """Metadata goes where Bedrock's invocation log has it, as far as its characters allow."""
    given: Any = body.get("metadata")
    if not codec.is_object(given) or not given or "requestMetadata" in sent:
        return
    fits = {name: value for name, value in given.items() if _fits(name) and _fits(value)}
    kept = dict(list(fits.items())[:_MOST_METADATA])
    if kept:
        sent["requestMetadata"] = kept
    if len(kept) < len(given):
        draft.drop("metadata")


def _fits(text: Any) -> bool:
    return isinstance(text, str) and _METADATA.fullmatch(text) is not None


def _rest(body: Json, draft: Draft) -> None:
    known = _HANDLED | draft.family.fields
    for name, value in body.items():
        if value is not None and name not in known and (name not in _IDLE or value != _IDLE[name]):
            draft.drop(name)


def _quirky(sent: Json, draft: Draft, quirks: Quirks) -> Encoded:
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent.pop(name))
    for name in sorted(quirks.drop & sent.keys() - {"messages"}):
        del sent[name]
        draft.drop(name)
    return Encoded({**sent, **quirks.force}, tuple(draft.dropped))
