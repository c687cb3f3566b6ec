"""Embeddings of Gemini's API, and of Vertex AI, whose older models take a form of their own.

https://ai.google.dev/api/embeddings
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
https://github.com/googleapis/python-genai/blob/main/google/genai/models.py; all read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import codec, pieces, purpose, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import inputs, listed, merge, read, split
from xroute.dialects.openai.encode import OWN

__all__ = ["PATH", "decode", "encode", "merge", "most", "path", "split"]

PATH = "/models/{model}:batchEmbedContents"
PREDICT = "/models/{model}:predict"
MOST = 100  # requests in a batch: "at most 100 requests can be in one batch", the API's own error
INSTANCES = 250  # of a :predict request, and one for the model below: the second page above
SINGLE = "gemini-embedding-001"

_READ = frozenset({"model", "input", "encoding_format", "dimensions", "title", "truncation", *purpose.FIELDS})
_TYPES = {
    "search_query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "similarity": "SEMANTIC_SIMILARITY",
    "code_query": "CODE_RETRIEVAL_QUERY",
    "code_document": "RETRIEVAL_DOCUMENT",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
}


def path(upstream: str, quirks: Quirks) -> str:
    """Where the embeddings of this model are asked for."""
    return PREDICT if _is_predicted(upstream, quirks) else PATH


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """A request for each input, as the batch wants them."""
    given = inputs(body)
    wish = _wish(body)
    dropped = tuple(n for n, v in body.items() if n not in _READ and n not in OWN and v is not None)
    if _is_predicted(upstream, quirks):
        return Encoded(_instances(given, wish), dropped)
    if quirks.predict:
        wish = {"embedContentConfig": wish} if wish else {}
    else:
        wish.pop("autoTruncate", None)
        if body.get("truncation") is not None:
            dropped = (*dropped, "truncation")
    name = "models/" + upstream.removeprefix("models/")
    parts = [[_part(part) for part in pieces.parts_of(item)] for item in given]
    head = {} if quirks.predict else {"model": name}
    return Encoded({"requests": [{**head, "content": {"parts": each}, **wish} for each in parts]}, dropped)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    given: Any = body.get("embeddings", body.get("embedding"))
    if given is None:
        return _predicted(body, model)
    every: list[Any] = given if codec.is_list(given) else [given]
    beside = {name: value for name, value in body.items() if name not in ("embeddings", "embedding")}
    return listed([_values(one) for one in every], model, beside, _usage(body))


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of inputs of one request."""
    if quirks.batch or not _is_predicted(upstream, quirks):
        return quirks.batch or MOST
    return 1 if upstream.startswith(SINGLE) else INSTANCES


def _is_predicted(upstream: str, quirks: Quirks) -> bool:
    return quirks.predict and ("gemini" not in upstream or upstream.startswith(SINGLE))


def _wish(body: Json) -> Json:
    """The options, under the names that both APIs share."""
    wish: Json = {}
    if word := purpose.wish(body, _TYPES):
        wish["taskType"] = word
    if body.get("title") is not None:
        wish["title"] = body["title"]
    if body.get("dimensions") is not None:
        wish["outputDimensionality"] = body["dimensions"]
    if isinstance(body.get("truncation"), bool):
        wish["autoTruncate"] = body["truncation"]
    return wish


def _instances(given: list[Any], wish: Json) -> Json:
    instance = {theirs: wish[name] for name, theirs in _INSTANCE.items() if name in wish}
    parameters = {name: wish[name] for name in ("outputDimensionality", "autoTruncate") if name in wish}
    body: Json = {"instances": [{"content": _text(item), **instance} for item in given]}
    return {**body, "parameters": parameters} if parameters else body


_INSTANCE: Mapping[str, str] = {"taskType": "task_type", "title": "title"}


def _text(item: Any) -> str:
    return "\n".join(part["text"] for part in pieces.parts_of(item) if isinstance(part.get("text"), str))


def _part(part: Json) -> Json:
    """A chat part in Gemini's form; one that is in that form already stays."""
    if url := pieces.image_url(part):
        return _media(url)
    if part.get("type") == "text":
        return {"text": part.get("text")}
    audio: Any = part.get("input_audio")
    if codec.is_object(audio):
        return {
            "inlineData": {"mimeType": f"audio/{audio.get('format') or 'wav'}", "data": audio.get("data")}
        }
    for name in ("video_url", "file"):
        held: Any = part.get(name)
        if codec.is_object(held) and isinstance(url := held.get("url") or held.get("file_data"), str):
            return _media(url)
    return part


def _media(url: str) -> Json:
    if data := pieces.inline(url):
        return {"inlineData": {"mimeType": data[0], "data": data[1]}}
    return {"fileData": {"fileUri": url}}


def _values(one: Any) -> Any:
    values: Any = one.get("values") if codec.is_object(one) else None
    if not codec.is_list(values):
        raise Malformed("the provider's answer holds something that is no vector")
    return values


def _usage(body: Json) -> Json | None:
    """Tokens, which only the newer models count."""
    own: Any = body.get("usageMetadata")
    found = tokens.count(own.get("promptTokenCount")) if codec.is_object(own) else None
    return None if found is None else {"prompt_tokens": found}


def _predicted(body: Json, model: str) -> Answer:
    given: Any = body.get("predictions")
    if not codec.is_list(given):
        raise Malformed("the provider's answer has no embeddings")
    found = [one.get("embeddings") if codec.is_object(one) else None for one in given]
    counted = [_tokens(one) for one in found]
    known = [number for number in counted if number is not None]
    usage = {"prompt_tokens": sum(known)} if known and len(known) == len(counted) else None
    beside = {name: value for name, value in body.items() if name != "predictions"}
    return listed([_values(one) for one in found], model, beside, usage)


def _tokens(one: Any) -> int | None:
    statistics: Any = one.get("statistics") if codec.is_object(one) else None
    return tokens.count(statistics.get("token_count")) if codec.is_object(statistics) else None
