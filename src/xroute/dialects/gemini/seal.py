"""Reasoning that only another provider can read, carried through a Gemini client in a thought's signature.

Clients send parts back with the thoughtSignature they came with, so what stands there comes back with the
next turn: https://ai.google.dev/gemini-api/docs/thought-signatures, read 2026-11-21. Google's own are
base64, and its SDKs decode them, so a seal is base64 as well.
"""

from base64 import b64decode, b64encode
from collections.abc import Collection
from typing import Any

import orjson

from xroute.dialects.gemini.pieces import FORMAT
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

PREFIX = b"xroute.v1..."  # twelve bytes: sixteen characters of base64, whatever follows

_START = b64encode(PREFIX).decode()
_WORTH = ("data", "signature", "id")  # what makes an item more than its text
_TEXTS = ("text", "summary")
_PLAIN = str.maketrans("-_", "+/")  # Google's SDK for Python writes the alphabet of URLs


def is_own(item: Json) -> bool:
    """Whether an entry of `reasoning_details` is Gemini's, which needs no seal."""
    return item.get("format") in (FORMAT, None)


def is_worth(items: Collection[Json]) -> bool:
    """Whether the items hold something that their provider needs back."""
    return any(item.get(name) for item in items for name in _WORTH)


def part(items: Collection[Json]) -> Json:
    """An empty thought that holds the items."""
    try:
        raw = orjson.dumps(list(items), option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raw = codec.write(list(items))  # half an emoji in a text
    return {"text": "", "thought": True, "thoughtSignature": b64encode(PREFIX + raw).decode()}


def unseal(signature: Any) -> list[Json] | None:
    """The items in a signature of ours; None for one of Google's."""
    if not isinstance(signature, str) or not signature.startswith(_START):
        return None
    try:
        raw = b64decode(signature.translate(_PLAIN), validate=True)
        found: Any = codec.read(raw[len(PREFIX) :])
    except ValueError:
        return []
    return [item for item in found if codec.is_object(item)] if codec.is_list(found) else []


def merge(items: dict[Any, Json], piece: Json) -> None:
    """Add a stream's piece to the item of its index: texts are joined, the rest is set."""
    known = items.setdefault(piece.get("index"), {})
    for name, value in piece.items():
        if name in _TEXTS and isinstance(value, str) and isinstance(known.get(name), str):
            known[name] += value
        else:
            known[name] = value
