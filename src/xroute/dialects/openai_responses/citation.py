"""Citations: flat in the Responses API, nested in the chat API."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json


def nested(annotation: Json, offset: int) -> Json | None:
    """A url_citation as the chat API has it; None for any other annotation.

    `offset` is where the annotation's text begins in the whole message.
    """
    if annotation.get("type") != "url_citation" or not isinstance(annotation.get("url"), str):
        return None
    cited = {name: value for name, value in annotation.items() if name != "type"}
    cited["title"] = str(annotation.get("title") or "")
    for name in ("start_index", "end_index"):
        cited[name] = (tokens.count(annotation.get(name)) or 0) + offset
    return {"type": "url_citation", "url_citation": cited}


def flat(annotations: Any, start: int, end: int) -> list[Json]:
    """The Responses form of the url_citations that lie in [start, end) of a message's text."""
    given: list[Any] = annotations if codec.is_list(annotations) else []
    found = [
        inner
        for item in given
        if codec.is_object(item) and codec.is_object(inner := item.get("url_citation"))
    ]
    return [
        {
            **inner,
            "type": "url_citation",
            "title": str(inner.get("title") or ""),
            "start_index": place - start,
            "end_index": max((tokens.count(inner.get("end_index")) or 0) - start, 0),
        }
        for inner in found
        if start <= (place := tokens.count(inner.get("start_index")) or 0) < max(end, start + 1)
    ]
