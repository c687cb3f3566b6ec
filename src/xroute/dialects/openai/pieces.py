"""An input of an embeddings request as parts: a text, or an object with text and images."""

from typing import Any

from xroute.dialects.openai.codec import Json, is_list, is_object
from xroute.errors import InvalidRequest

# Jina's short form: https://jina.ai/embeddings, read 2026-11-21.
_SHORT = {"text": "text", "image": "image_url", "image_url": "image_url"}


def texts(given: list[Any]) -> list[str] | None:
    """The inputs as texts; None where one of them holds more."""
    found: list[str] = []
    for item in given:
        parts = parts_of(item)
        if len(parts) != 1 or parts[0].get("type") != "text":
            return None
        found.append(parts[0]["text"])
    return found


def parts_of(item: Any) -> list[Json]:
    """Chat's content parts of one input; InvalidRequest for token ids, which only a tokenizer's owner reads.

    The form with `content` is OpenRouter's.
    https://openrouter.ai/docs/api_reference/embeddings, read 2026-11-21.
    """
    if isinstance(item, str):
        return [{"type": "text", "text": item}]
    if not is_object(item):
        raise InvalidRequest(
            "Token ids in `input` mean nothing to this model's provider; send the text.",
            code="invalid_value",
            param="input",
        )
    parts = _parts(item)
    if any(part.get("type") == "text" and not isinstance(part.get("text"), str) for part in parts):
        raise InvalidRequest("A text in `input` must be a string.", code="invalid_value", param="input")
    return parts


def _parts(item: Json) -> list[Json]:
    content: Any = item.get("content")
    if is_list(content):
        return [part for part in content if is_object(part)]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if "type" in item:
        return [item]
    return [_short(kind, item[name]) for name, kind in _SHORT.items() if name in item]


def _short(kind: str, value: Any) -> Json:
    if kind == "image_url" and isinstance(value, str):
        return {"type": kind, kind: {"url": _address(value)}}
    return {"type": kind, kind: value}


def _address(value: str) -> str:
    return value if value.startswith(("http:", "https:", "data:")) else "data:image/png;base64," + value


def image_url(part: Json) -> str:
    """The address of an image part; "" for any other part."""
    value: Any = part.get("image_url")
    if is_object(value):
        value = value.get("url")
    return value if isinstance(value, str) else ""


def inline(url: str) -> tuple[str, str] | None:
    """(media type, base64) of a data: URL; None for another address."""
    if not url.startswith("data:"):
        return None
    head, _, data = url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), data
