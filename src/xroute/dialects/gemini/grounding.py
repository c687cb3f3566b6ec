"""What an answer rests on: citations and search results as url_citation annotations.

https://ai.google.dev/api/generate-content#GroundingMetadata and #CitationMetadata, read 2026-11-21.
Their places are bytes of UTF-8, OpenAI's are characters.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

_SOURCES = ("web", "maps", "retrievedContext", "image")
_URLS = ("uri", "sourceUri")
_METADATA = frozenset({"citationMetadata", "groundingMetadata"})


def annotations(candidate: Json, text: str) -> list[Json]:
    """The annotations of a candidate whose whole answer is `text`."""
    if _METADATA.isdisjoint(candidate):
        return []
    places = _Places(text)
    found = _cited(candidate.get("citationMetadata"), places)
    grounding: Any = candidate.get("groundingMetadata")
    if codec.is_object(grounding):
        found += _grounded(grounding, places)
    return found


def _cited(metadata: Any, places: "_Places") -> list[Json]:
    """Of CitationMetadata; the list is `citationSources` in the Gemini API, `citations` on Vertex AI."""
    if not codec.is_object(metadata):
        return []
    found: list[Json] = []
    for source in _objects(metadata.get("citationSources") or metadata.get("citations")):
        if isinstance(source.get("uri"), str):
            found.append(_annotation(source["uri"], source.get("title"), *places.at(source)))
    return found


def _grounded(metadata: Json, places: "_Places") -> list[Json]:
    """One for each source of each supported segment; sources without a segment are cited as a whole."""
    sources = [_source(chunk) for chunk in _objects(metadata.get("groundingChunks"))]
    supports = _objects(metadata.get("groundingSupports"))
    if not supports:
        return [_annotation(*source, 0, 0) for source in sources if source]
    found: list[Json] = []
    for support in supports:
        segment: Any = support.get("segment")
        start, end = places.at(segment) if codec.is_object(segment) else (0, 0)
        indices: Any = support.get("groundingChunkIndices")
        for index in indices if codec.is_list(indices) else ():
            if isinstance(index, int) and 0 <= index < len(sources) and (source := sources[index]):
                found.append(_annotation(*source, start, end))
    return found


def _source(chunk: Json) -> tuple[str, Any] | None:
    """(address, title) of what was found; None for what has no address."""
    for name in _SOURCES:
        if codec.is_object(kind := chunk.get(name)):
            url = next((kind[field] for field in _URLS if isinstance(kind.get(field), str)), None)
            return (url, kind.get("title")) if url else None
    return None


def _annotation(url: str, title: Any, start: int, end: int) -> Json:
    cited = {
        "url": url,
        "title": title if isinstance(title, str) else "",
        "start_index": start,
        "end_index": end,
    }
    return {"type": "url_citation", "url_citation": cited}


def _objects(value: Any) -> list[Json]:
    return [item if codec.is_object(item) else {} for item in value] if codec.is_list(value) else []


class _Places:
    """Places of a text: bytes become characters."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bytes = b"" if text.isascii() else text.encode("utf-8", "surrogatepass")

    def at(self, segment: Json) -> tuple[int, int]:
        """(start, end) in characters; where the text of the segment is elsewhere, its real place counts."""
        start = self._character(tokens.count(segment.get("startIndex")) or 0)
        end = self._character(tokens.count(segment.get("endIndex")) or 0)
        said: Any = segment.get("text")
        if isinstance(said, str) and said and self._text[start:end] != said:
            found = self._text.find(said)
            if found >= 0:
                return found, found + len(said)
        return start, max(start, end)

    def _character(self, place: int) -> int:
        if not self._bytes:
            return min(place, len(self._text))
        return len(self._bytes[:place].decode("utf-8", "ignore"))
