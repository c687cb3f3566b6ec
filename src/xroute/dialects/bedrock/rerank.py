"""Cohere's and Amazon's rerank models under InvokeModel of Amazon Bedrock.

https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.cohere.embeddings import dropped_from
from xroute.dialects.cohere.rerank import text_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.rerank import decode

__all__ = ["PATH", "decode", "encode"]

PATH = "/model/{model}/invoke"
COHERE = "cohere.rerank"  # in the names of the models that ask for the version of their API

_KEPT = ("query", "top_n", "max_tokens_per_doc")
_READ = frozenset({"model", "documents", "return_documents", "rank_fields", *_KEPT})


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """Cohere's request without the model, which stands in the path."""
    fields: Any = body.get("rank_fields")
    sent: Json = {"documents": [text_of(one, fields) for one in body["documents"]]}
    sent |= {name: body[name] for name in _KEPT if body.get(name) is not None}
    if COHERE in upstream:
        sent["api_version"] = 2
    return Encoded(sent, dropped_from(body, _READ))
