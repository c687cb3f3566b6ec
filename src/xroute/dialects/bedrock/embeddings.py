"""Embeddings of the model families on Amazon Bedrock, each with its own form under InvokeModel.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html; all read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.cohere import embeddings as cohere
from xroute.dialects.openai import codec, pieces, purpose, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import answer_of, inputs, listed, merge, read, split
from xroute.dialects.openai.embeddings import decode as decode_listed
from xroute.errors import InvalidRequest

__all__ = ["PATH", "counted", "decode", "encode", "merge", "most", "split"]

PATH = "/model/{model}/invoke"

COHERE, NOVA = "cohere.embed", "nova-2-multimodal-embeddings"

_READ = frozenset({"model", "input", "encoding_format", "dimensions", "normalize", "embedding_types"})
_NOVA_READ = frozenset({"model", "input", "encoding_format", "dimensions", "truncate", *purpose.FIELDS})
_NOVA_TYPES = {
    "search_query": "GENERIC_RETRIEVAL",
    "search_document": "GENERIC_INDEX",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "similarity": "CLUSTERING",
    "code_query": "TEXT_RETRIEVAL",
    "code_document": "GENERIC_INDEX",
    "question_answering": "TEXT_RETRIEVAL",
}


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The request in the form of the model's family; all but Cohere's take one input."""
    if COHERE in upstream:
        made = cohere.encode(body, upstream=upstream, quirks=quirks)
        return Encoded({name: value for name, value in made.body.items() if name != "model"}, made.dropped)
    given = inputs(body)
    if len(given) != 1:
        raise _unreadable()
    parts = pieces.parts_of(given[0])
    if NOVA in upstream:
        return Encoded(_nova(body, parts), cohere.dropped_from(body, _NOVA_READ))
    return Encoded(_titan(body, parts, upstream), cohere.dropped_from(body, _READ))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    if "data" in body:
        return decode_listed(raw, model=model, request_id=request_id, created=created, quirks=quirks)
    if "embedding" in body or "embeddingsByType" in body:
        return _titans(body, model)
    given: Any = body.get("embeddings")
    if codec.is_list(given) and given and codec.is_object(given[0]):
        beside = {name: value for name, value in body.items() if name != "embeddings"}
        if not all(codec.is_object(one) for one in given):
            raise Malformed("the provider's answer holds a vector that is none")
        return listed([one.get("embedding") for one in given], model, beside, _counted(body))
    return cohere.decode(raw, model=model, request_id=request_id, created=created, quirks=quirks)


def counted(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """The tokens that InvokeModel counts in a header, where the model's own answer has none (recorded)."""
    found = tokens.count(headers.get("x-amzn-bedrock-input-token-count"))
    return answer if found is None else answer_of(answer.body, {"prompt_tokens": found})


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of inputs of one request."""
    return quirks.batch or (cohere.most(upstream, quirks) if COHERE in upstream else 1)


def _titan(body: Json, parts: list[Json], upstream: str) -> Json:
    sent: Json = {}
    for part in parts:
        if data := pieces.inline(pieces.image_url(part)):
            sent["inputImage"] = data[1]
        elif isinstance(part.get("text"), str):
            sent["inputText"] = part["text"]
        else:
            raise _unreadable()
    size: Any = body.get("dimensions")
    if "embed-image" in upstream:
        return {**sent, "embeddingConfig": {"outputEmbeddingLength": size}} if size is not None else sent
    if size is not None:
        sent["dimensions"] = size
    if body.get("normalize") is not None:
        sent["normalize"] = body["normalize"]
    if body.get("embedding_types") is not None:
        sent["embeddingTypes"] = body["embedding_types"]
    return sent


def _nova(body: Json, parts: list[Json]) -> Json:
    given: Json = {"embeddingPurpose": purpose.wish(body, _NOVA_TYPES) or "GENERIC_INDEX"}
    if body.get("dimensions") is not None:
        given["embeddingDimension"] = body["dimensions"]
    for part in parts:
        if data := pieces.inline(pieces.image_url(part)):
            form = data[0].partition("/")[2]
            given["image"] = {"format": form, "source": {"bytes": data[1]}}
        elif isinstance(part.get("text"), str):
            given["text"] = {"truncationMode": body.get("truncate") or "NONE", "value": part["text"]}
        else:
            raise _unreadable()
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": given}


def _titans(body: Json, model: str) -> Answer:
    """One vector; of several types, the float one stands first and the others beside it."""
    kinds: Any = body.get("embeddingsByType")
    main: Any = body.get("embedding")
    if main is None and codec.is_object(kinds) and kinds:
        main = kinds.get("float", next(iter(kinds.values())))
    if not codec.is_list(main):
        raise Malformed("the provider's answer holds something that is no vector")
    known = ("embedding", "embeddingsByType", "inputTextTokenCount")
    beside = {name: value for name, value in body.items() if name not in known}
    answer = listed([main], model, beside, _counted(body))
    if codec.is_object(kinds) and len(kinds) > 1:
        answer.body["data"][0]["embeddings"] = kinds
    return answer


def _counted(body: Json) -> Json | None:
    found = tokens.count(body.get("inputTextTokenCount"))
    return None if found is None else {"prompt_tokens": found}


def _unreadable() -> InvalidRequest:
    return InvalidRequest(
        "This model takes one text, or an image as a data: URL, as `input`.",
        code="invalid_value",
        param="input",
    )
