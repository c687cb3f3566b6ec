"""What Ollama counts, as OpenAI's usage."""

from xroute.dialects.openai import tokens
from xroute.dialects.openai.codec import Json

_OWN = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)


def usage_body(body: Json) -> Json | None:
    """OpenAI's usage object with Ollama's counts and times (nanoseconds) beside; None without counts.

    A prompt that was wholly in the cache has no `prompt_eval_count` in older versions.
    https://docs.ollama.com/api/usage, read 2026-11-21.
    """
    given, written = tokens.count(body.get("prompt_eval_count")), tokens.count(body.get("eval_count"))
    if given is None and written is None:
        return None
    given, written = given or 0, written or 0
    counted: Json = {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
    return counted | {name: body[name] for name in _OWN if name in body}
