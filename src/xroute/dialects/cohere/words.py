"""Cohere's finish reasons in OpenAI's words."""

# https://docs.cohere.com/reference/chat, read 2026-11-21; the last three are those of its older models.
_WORDS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "length",
    "USER_CANCEL": "stop",
}


def finish_of(word: object) -> str:
    """OpenAI's word, or "error" where the answer failed."""
    return _WORDS.get(word, "stop") if isinstance(word, str) else "stop"
