"""Vectors of texts: no model of their meaning, but texts with the same words lie near each other."""

import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct

SIZE = 1536  # of OpenAI's small model
_PLACES = Struct("!16I")  # of one word in a vector; the lowest bit of each is its sign
_WORD = re.compile(r"\w+")


def vector(text: str, size: int = SIZE, seed: int = 0) -> list[float]:
    """A unit vector in which every word of the text has 16 places of its own."""
    found = [0.0] * size
    for word in _WORD.findall(text.lower()) or [text]:
        digest = blake2b(f"{seed}:{word}".encode("utf-8", "replace"), digest_size=_PLACES.size).digest()
        for number in _PLACES.unpack(digest):
            found[(number >> 1) % size] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(value * value for value in found))
    if not length:  # the words cancel each other out
        return [1.0, *found[1:]]
    return [value / length for value in found]


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    """From 0 to 1."""
    cosine = sum(a * b for a, b in zip(one, other, strict=True))
    return round(min(max(cosine, 0.0), 1.0), 6)
