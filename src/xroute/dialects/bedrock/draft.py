"""A request while it is written: what its model takes, and what had to be left out."""

import re
from dataclasses import dataclass, field
from typing import Any

from xroute.dialects.bedrock.families import Family
from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json

_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
# DocumentBlock.name: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html,
# read 2026-11-21; underscores are taken as well, by recorded traffic.
_UNNAMED = re.compile(r"[^a-zA-Z0-9_\s()\[\]-]+")
# A cache point right behind one of these is refused, behind a line end it is not: recorded traffic, and
# https://github.com/pydantic/pydantic-ai/issues/3418, read 2026-11-21.
_UNMARKED = frozenset({"document", "video"})
_LONGEST_NAME = 200


@dataclass(slots=True)
class Draft:
    """Shared by the writers of one request."""

    family: Family
    dropped: list[str] = field(default_factory=list[str])
    names: set[str] = field(default_factory=set[str])  # of documents so far: Bedrock refuses two alike

    def drop(self, where: str) -> None:
        """Note a field of the client that cannot be sent; each once."""
        if where not in self.dropped:
            self.dropped.append(where)

    def mark(self, blocks: list[Json], item: Json, where: str, place: str = "messages") -> None:
        """Add the cache point that `item` asks for to the blocks written for it."""
        control: Any = item.get("cache_control")
        if not codec.is_object(control) or not blocks:
            return
        if place not in self.family.caching:
            self.drop(f"{where}.cache_control")
            return
        point: Json = {"type": "default"}
        if control.get("ttl") == "1h":  # 5m is the default
            if self.family.long_cache:
                point["ttl"] = "1h"
            else:
                self.drop(f"{where}.cache_control.ttl")
        if not blocks[-1].keys().isdisjoint(_UNMARKED):
            blocks.append({"text": "\n"})
        if "cachePoint" not in blocks[-1]:
            blocks.append({"cachePoint": point})

    def title(self, name: str) -> str:
        """A document's name in the characters that Bedrock takes, unlike all others of this request."""
        plain = " ".join(_UNNAMED.sub("-", name).split())[: _LONGEST_NAME - 6] or "document"
        unique, number = plain, 1
        while unique in self.names:
            number += 1
            unique = f"{plain} ({number})"
        self.names.add(unique)
        return unique


def call_id(own: Any) -> str:
    """A tool call's id in the characters that Bedrock takes; the same for the same id."""
    text = own if isinstance(own, str) else ""
    return text if _ID.fullmatch(text) else made_id(text)
