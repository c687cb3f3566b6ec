"""Why Gemini stops, in OpenAI's words.

https://ai.google.dev/api/generate-content#FinishReason, read 2026-11-21; google-genai 3.4.0, types.py.
"""

LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
FILTER = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "JAILBREAK",
    }
)
# For clients that ask for enums as numbers; the Gemini API and Vertex AI number the others differently.
NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
# The model failed. With nothing said before, this is no answer: another attempt may give one.
BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)


def translate(reason: str, *, calls: bool) -> str:
    """OpenAI's finish_reason; `calls`: the candidate called a function, for which Gemini has no word."""
    if reason in LENGTH:
        return "length"
    if reason in FILTER:
        return "content_filter"
    return "tool_calls" if calls else "stop"
