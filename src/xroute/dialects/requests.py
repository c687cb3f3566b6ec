"""Clients' requests for embeddings, rerank and moderations become Calls; errors name the field."""

from typing import Any, cast

from xroute.dialects.answers import EmbeddingsSurface, JsonSurface, RerankSurface
from xroute.dialects.openai import codec, pieces
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import inputs
from xroute.dialects.openai.parse import load, models_of, timeouts_of, wrong
from xroute.wire.call import Call, Operation
from xroute.wire.surface import Surface

BYTES_OF_TOKEN = 5  # what the estimates take a token for, where a client sends token ids


def parse_embeddings(raw: bytes) -> Call:
    """POST /v1/embeddings: a text, texts, token ids, or objects with text and images."""
    body = load(raw)
    _require(body, "input")
    form = body.get("encoding_format")
    if form is not None and not isinstance(form, str):
        raise wrong("encoding_format", "must be a string")
    size = body.get("dimensions")
    if size is not None and (size.__class__ is not int or size < 1):
        raise wrong("dimensions", "must be 1 or more")
    every = _inputs(body)
    call = _call(body, "embeddings", EmbeddingsSurface(form or "float"))
    sizes = [_measure(item) for item in every]
    call.text_bytes = sum(text for text, _ in sizes)
    if any(heavy for _, heavy in sizes):
        call.is_heavy, call.abilities = True, frozenset({"image"})
    return call


def parse_rerank(raw: bytes) -> Call:
    """POST /v1/rerank, as Cohere and Jina have it; Voyage's `top_k` is `top_n`."""
    body = load(raw)
    _require(body, "query")
    _require(body, "documents")
    if "top_k" in body:
        top: Any = body.pop("top_k")
        body.setdefault("top_n", top)
    _check_rerank(body)
    surface = RerankSurface(
        body["documents"] if body.get("return_documents") else None,
        body.get("top_n") or len(body["documents"]),
    )
    call = _call(body, "rerank", surface)
    call.text_bytes = _size(body["query"]) + sum(_size(document) for document in body["documents"])
    return call


def parse_moderations(raw: bytes) -> Call:
    """POST /v1/moderations: a text, texts, or content parts. Without `model` it is OpenAI's own default.

    https://platform.openai.com/docs/api-reference/moderations/create, read 2026-11-21.
    """
    body = load(raw)
    _require(body, "input")
    if body.get("model") is None and body.get("models") is None:
        body["model"] = "omni-moderation-latest"
    given: Any = body["input"]
    if not isinstance(given, str) and not (codec.is_list(given) and given):
        raise wrong("input", "must be a string or a list that is not empty")
    call = _call(body, "moderations", JsonSurface())
    items: list[Any] = [given] if isinstance(given, str) else given
    call.text_bytes = sum(_size(item) for item in items)
    call.is_heavy = any(codec.is_object(item) and pieces.image_url(item) for item in items)
    if call.is_heavy:
        call.abilities = frozenset({"image"})
    return call


def _call(body: Json, operation: Operation, surface: Surface) -> Call:
    """A call that no context window keeps from a deployment: each input has one to itself, and most providers
    cut what is longer; the others say so."""
    return Call(
        body=body,
        models=models_of(body),
        surface=surface,
        operation=operation,
        window_bytes=0,
        provider=body.get("provider"),
        timeouts=timeouts_of(body.get("timeouts")),
    )


def _require(body: Json, name: str) -> None:
    if body.get(name) is None:
        raise wrong(name, "is required")


def _inputs(body: Json) -> list[Any]:
    """The inputs one by one; InvalidRequest for what is none."""
    given: Any = body["input"]
    if not isinstance(given, str | list | dict):
        raise wrong("input", "must be a string, a list or an object")
    if not given:
        raise wrong("input", "must not be empty")
    if _is_tokens(given):
        return [given]
    every = inputs(body)
    for place, item in enumerate(every):
        if not isinstance(item, str | dict) and not _is_tokens(item):
            raise wrong(f"input[{place}]", "must be a string, token ids or an object")
    return every


def _is_tokens(value: Any) -> bool:
    return codec.is_list(value) and bool(value) and all(token.__class__ is int for token in value)


def _measure(item: Any) -> tuple[int, bool]:
    """(bytes of text of one input, whether it holds more than text)."""
    if isinstance(item, list):
        return BYTES_OF_TOKEN * len(cast("list[Any]", item)), False
    parts = pieces.parts_of(item)
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return sum(map(_size, texts)), len(texts) != len(parts)


def _size(value: Any) -> int:
    """Bytes of a text, or of the texts in an object."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if not codec.is_object(value):
        return 0
    return sum(len(text) for text in value.values() if isinstance(text, str) and not text.startswith("data:"))


def _check_rerank(body: Json) -> None:
    documents: Any = body["documents"]
    if not codec.is_list(documents) or not documents:
        raise wrong("documents", "must be a list that is not empty")
    for place, document in enumerate(documents):
        if not isinstance(document, str | dict):
            raise wrong(f"documents[{place}]", "must be a string or an object")
    if not isinstance(body["query"], str | dict):
        raise wrong("query", "must be a string")
    top = body.get("top_n")
    if top is not None and (top.__class__ is not int or top < 1):
        raise wrong("top_n", "must be 1 or more")
