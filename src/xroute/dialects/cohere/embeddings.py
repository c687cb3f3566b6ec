"""Cohere's embed, version 2; its answers in the older form as well.

https://docs.cohere.com/reference/embed, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import codec, pieces, purpose, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import inputs, listed, merge, read, split
from xroute.dialects.openai.encode import OWN
from xroute.errors import InvalidRequest

__all__ = ["PATH", "decode", "encode", "merge", "most", "split"]

PATH = "/embed"
MOST = 96  # texts of one request: the page above
OLDEST = "-v3"  # in the names of the models that know one image a request and no mixed inputs

_KEPT = ("truncate", "max_tokens", "priority", "output_dimension", "embedding_types")
_READ = frozenset({"model", "input", "encoding_format", "dimensions", "truncation", *purpose.FIELDS, *_KEPT})
_ECHOED = frozenset({"embeddings", "texts", "response_type"})  # the texts are the client's own
_TYPES = {
    **dict.fromkeys(
        ("search_query", "code_query", "question_answering", "fact_verification"), "search_query"
    ),
    **dict.fromkeys(("search_document", "code_document"), "search_document"),
    **dict.fromkeys(("clustering", "similarity"), "clustering"),
    "classification": "classification",
}
_DEFAULT = "search_document"  # the field is required: most vectors are made to be stored


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """`input_type` is what the client says, else "search_document"; texts, or images, or both mixed."""
    sent: Json = {"model": upstream, "input_type": purpose.wish(body, _TYPES) or _DEFAULT}
    sent |= _contents(inputs(body), upstream)
    if "images" in sent:
        sent["input_type"] = "image"
    sent["embedding_types"] = ["float"]
    sent |= {name: body[name] for name in _KEPT if body.get(name) is not None}
    if body.get("dimensions") is not None:
        sent["output_dimension"] = body["dimensions"]
    if body.get("truncation") is False:  # Voyage's and Ollama's words
        sent.setdefault("truncate", "NONE")
    return Encoded(sent, dropped_from(body, _READ))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    beside = {name: value for name, value in body.items() if name not in _ECHOED}
    given: Any = body.get("embeddings")
    if codec.is_list(given):
        return listed(given, model, beside, usage_of(body))
    if not codec.is_object(given):
        raise Malformed("the provider's answer has no embeddings")
    kinds: Json = {name: found for name, found in given.items() if codec.is_list(found) and found}
    main = "float" if "float" in kinds else next(iter(kinds), "")
    answer = listed(kinds.get(main, []), model, beside, usage_of(body))
    for name, found in kinds.items():
        if name != main:
            for item, vector in zip(answer.body["data"], found, strict=False):
                item.setdefault("embeddings", {})[name] = vector
    return answer


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of inputs of one request."""
    return quirks.batch or MOST


def dropped_from(body: Json, known: frozenset[str]) -> tuple[str, ...]:
    """The client's fields that are not `known`: this provider has no place for them."""
    return tuple(
        name for name, value in body.items() if name not in known and name not in OWN and value is not None
    )


def usage_of(body: Json) -> Json | None:
    """What Cohere charges for: text and image tokens; None where it counts none of them."""
    meta: Any = body.get("meta")
    billed: Any = meta.get("billed_units") if codec.is_object(meta) else None
    if not codec.is_object(billed):
        return None
    counted = [tokens.count(billed.get(name)) for name in ("input_tokens", "image_tokens")]
    known = [number for number in counted if number is not None]
    return {"prompt_tokens": sum(known)} if known else None


def _contents(given: list[Any], upstream: str) -> Json:
    texts = pieces.texts(given)
    if texts is not None:
        return {"texts": texts}
    parts = [pieces.parts_of(item) for item in given]
    if OLDEST not in upstream:
        return {"inputs": [{"content": [_part(part) for part in item]} for item in parts]}
    images = [pieces.image_url(part) for item in parts for part in item]
    if not all(images) or len(images) != len(given):
        raise InvalidRequest(
            f"`{upstream}` takes texts or single images, not both in one request.",
            code="invalid_value",
            param="input",
        )
    return {"images": images}


def _part(part: Json) -> Json:
    if url := pieces.image_url(part):
        return {"type": "image_url", "image_url": {"url": url}}
    return part
