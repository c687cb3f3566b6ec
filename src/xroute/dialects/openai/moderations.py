"""Moderations as OpenAI has them, and Mistral's, whose categories are its own.

https://platform.openai.com/docs/api-reference/moderations
https://docs.mistral.ai/api/endpoint/classifiers; both read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN

PATH = "/moderations"

# Categories that mean what one of OpenAI's means. Those of OpenAI's that have no match are left out: nobody
# judged them, and `false` would say that somebody did. OpenAI's own clients read what is missing as None.
_SAME = {
    "hate_and_discrimination": "hate",
    "violence_and_threats": "violence",
    "dangerous_and_criminal_content": "illicit",
    "selfharm": "self-harm",
}


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body with the provider's name for the model."""
    sent = {name: value for name, value in body.items() if name not in OWN and value is not None}
    sent["model"] = upstream
    dropped = tuple(name for name in sent if name in quirks.drop and name != "model")
    for name in dropped:
        del sent[name]
    return Encoded(sent, dropped)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    given: Any = body.get("results")
    if not codec.is_list(given):
        raise Malformed("the provider's answer has no results")
    body["results"] = [_result(item) for item in given]
    if not isinstance(body.get("id"), str) or not body["id"]:
        body["id"] = "modr-" + request_id
    if not isinstance(body.get("model"), str):
        body["model"] = model
    own: Any = body.get("usage")
    return Answer(body, tokens.read(own) if codec.is_object(own) else None, content=True)


def _result(item: Any) -> Json:
    """One result: the provider's own categories, and OpenAI's names for those that mean the same.

    Whether it is flagged is the provider's word, else whether any category is.
    """
    if not codec.is_object(item) or not codec.is_object(item.get("categories")):
        raise Malformed("the provider's answer holds a result without categories")
    result = {**item, "categories": _named(item["categories"])}
    if codec.is_object(item.get("category_scores")):
        result["category_scores"] = _named(item["category_scores"])
    if not isinstance(item.get("flagged"), bool):
        result["flagged"] = any(value is True for value in item["categories"].values())
    return result


def _named(values: Json) -> Json:
    same = {_SAME[name]: value for name, value in values.items() if name in _SAME}
    return {**same, **values}
