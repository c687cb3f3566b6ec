"""Gemini's usageMetadata in OpenAI's form.

promptTokenCount holds the cached tokens. Thoughts, and what server-side tools fed back to the model, stand
beside the counts of the prompt and of the candidates: https://ai.google.dev/api/generate-content#UsageMetadata,
read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

_OUTPUT = ("candidatesTokenCount", "responseTokenCount")  # the second from Live models
_COUNTS = ("promptTokenCount", "totalTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount", *_OUTPUT)
_INS = ("promptTokensDetails", "toolUsePromptTokensDetails")
_OUTS = ("candidatesTokensDetails", "responseTokensDetails")
# A client may ask for enums as numbers.
_MODALITIES = {"AUDIO": "audio", "IMAGE": "image", "VIDEO": "video", 4: "audio", 2: "image", 3: "video"}

# OpenAI's words for what the provider names in serviceTier or, on Vertex, in trafficType.
_TIERS = {
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
    "on_demand": "default",
}


def body_of(given: Any) -> Json | None:
    """OpenAI's usage object with the provider's own fields in it; None where nothing is counted."""
    if not codec.is_object(given) or not any(name in given for name in _COUNTS):
        return None
    tools = _count(given, "toolUsePromptTokenCount")
    thoughts = _count(given, "thoughtsTokenCount")
    prompt = _count(given, "promptTokenCount") + tools
    completion = sum(_count(given, name) for name in _OUTPUT) + thoughts
    total = _count(given, "totalTokenCount")
    if (unsaid := total - prompt - completion) > 0:  # older previews counted thoughts in the total alone
        completion, thoughts = completion + unsaid, thoughts + unsaid
    return {
        **given,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": _count(given, "cachedContentTokenCount"),
            **_by_modality(given, _INS),
        },
        "completion_tokens_details": {"reasoning_tokens": thoughts, **_by_modality(given, _OUTS)},
    }


def tier_of(given: Any) -> str | None:
    """OpenAI's service_tier; None where the provider says none that OpenAI has."""
    if not codec.is_object(given):
        return None
    said = given.get("serviceTier") or given.get("trafficType")
    return _TIERS.get(said.lower()) if isinstance(said, str) else None


def _count(given: Json, name: str) -> int:
    return tokens.count(given[name]) or 0 if name in given else 0


def _by_modality(given: Json, names: tuple[str, ...]) -> Json:
    """{"audio_tokens": ...} and the like, of what is no text."""
    found: dict[str, int] = {}
    for name in names:
        details: Any = given.get(name)
        for entry in details if codec.is_list(details) else ():
            kind: Any = entry.get("modality") if codec.is_object(entry) else None
            if isinstance(kind, str | int) and kind in _MODALITIES:
                field = f"{_MODALITIES[kind]}_tokens"
                found[field] = found.get(field, 0) + _count(entry, "tokenCount")
    return dict(found)
