"""Log probabilities in OpenAI's form."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json


def tidy(choice: Json) -> bool:
    """Make `choice["logprobs"]` what OpenAI's types accept; True when something was changed.

    What has no place there (a bare number) moves to `native_logprobs`.
    """
    value = choice.get("logprobs")
    if value is None:
        return False
    if not codec.is_object(value):
        choice["native_logprobs"], choice["logprobs"] = value, None
        return True
    changed = _from_completions(value)
    for field in ("content", "refusal"):
        if value.get(field) is not None and _entries(value, field):
            changed = True
    return changed


def _from_completions(value: Json) -> bool:
    """The older form, parallel lists of tokens and numbers, gains `content`; its lists stay."""
    names, numbers = value.get("tokens"), value.get("token_logprobs")
    if value.get("content") is not None or not codec.is_list(names) or not codec.is_list(numbers):
        return False
    value["content"] = [
        {"token": name, "logprob": number, "bytes": None, "top_logprobs": []}
        for name, number in zip(names, numbers, strict=False)
    ]
    return True


def _entries(value: Json, field: str) -> bool:
    entries = value[field]
    if not codec.is_list(entries):
        value[field] = None
        return True
    changed = False
    for entry in entries:
        if codec.is_object(entry):
            changed = _entry(entry) or changed
            changed = _alternatives(entry) or changed
    kept = [entry for entry in entries if codec.is_object(entry) and _usable(entry)]
    if len(kept) != len(entries):
        value[field], changed = kept, True
    return changed


def _alternatives(entry: Json) -> bool:
    top = entry.get("top_logprobs")
    if not codec.is_list(top):
        entry["top_logprobs"] = []
        return True
    changed = False
    for item in top:
        changed = (codec.is_object(item) and _entry(item)) or changed
    kept = [item for item in top if codec.is_object(item) and _usable(item)]
    if len(kept) != len(top):
        entry["top_logprobs"], changed = kept, True
    return changed


def _entry(entry: Json) -> bool:
    """Bytes given as text become numbers; what is neither is null."""
    value = entry.get("bytes")
    if value is None or (codec.is_list(value) and all(n.__class__ is int for n in value)):
        return False
    if isinstance(value, str):
        entry["bytes"] = list(value.encode("utf-8", "surrogatepass"))
    else:
        entry["bytes"] = _numbers(value)
    return True


def _numbers(value: Any) -> list[int] | None:
    return [n for item in value if (n := tokens.count(item)) is not None] if codec.is_list(value) else None


def _usable(entry: Json) -> bool:
    return isinstance(entry.get("token"), str) and entry.get("logprob").__class__ in (int, float)
