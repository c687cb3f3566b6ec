"""Rerank as Jina made it and Voyage, Together, vLLM, llama.cpp and others have it, with small differences.

https://jina.ai/reranker · https://docs.voyageai.com/reference/reranker-api
https://docs.together.ai/reference/rerank-1 · https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
https://github.com/ggml-org/llama.cpp/tree/master/tools/server; all read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, ErrorBody, Malformed
from xroute.dialects.openai import codec, fault, tokens
from xroute.dialects.openai.body import checked, value_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.wire.usage import Usage

PATH = "/rerank"

_SCORES = ("relevance_score", "score")  # the second is that of text-embeddings-inference


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body under the provider's names; documents that are but a text become one.

    `return_documents` is never missed where it is dropped: the client's side puts the documents in.
    """
    sent = {name: value for name, value in body.items() if name not in OWN and value is not None}
    sent["model"] = upstream
    sent["documents"] = [plain(document) for document in body["documents"]]
    dropped = [name for name in sent if name in quirks.drop and name != "model"]
    for name in dropped:
        del sent[name]
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent.pop(name))
    return Encoded(sent, tuple(name for name in dropped if name != "return_documents"))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    given: Any = body.pop("data") if "results" not in body and "data" in body else body.get("results")
    if not codec.is_list(given):
        raise Malformed("the provider's answer has no results")
    body["results"] = [_result(item) for item in given]
    body.pop("object", None)
    if not isinstance(body.get("id"), str) or not body["id"]:
        body["id"] = "rerank-" + request_id
    if not isinstance(body.get("model"), str):
        body["model"] = model
    usage = usage_of(body)
    if usage is not None:
        own: Any = body.get("usage")
        own = own if codec.is_object(own) else {}
        body["usage"] = {**own, "prompt_tokens": usage.input, "total_tokens": usage.input + usage.output}
    return Answer(body, usage, content=True)


def plain(document: Any) -> Any:
    """A document of one text as that text: every provider takes these."""
    if codec.is_object(document) and document.keys() == {"text"}:
        return document["text"]
    return document


def read(raw: bytes) -> Json:
    """The object of an answer; a bare list of results is one. Raises Malformed or ErrorBody."""
    value = value_of(raw)
    body = checked({"results": value} if codec.is_list(value) else value)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    return body


def usage_of(body: Json) -> Usage | None:
    """Tokens, where the provider counts them; it may charge by the search instead.

    Cohere's counts stand at `meta`, those that it bills at `meta.billed_units`.
    """
    meta: Any = body.get("meta")
    meta = meta if codec.is_object(meta) else {}
    for own in (body.get("usage"), meta.get("billed_units"), meta.get("tokens")):
        if not codec.is_object(own):
            continue
        given = _first(own, ("prompt_tokens", "input_tokens", "total_tokens"))
        if given is not None:
            return Usage(input=given, output=_first(own, ("completion_tokens", "output_tokens")) or 0)
    return None


def _first(own: Json, names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := tokens.count(own.get(name))) is not None), None)


def _result(item: Any) -> Json:
    """One result with the score under the common name, as the provider computed it."""
    if not codec.is_object(item) or item.get("index").__class__ is not int:
        raise Malformed("the provider's answer holds something that is no result")
    name = next((name for name in _SCORES if item.get(name).__class__ in (int, float)), None)
    if name is None:
        raise Malformed("the provider's answer holds a result without a score")
    document: Any = item.get("document", item.get("text"))
    if isinstance(document, str):
        document = {"text": document}
    beside = {key: value for key, value in item.items() if key not in (name, "document", "text")}
    result: Json = {**beside, "relevance_score": item[name]}
    return result if document is None else {**result, "document": document}
