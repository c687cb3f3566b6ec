"""Cohere's rerank, version 2. https://docs.cohere.com/reference/rerank, read 2026-11-21."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.cohere.embeddings import dropped_from
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.rerank import decode, plain

__all__ = ["PATH", "decode", "encode", "text_of"]

PATH = "/rerank"

_KEPT = ("query", "top_n", "max_tokens_per_doc", "priority")
_READ = frozenset({"model", "documents", "return_documents", "rank_fields", *_KEPT})


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """Documents as texts; those that the client wants back are put in on its side."""
    fields: Any = body.get("rank_fields")
    sent: Json = {"model": upstream, "documents": [text_of(one, fields) for one in body["documents"]]}
    sent |= {name: body[name] for name in _KEPT if body.get(name) is not None}
    return Encoded(sent, dropped_from(body, _READ))


def text_of(document: Any, fields: Any = None) -> str:
    """A document as text; one with several fields as lines of "name: value", as version 2 wants them.

    `fields` are the names that count, of version 1.
    https://docs.cohere.com/docs/rerank-overview, read 2026-11-21.
    """
    document = plain(document)
    if isinstance(document, str):
        return document
    if not codec.is_object(document):
        return _value(document)
    chosen: Any = fields if codec.is_list(fields) else list(document)
    named = [name for name in chosen if isinstance(name, str)]
    return "\n".join(f"{name}: {_value(document[name])}" for name in named if name in document)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else codec.write(value).decode()
