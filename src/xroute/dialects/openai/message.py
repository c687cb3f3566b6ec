"""The fields that a message and a stream's delta share, in OpenAI's form."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

# Where providers put reasoning text; the first is the canonical one.
REASONING = ("reasoning", "reasoning_content", "thinking", "thought", "thoughts")
_REASONING = frozenset(REASONING)

# Further fields that hold something of an answer.
SUBSTANCE = ("reasoning_details", "images", "executed_tools", "annotations", "refusal", "audio_content")
_LISTS = ("annotations", "tool_calls")


def is_text(message: Json) -> bool:
    """Whether a message or delta holds text and no more of an answer: then it is tidy as it is."""
    for name, value in message.items():
        if value is None or (name == "content" and value.__class__ is str):
            continue
        if (name == "role" and value == "assistant") or (name in _LISTS and value == []):
            continue
        return False
    return True


def tidy(message: Json, reasoning_field: str) -> bool:
    """Everything of a message or delta but its role and tool calls; True when something was changed."""
    changed = _content(message)
    if reasoning_field or not _REASONING.isdisjoint(message):
        changed = _reasoning(message, reasoning_field) or changed
    if (refusal := message.get("refusal")) is not None and refusal.__class__ is not str:
        message["refusal"], changed = None, True
    if message.get("function_call") is not None:
        changed = _function(message) or changed
    if (notes := message.get("annotations")) is not None and notes != []:
        changed = _annotations(message) or changed
    return changed


def substance(message: Json) -> tuple[bool, int]:
    """(whether a tidied message or delta holds anything of an answer, its characters)."""
    chars = _length(message, ("content", "reasoning", "refusal"))
    if calls := message.get("tool_calls"):
        for call in calls:
            chars += _length(call.get("function"), ("name", "arguments"))
            chars += _length(call.get("custom"), ("name", "input"))
    if called := message.get("function_call"):
        chars += _length(called, ("name", "arguments"))
    if chars or calls:
        return True, chars
    return _sound(message.get("audio")) or any(message.get(name) for name in SUBSTANCE), chars


def _length(value: Any, names: tuple[str, ...]) -> int:
    """Characters in the named texts of an object."""
    chars = 0
    if value.__class__ is dict:
        for name in names:
            if (text := value.get(name)).__class__ is str:
                chars += len(text)
    return chars


def _sound(audio: Any) -> bool:
    return codec.is_object(audio) and bool(audio.get("data") or audio.get("transcript"))


def _content(message: Json) -> bool:
    value = message.get("content")
    if value is None or value.__class__ is str:
        return False
    if codec.is_list(value):
        _parts(message, value)
    elif codec.is_object(value) and isinstance(value.get("text"), str):
        message["content"] = value["text"]
    else:  # an object where JSON was asked for
        message["content"] = codec.write(value).decode()
    return True


def _parts(message: Json, parts: list[Any]) -> None:
    """A list of parts as text and reasoning; kept whole beside them where it holds anything else.

    https://docs.mistral.ai/capabilities/reasoning, read 2026-11-21.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif not codec.is_object(part):
            continue
        elif "thinking" in part:
            thoughts.append(text_of(part["thinking"]))
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            message["content_parts"] = parts
    message["content"] = "".join(texts) if texts or not thoughts else None
    if thoughts and not message.get("reasoning"):
        message["reasoning"] = "".join(thoughts)


def text_of(value: Any) -> str:
    """The text in a string, a part or a list of parts."""
    if isinstance(value, str):
        return value
    if codec.is_list(value):
        return "".join(text_of(item) for item in value)
    if codec.is_object(value):
        return text_of(value.get("text") or value.get("content") or value.get("thinking") or "")
    return ""


def _reasoning(message: Json, field: str) -> bool:
    """`reasoning` holds the reasoning text, whatever the provider calls it; its own field stays."""
    own: Any = message.get("reasoning")
    changed = own is not None and own.__class__ is not str
    if changed:
        message["reasoning"] = own = text_of(own) or None
    if own:
        return changed
    for name in (field, *REASONING[1:]) if field else REASONING[1:]:
        if (value := message.get(name)) and (text := text_of(value)):
            message["reasoning"] = text
            return True
    return changed


def _function(message: Json) -> bool:
    """The call of the API before tools: {name, arguments}; an empty one is none."""
    call = message["function_call"]
    if not codec.is_object(call) or not (call.get("name") or call.get("arguments")):
        message["function_call"] = None
        return True
    changed = False
    for name in ("name", "arguments"):
        if call.get(name).__class__ not in (str, type(None)):
            call[name], changed = as_text(call[name]), True
    return changed


def as_text(arguments: Any) -> str:
    """A tool call's arguments as the JSON text that OpenAI's types want."""
    return arguments if isinstance(arguments, str) else codec.write(arguments).decode()


def _annotations(message: Json) -> bool:
    """URL citations in OpenAI's form; what OpenAI has no type for moves to `other_annotations`."""
    value = message["annotations"]
    given: list[Any] = value if codec.is_list(value) else [value]
    cited = [_citation(item) for item in given]
    if codec.is_list(value) and all(
        new is not None and new is old for new, old in zip(cited, given, strict=True)
    ):
        return False
    message["annotations"] = [item for item in cited if item is not None]
    if others := [old for new, old in zip(cited, given, strict=True) if new is None]:
        message["other_annotations"] = others
    return True


def _citation(item: Any) -> Json | None:
    """A url_citation as OpenAI has it; flat ones keep their fields and gain the nested object."""
    if not codec.is_object(item) or item.get("type") not in ("url_citation", None):
        return None
    inner = item.get("url_citation")
    if codec.is_object(inner) and _is_citation(inner) and item.get("type"):
        return item
    source: Json = inner if codec.is_object(inner) else item
    if not isinstance(source.get("url"), str):
        return None
    cited = {
        **(source if source is inner else {}),
        "url": source["url"],
        "title": str(source.get("title") or ""),
        "start_index": tokens.count(source.get("start_index")) or 0,
        "end_index": tokens.count(source.get("end_index")) or 0,
    }
    return {**item, "type": "url_citation", "url_citation": cited}


def _is_citation(inner: Json) -> bool:
    texts = isinstance(inner.get("url"), str) and isinstance(inner.get("title"), str)
    return texts and inner.get("start_index").__class__ is int and inner.get("end_index").__class__ is int


def tidy_audio(delta: Json) -> bool:
    """The types of a delta's audio; True when something was changed."""
    audio = delta["audio"]
    if not codec.is_object(audio):
        delta["audio"] = None
        return True
    changed = False
    for name in ("id", "data", "transcript"):
        if audio.get(name).__class__ not in (str, type(None)):
            audio[name], changed = None, True
    if audio.get("expires_at").__class__ not in (int, type(None)):
        audio["expires_at"], changed = tokens.count(audio["expires_at"]), True
    return changed
