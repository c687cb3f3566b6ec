"""Embeddings as OpenAI and nearly every provider has them.

https://platform.openai.com/docs/api-reference/embeddings, read 2026-11-21.
"""

from collections.abc import Sequence
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, ErrorBody, Malformed
from xroute.dialects.openai import codec, fault, purpose, tokens, vectors
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.wire.usage import Usage

PATH = "/embeddings"
_NUMBER = (int, float)
MOST = 2048  # OpenAI's own limit: https://platform.openai.com/docs/api-reference/embeddings/create


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body under the provider's names.

    `dimensions` is never left out: vectors of another length than asked for are worse than the error that
    the provider gives. `encoding_format` may be: the client's side converts.
    """
    sent = {name: value for name, value in body.items() if name not in OWN and value is not None}
    sent["model"] = upstream
    if quirks.input_types and (word := purpose.wish(body, quirks.input_types)):
        sent = {name: value for name, value in sent.items() if name not in purpose.FIELDS}
        sent["input_type"] = word
    dropped = [name for name in sent if name in quirks.drop and name not in ("model", "dimensions")]
    for name in dropped:
        del sent[name]
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent.pop(name))
    if quirks.vectors:
        sent["encoding_format"] = quirks.vectors
    return Encoded(sent, tuple(name for name in dropped if name != "encoding_format"))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    given: Any = body.get("data")
    if not codec.is_list(given):
        raise Malformed("the provider's answer has no data")
    body["data"] = _tidied(given, quirks.vectors)
    body["object"] = "list"
    if not isinstance(body.get("model"), str):
        body["model"] = model
    return answer_of(body, body.get("usage"))


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of inputs of one request."""
    return quirks.batch or MOST


def inputs(body: Json) -> list[Any]:
    """The inputs of a request one by one: a text, a list of token ids, or an object with parts."""
    given: Any = body.get("input")
    if not codec.is_list(given) or (given and isinstance(given[0], int)):
        return [given]
    return given


def split(body: Json, size: int) -> list[Json]:
    """The request as several of `size` inputs at the most; the same object where one does."""
    every = inputs(body)
    if len(every) <= size:
        return [body]
    return [{**body, "input": every[start : start + size]} for start in range(0, len(every), size)]


def merge(requests: Sequence[Json], answers: Sequence[Answer]) -> Answer:
    """The answer of the whole, in the order of its inputs; Malformed where one has not a vector for each."""
    for request, answer in zip(requests, answers, strict=True):
        wanted, given = len(inputs(request)), len(answer.body["data"])
        if wanted != given:
            raise Malformed(f"the provider gave {given} vectors for {wanted} inputs")
    if len(answers) == 1:
        return answers[0]
    every = [item for answer in answers for item in answer.body["data"]]
    data = [{**item, "index": place} for place, item in enumerate(every)]
    body = {**answers[0].body, "data": data}
    used = [answer.usage for answer in answers if answer.usage is not None]
    if len(used) < len(answers):
        body.pop("usage", None)
        return Answer(body, None, content=True)
    total = sum(usage.input for usage in used)
    own = _summed([answer.body.get("usage") for answer in answers])
    body["usage"] = {**own, "prompt_tokens": total, "total_tokens": total}
    return Answer(body, Usage(input=total), content=True)


def answer_of(body: Json, usage: Any) -> Answer:
    """The answer with OpenAI's usage in it; `usage` is any provider's object of counts."""
    counted = count(usage)
    if counted is None:
        body.pop("usage", None)
        return Answer(body, None, content=True)
    body["usage"] = {**usage, "prompt_tokens": counted, "total_tokens": counted}
    return Answer(body, Usage(input=counted), content=True)


def listed(found: Sequence[Any], model: str, beside: Json, usage: Any) -> Answer:
    """OpenAI's answer of vectors in the order of their inputs; `beside` are the provider's other fields."""
    data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(found)]
    return answer_of({**beside, "object": "list", "data": data, "model": model}, usage)


def count(usage: Any) -> int | None:
    """Input tokens. Where only a total is given it is the input: nothing comes out but vectors."""
    if not codec.is_object(usage):
        return None
    for name in ("prompt_tokens", "input_tokens", "total_tokens"):
        if (found := tokens.count(usage.get(name))) is not None:
            return found
    return None


def read(raw: bytes) -> Json:
    """The object of an answer; raises Malformed, or ErrorBody where it is an error."""
    body = object_of(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    return body


def _tidied(given: list[Any], form: str) -> list[Json]:
    """The vectors in the order of their index, each with the fields of OpenAI's type."""
    data: list[Json] = []
    for place, item in enumerate(given):
        if not codec.is_object(item) or item.keys().isdisjoint(("embedding", "embeddings")):
            raise Malformed("the provider's answer holds something that is no vector")
        item["object"] = "embedding"
        if item.get("index").__class__ is not int:
            item["index"] = place
        if form and isinstance(item.get("embedding"), str):
            item["embedding"] = _numbers(item["embedding"], form)
        data.append(item)
    return sorted(data, key=lambda item: item["index"])


def _numbers(text: str, form: str) -> list[Any]:
    try:
        return vectors.numbers(text, form)
    except ValueError:
        raise Malformed("the provider's answer holds a vector that cannot be read") from None


def _summed(given: Sequence[Any]) -> Json:
    """The counts of several usage objects together; what is no count is the first one's."""
    total: Json = {}
    for usage in given:
        if codec.is_object(usage):
            for name, value in usage.items():
                known = total.get(name)
                if value.__class__ in _NUMBER and known.__class__ in _NUMBER:
                    total[name] = known + value
                elif known is None:
                    total[name] = value
    return total
