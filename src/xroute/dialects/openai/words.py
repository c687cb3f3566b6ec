"""Finish reasons: the providers' words and OpenAI's."""

OPENAI = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})

ERROR = "error"  # no reason to finish but a failure

_WORDS = {
    "length": "length",
    "max_tokens": "length",
    "max_length": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "token_limit": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "function_call",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "content_filter",
    "error": ERROR,
    "network_error": ERROR,
}


def translate(word: object) -> str | None:
    """OpenAI's word for a provider's; None where it says nothing, "stop" for words nobody knows."""
    if not isinstance(word, str) or not word.strip():
        return None
    return _WORDS.get(word.strip().lower().replace("-", "_"), "stop")
