"""What a candidate says beside its content, in Google's words: its sources, and how likely its tokens were.

https://ai.google.dev/api/generate-content#GroundingMetadata and #LogprobsResult, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def grounding(annotations: Any, text: str) -> Json:
    """groundingMetadata of the citations in an answer of this text; {} where none has an address.

    Places are characters in OpenAI's annotations, and bytes of UTF-8 here.
    """
    chunks: dict[tuple[str, str], int] = {}
    supports: list[Json] = []
    for item in annotations if codec.is_list(annotations) else ():
        cited: Any = item.get("url_citation") if codec.is_object(item) else None
        if not codec.is_object(cited) or not isinstance(cited.get("url"), str):
            continue
        place = chunks.setdefault((cited["url"], str(cited.get("title") or "")), len(chunks))
        if segment := _segment(cited, text):
            supports.append({"segment": segment, "groundingChunkIndices": [place]})
    if not chunks:
        return {}
    made: Json = {"groundingChunks": [{"web": {"uri": uri, "title": title}} for uri, title in chunks]}
    return made | ({"groundingSupports": supports} if supports else {})


def _segment(cited: Json, text: str) -> Json | None:
    start: Any = cited.get("start_index")
    end: Any = cited.get("end_index")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        return None
    before, said = text[:start], text[start:end]
    first = _size(before)
    return {"startIndex": first, "endIndex": first + _size(said), "text": said}


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def probabilities(logprobs: Any) -> Json:
    """The field `logprobsResult` for OpenAI's log probabilities; {} where there are none."""
    if logprobs is None:
        return {}
    given: Any = logprobs.get("content") if codec.is_object(logprobs) else None
    tokens = [item for item in given if codec.is_object(item)] if codec.is_list(given) else []
    if not tokens:
        return {}
    near = [{"candidates": [_token(other) for other in _near(item)]} for item in tokens]
    return {"logprobsResult": {"chosenCandidates": [_token(item) for item in tokens], "topCandidates": near}}


def _near(item: Json) -> list[Json]:
    given: Any = item.get("top_logprobs")
    return [near for near in given if codec.is_object(near)] if codec.is_list(given) else []


def _token(item: Json) -> Json:
    return {"token": item.get("token"), "logProbability": item.get("logprob")}
