"""Recorded reranks: the same scores for the same documents in the same order; and the requests."""

import json
from typing import Any

from cohere.v2.types import V2RerankResponse
from pydantic import TypeAdapter, ValidationError
from tests.wire import faults
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.bedrock import rerank as bedrock
from xroute.dialects.cohere import rerank as cohere
from xroute.dialects.openai import rerank as openai
from xroute.dialects.requests import parse_rerank

Json = dict[str, Any]

COHERE_TYPES: dict[str, Any] = {
    "model": str,
    "query": str,
    "documents": list[str],
    "top_n": int,
    "max_tokens_per_doc": int,
    "priority": int,
}


def check(recording: Recording) -> None:
    """The answer, then the request that led to it."""
    dialect: Any = cohere if recording.data["provider"] == "cohere" else openai
    if recording.status >= 400:
        faults.check(recording)
    else:
        _answer(recording, dialect)
    _request(recording, dialect)


def invoke_check(recording: Recording) -> bool:
    """Judges one InvokeModel exchange of Bedrock if it is a rerank; False if it is not."""
    if "rerank" not in (recording.data.get("url") or ""):
        return False
    if recording.status >= 400:
        faults.check(recording)
    else:
        _answer(recording, bedrock)
    _request(recording, bedrock)
    return True


def _answer(recording: Recording, dialect: Any) -> None:
    if "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    body = json.loads(recording.text)
    body = {"results": body} if isinstance(body, list) else body
    results = body.get("results", body.get("data"))
    try:
        answer: Answer = dialect.decode(
            recording.body, model="maker/model", request_id="test0123456789", created=1, quirks=Quirks()
        )
    except (ErrorBody, Malformed) as error:
        raise Failed(f"taken for an error: {error}") from None
    given = _given(recording)
    asked = (
        parse_rerank(json.dumps({"model": "m", **given, "return_documents": True}).encode())
        if given
        else None
    )
    written = asked.surface.write(answer.body) if asked else json.dumps(answer.body).encode()
    told = json.loads(written)
    try:
        V2RerankResponse.model_validate(told)
    except ValidationError as error:
        raise Failed(f"not a rerank response: {error.errors()[0]}") from None
    old = [(item["index"], item.get("relevance_score", item.get("score"))) for item in results]
    new = [(item["index"], item["relevance_score"]) for item in told["results"]]
    expect(old == new, f"other results: {new}, not {old}")
    for item in told["results"] if given else ():
        document = given["documents"][item["index"]]
        document = {"text": document} if isinstance(document, str) else document
        expect(item["document"].items() >= document.items(), "another document")
    _usage(body, answer)


def _usage(body: Json, answer: Answer) -> None:
    usage = body.get("usage") or {}
    tokens = usage.get("prompt_tokens", usage.get("total_tokens"))
    expect((answer.usage.input if answer.usage else None) == tokens, f"{answer.usage}, not {tokens} tokens")
    expect(answer.body.get("meta") == body.get("meta"), "the search units were lost")


def _request(recording: Recording, dialect: Any) -> None:
    """The client's request, which is the recorded one, as the dialect sends it."""
    given = _given(recording)
    if given is None:
        return
    model = given.get("model") or "cohere.rerank-v3-5:0"
    body = {name: value for name, value in given.items() if name != "max_chunks_per_doc"}
    before = json.dumps(body)
    sent, dropped, *_ = dialect.encode(body, upstream=model, quirks=Quirks())
    expect(json.dumps(body) == before, "encode changed the client's body")
    expect(not dropped or dialect is not openai, f"dropped {dropped}")
    for name, value in body.items():
        if name == "return_documents":
            continue
        if isinstance(value, str | int) or (name == "documents" and all(isinstance(d, str) for d in value)):
            expect(sent.get(name) == value, f"another {name}: {sent.get(name)!r}")
    for name, value in sent.items() if dialect is cohere else ():
        TypeAdapter(COHERE_TYPES[name]).validate_python(value)


def _given(recording: Recording) -> Json | None:
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return None
    given = json.loads(recording.data["request_body"])
    return given if given.get("documents") else None  # refused before it is sent


ENDPOINTS = {"rerank": check}
