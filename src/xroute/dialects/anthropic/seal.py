"""Reasoning that only another provider can read, carried through a Claude client in a block's signature.

Clients of the Messages API send thinking blocks back unchanged, so what stands in `signature` comes back
with the next turn. Other providers' encrypted reasoning (OpenAI), thought signatures (Gemini) and ids are
put there, behind a prefix that no signature of Anthropic's has, and are taken out again by `parse`.
"""

from base64 import b64decode, b64encode
from collections.abc import Collection
from typing import Any

import orjson

from xroute.dialects.anthropic.words import FORMAT
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

PREFIX = "xroute.v1."

_WORTH = ("data", "signature", "id")  # what makes an item more than its text
_TEXTS = ("text", "summary")


def is_own(item: Json) -> bool:
    """Whether an entry of `reasoning_details` is Anthropic's, which needs no seal."""
    return item.get("format") == FORMAT


def text_of(item: Json) -> str:
    """The readable text of an entry of `reasoning_details`."""
    value = item.get("text") or item.get("summary") or ""
    return value if isinstance(value, str) else ""


def is_worth(items: Collection[Json]) -> bool:
    """Whether the items hold something that their provider needs back."""
    return any(item.get(name) for item in items for name in _WORTH)


def plain(text: str) -> Json:
    """An item for reasoning that came as text alone."""
    return {"type": "reasoning.text", "text": text, "format": "unknown"}


def seal(items: Collection[Json], thinking: str) -> str:
    """The signature of a block with this text that another provider's model has thought.

    A text that is the block's own is left out, as it comes back with the block.
    """
    if thinking and not is_worth(items):
        return PREFIX
    if [text for item in items if (text := text_of(item))] == [thinking]:
        items = [{name: value for name, value in item.items() if name not in _TEXTS} for item in items]
    try:
        raw = orjson.dumps(list(items), option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raw = codec.write(list(items))  # half an emoji in a text
    return PREFIX + b64encode(raw).decode()


def is_sealed(signature: Any) -> bool:
    """Whether a signature is one of ours."""
    return isinstance(signature, str) and signature.startswith(PREFIX)


def unseal(signature: str, thinking: str) -> list[Json]:
    """The items in a signature of ours, with the block's text where it was left out."""
    try:
        found: Any = codec.read(b64decode(signature.removeprefix(PREFIX), validate=True))
    except ValueError:
        return []
    items = [item for item in found if codec.is_object(item)] if codec.is_list(found) else []
    if thinking and not any(map(text_of, items)):
        for item in items:
            if (kind := item.get("type")) in ("reasoning.text", "reasoning.summary"):
                item[kind.removeprefix("reasoning.")] = thinking
                break
    return items


def merge(items: dict[Any, Json], piece: Json) -> None:
    """Add a stream's piece to the item of its index: texts are joined, the rest is set."""
    index = piece.get("index")
    known = items.setdefault(index if isinstance(index, int) else f"{len(items)}", {})
    for name, value in piece.items():
        if name in _TEXTS and isinstance(value, str) and isinstance(known.get(name), str):
            known[name] += value
        else:
            known[name] = value
