"""Embeddings, rerank and moderations: platform.openai.com/docs/api-reference and jina.ai/reranker."""

from array import array
from base64 import b64encode
from hashlib import blake2b
from typing import Any

import orjson

from xroute.errors import InvalidRequest
from xroute.sim.shape import entries, table
from xroute.sim.tasks.meaning import SIZE, likeness, vector
from xroute.sim.tasks.task import Json, Made, Task, required, several, tokens_of, whole

LARGEST = 4096  # dimensions
_FORMATS = ("float", "base64")
# https://platform.openai.com/docs/guides/moderation, read 2026-11-21
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
    "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence",
    "violence/graphic",
)  # fmt: skip


class Embeddings(Task):
    """POST /v1/embeddings."""

    def answer(self, body: Json, model: str, seed: int) -> Made:
        given = required(body, "input")
        size = whole(body, "dimensions", SIZE, LARGEST)
        form = body.get("encoding_format") or "float"
        if form not in _FORMATS:
            raise InvalidRequest(
                "Invalid 'encoding_format': expected float or base64.", param="encoding_format"
            )
        texts = inputs(given)
        found = [vector(text, size, seed) for text in texts]
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(each) if form == "base64" else each}
            for index, each in enumerate(found)
        ]
        return Made(orjson.dumps({"object": "list", "data": data, "model": model, "usage": usage_of(texts)}))


class Rerank(Task):
    """POST /v1/rerank, as Jina, Cohere and others have it."""

    def answer(self, body: Json, model: str, seed: int) -> Made:
        query, given = str(required(body, "query")), several(body, "documents")
        wanted = vector(query, seed=seed)
        texts = [text_of(each) for each in given]
        scores = [likeness(wanted, vector(text, seed=seed)) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))
        results: list[Json] = []
        for index in order[: whole(body, "top_n", len(texts), 1 << 31)]:
            document = {"document": {"text": texts[index]}} if body.get("return_documents") else {}
            results.append({"index": index, "relevance_score": scores[index], **document})
        return Made(
            orjson.dumps(
                {
                    "id": "rerank-sim-" + _digest(self.request.body),
                    "model": model,
                    "results": results,
                    "usage": usage_of([query, *texts]),
                    "meta": {"billed_units": {"search_units": 1}},
                }
            )
        )


class Moderations(Task):
    """POST /v1/moderations: a text is flagged for a category whose name stands in it."""

    model = "omni-moderation-latest"

    def answer(self, body: Json, model: str, seed: int) -> Made:
        texts = inputs(required(body, "input"))
        made = {
            "id": "modr-sim-" + _digest(self.request.body),
            "model": model,
            "results": list(map(_judged, texts)),
        }
        return Made(orjson.dumps(made))


def inputs(given: Any) -> list[str]:
    """The texts of an input: one or several, or lists of token numbers."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        raise InvalidRequest("Invalid type for 'input': expected a string or an array.", param="input")
    every = entries(given)
    if all(isinstance(each, int) for each in every):
        return [text_of(every)]
    if every and all(isinstance(table(each).get("type"), str) for each in every):  # parts of one input
        return [" ".join(map(text_of, every))]
    return list(map(text_of, every))


def text_of(each: Any) -> str:
    """A text, or what can stand for one: equal inputs give equal texts."""
    if isinstance(each, str):
        return each
    if isinstance(text := table(each).get("text"), str):
        return text
    return orjson.dumps(each).decode()


def usage_of(texts: list[str]) -> Json:
    """Tokens that went in."""
    count = sum(map(tokens_of, texts))
    return {"prompt_tokens": count, "total_tokens": count}


def _packed(found: list[float]) -> str:
    """Little-endian floats of four bytes, as OpenAI has them."""
    return b64encode(array("f", found).tobytes()).decode()


def _judged(text: str) -> Json:
    low = text.lower()
    named = {
        category: category.partition("/")[0] in low and _is_whole(category, low) for category in _CATEGORIES
    }
    return {
        "flagged": any(named.values()),
        "categories": named,
        "category_scores": {category: 0.97 if is_named else 0.01 for category, is_named in named.items()},
        "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
    }


def _is_whole(category: str, text: str) -> bool:
    """Whether the second half of a category stands there too."""
    return category.partition("/")[2] in text


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=12).hexdigest()
