"""Converse's blocks as parts of an answer: what a whole answer and a stream share."""

from base64 import b64decode
from typing import Any

from xroute.dialects.bedrock.families import CLAUDE, OWN
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Converse's word -> OpenAI's: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
# read 2026-11-21. The malformed_ ones name an answer that could not be read, of which what came is kept.
FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
}
_SPOILED = ("malformed_model_output", "malformed_tool_use")

_TIERS = ("default", "flex", "priority")  # words that OpenAI's types know as well


def finish_of(word: Any, *, calls: int, answered: bool) -> str:
    """OpenAI's word; a call of our answer tool is no call."""
    reason = FINISHES.get(word, "stop") if isinstance(word, str) else "tool_calls" if calls else "stop"
    return "stop" if reason == "tool_calls" and answered and not calls else reason


def is_spoiled(word: Any) -> bool:
    """Whether the model's output could not be read."""
    return word in _SPOILED


def thought(block: Any, index: int, form: str) -> Json | None:
    """The reasoning_details entry of a reasoningContent block; None for an empty one."""
    if not codec.is_object(block):
        return None
    if isinstance(data := block.get("redactedContent"), str) and data:
        kept, own = _sealed(data, form)
        return {"type": "reasoning.encrypted", "data": kept, "format": own, "index": index}
    text: Any = block.get("reasoningText")
    if not codec.is_object(text):
        return None
    entry: Json = {
        "type": "reasoning.text",
        "text": str(text.get("text") or ""),
        "format": form,
        "index": index,
    }
    if isinstance(signature := text.get("signature"), str) and signature:
        entry["signature"] = signature
    return entry if entry["text"] or "signature" in entry else None


def _sealed(data: str, form: str) -> tuple[str, str]:
    """(data, format): Bedrock puts Anthropic's own text into base64 once more; seen in recorded traffic."""
    if form != CLAUDE:
        return data, form
    try:
        return b64decode(data, validate=True).decode("ascii"), form
    except ValueError:  # no base64, or of other bytes than a text's
        return data, OWN


def citation(cited: Any, start: int, end: int) -> Json | None:
    """A url_citation of text[start:end]; None for a source that has no address."""
    if not codec.is_object(cited):
        return None
    location: Any = cited.get("location")
    web: Any = location.get("web") if codec.is_object(location) else None
    own: Json = web if codec.is_object(web) else {}
    source: Any = own.get("url") or cited.get("source")
    if not isinstance(source, str) or "://" not in source:
        return None
    entry: Json = {
        "url": source,
        "title": str(cited.get("title") or own.get("domain") or ""),
        "start_index": start,
        "end_index": end,
    }
    if text := _content(cited.get("sourceContent")):
        entry["content"] = text
    return {"type": "url_citation", "url_citation": entry}


def _content(pieces: Any) -> str:
    given: list[Any] = pieces if codec.is_list(pieces) else []
    return "".join(str(piece.get("text") or "") for piece in given if codec.is_object(piece))


def image(block: Any) -> Json | None:
    """An image that the model made, as OpenRouter's `images` have it."""
    source: Any = block.get("source") if codec.is_object(block) else None
    data: Any = source.get("bytes") if codec.is_object(source) else None
    if not isinstance(data, str) or not data:
        return None
    url = f"data:image/{block.get('format') or 'png'};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}


def around(body: Json) -> Json:
    """Fields of the answer beside the message, under their own names; the tier also under OpenAI's."""
    names = ("metrics", "trace", "performanceConfig", "serviceTier", "additionalModelResponseFields")
    kept = {name: body[name] for name in names if body.get(name) is not None}
    tier: Any = kept.get("serviceTier")
    if codec.is_object(tier) and tier.get("type") in _TIERS:
        kept["service_tier"] = tier["type"]
    return kept
