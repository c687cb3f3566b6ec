"""Cohere's citations as OpenAI's annotations."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json


def annotations(citation: Any, shift: int = 0) -> list[Json]:
    """A url_citation for each source that has an address; nothing for a citation within the thinking.

    `shift` is where the cited part begins in the whole text. https://docs.cohere.com/docs/rag-citations,
    read 2026-11-21: start and end count characters, the end is not part of it.
    """
    if not codec.is_object(citation) or citation.get("type", "TEXT_CONTENT") != "TEXT_CONTENT":
        return []
    start, end = tokens.count(citation.get("start")) or 0, tokens.count(citation.get("end")) or 0
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": url,
                "title": title,
                "start_index": start + shift,
                "end_index": end + shift,
            },
        }
        for url, title in _addresses(citation.get("sources"))
    ]


def part_of(citation: Any) -> int:
    """The place of the content part that a citation speaks of."""
    index: Any = citation.get("content_index") if codec.is_object(citation) else None
    return index if isinstance(index, int) else 0


def _addresses(sources: Any) -> list[tuple[str, str]]:
    """(url, title) of each source that has one, once each."""
    given: list[Any] = sources if codec.is_list(sources) else []
    found = [_address(source) for source in given if codec.is_object(source)]
    return list(dict.fromkeys(pair for pair in found if pair is not None))


def _address(source: Json) -> tuple[str, str] | None:
    held: Any = source.get("document") or source.get("tool_output")
    inner: Json = held if codec.is_object(held) else {}
    for value in (inner.get("url"), inner.get("link"), inner.get("id"), source.get("id")):
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            title = inner.get("title")
            return value, title if isinstance(title, str) else ""
    return None
