"""Ollama's own embeddings. https://docs.ollama.com/api/embed, read 2026-11-21."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import codec, pieces, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import inputs, listed, merge, read, split
from xroute.dialects.openai.encode import OWN
from xroute.errors import InvalidRequest

__all__ = ["PATH", "decode", "encode", "merge", "most", "split"]

PATH = "/api/embed"
MOST = 2048  # a size of ours: Ollama has no limit of its own

_READ = frozenset({"model", "input", "encoding_format"})
_KEPT = ("dimensions", "truncate", "options", "keep_alive")


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """Texts alone."""
    texts = pieces.texts(inputs(body))
    if texts is None:
        raise InvalidRequest(
            "This provider takes texts alone as `input`.", code="invalid_value", param="input"
        )
    sent: Json = {"model": upstream, "input": texts}
    sent |= {name: body[name] for name in _KEPT if body.get(name) is not None}
    known = _READ | set(_KEPT) | OWN
    return Encoded(sent, tuple(n for n, value in body.items() if n not in known and value is not None))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer, also of the older /api/embeddings; raises Malformed or ErrorBody."""
    body = read(raw)
    given: Any = body.get("embeddings")
    if given is None and codec.is_list(body.get("embedding")):
        given = [body["embedding"]]
    if not codec.is_list(given) or not all(map(codec.is_list, given)):
        raise Malformed("the provider's answer has no embeddings")
    known = ("embeddings", "embedding", "model")
    beside = {name: value for name, value in body.items() if name not in known}
    count = tokens.count(body.get("prompt_eval_count"))
    usage = None if count is None else {"prompt_tokens": count}
    named: Any = body.get("model")
    return listed(given, named if isinstance(named, str) and named else model, beside, usage)


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of inputs of one request."""
    return quirks.batch or MOST
