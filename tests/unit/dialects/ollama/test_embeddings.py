"""Ollama's own embeddings."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Malformed
from xroute.dialects.ollama import embeddings
from xroute.errors import InvalidRequest
from xroute.wire.usage import Usage


def decode(body: Any):
    raw = json.dumps(body).encode()
    return embeddings.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_texts_go_with_the_options_that_it_knows():
    body = {"model": "m", "input": "hi", "dimensions": 8, "truncate": False, "user": "u", "keep_alive": "5m"}
    sent, dropped, *_ = embeddings.encode(body, upstream="nomic-embed-text", quirks=Quirks())
    assert sent == {
        "model": "nomic-embed-text",
        "input": ["hi"],
        "dimensions": 8,
        "truncate": False,
        "keep_alive": "5m",
    }
    assert dropped == ("user",)


def test_images_and_token_ids_are_refused():
    for odd in ([[1, 2]], [{"image": "data:image/png;base64,AAAA"}]):
        with pytest.raises(InvalidRequest):
            embeddings.encode({"input": odd}, upstream="u", quirks=Quirks())


def test_answers_of_both_endpoints_are_read():
    answer = decode(
        {"model": "theirs", "embeddings": [[1.0], [2.0]], "prompt_eval_count": 3, "total_duration": 9}
    )
    assert [item["embedding"] for item in answer.body["data"]] == [[1.0], [2.0]]
    assert answer.usage == Usage(input=3)
    assert (answer.body["model"], answer.body["total_duration"]) == ("theirs", 9)
    assert decode({"embedding": [1.0]}).body["data"][0]["embedding"] == [1.0]


@pytest.mark.parametrize("body", [{}, {"embeddings": None}, {"embeddings": [1.0]}, {"embedding": "x"}])
def test_what_holds_no_vectors_is_malformed(body):
    with pytest.raises(Malformed):
        decode(body)
