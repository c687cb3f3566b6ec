"""Citations of text blocks as annotations of a message, and back.

https://platform.claude.com/docs/en/build-with-claude/citations, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def annotate(message: Json, citations: list[Any], start: int, end: int) -> None:
    """Adds the citations of the text between two places (characters) to a message or a delta.

    One of a web page becomes a url_citation; OpenAI has no type for the others, so they stand in
    `other_annotations`. Each holds Anthropic's own object as `citation`.
    """
    for citation in citations:
        if not codec.is_object(citation):
            continue
        if isinstance(citation.get("url"), str):
            message.setdefault("annotations", []).append(_page(citation, start, end))
        else:
            item: Json = {"type": citation.get("type"), "start_index": start, "end_index": end}
            message.setdefault("other_annotations", []).append({**item, "citation": citation})


def _page(citation: Json, start: int, end: int) -> Json:
    cited: Json = {
        "url": citation["url"],
        "title": str(citation.get("title") or ""),
        "start_index": start,
        "end_index": end,
    }
    if isinstance(text := citation.get("cited_text"), str):
        cited["content"] = text
    return {"type": "url_citation", "url_citation": cited, "citation": citation}


def texts(text: str, message: Json) -> list[Json]:
    """The text blocks of an assistant's text, cut where its annotations say so."""
    blocks: list[Json] = []
    place = 0
    for (start, end), citations in sorted(_places(message, len(text)).items()):
        if start < place:  # they overlap, as Anthropic's own never do
            continue
        blocks += [_block(text[place:start]), {**_block(text[start:end]), "citations": citations}]
        place = end
    return [block for block in (*blocks, _block(text[place:])) if block["text"]]


def _block(text: str) -> Json:
    return {"type": "text", "text": text}


def _places(message: Json, size: int) -> dict[tuple[int, int], list[Json]]:
    """(start, end) -> Anthropic's own citations of the text between them."""
    found: dict[tuple[int, int], list[Json]] = {}
    for name in ("annotations", "other_annotations"):
        items: Any = message.get(name)
        for item in items if codec.is_list(items) else []:
            if codec.is_object(item) and codec.is_object(own := item.get("citation")):
                inner = item.get("url_citation")
                where: Json = inner if codec.is_object(inner) else item
                start, end = where.get("start_index"), where.get("end_index")
                if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= size:
                    found.setdefault((start, end), []).append(own)
    return found
