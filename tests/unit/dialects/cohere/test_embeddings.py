"""Embeddings of Cohere."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Malformed
from xroute.dialects.cohere import embeddings
from xroute.errors import InvalidRequest
from xroute.wire.usage import Usage

Json = dict[str, Any]
IMAGE = "data:image/png;base64,AAAA"


def encode(upstream: str = "embed-v4.0", **fields: Any) -> tuple[Json, tuple[str, ...]]:
    sent, dropped, *_ = embeddings.encode({"model": "m", **fields}, upstream=upstream, quirks=Quirks())
    return sent, dropped


def decode(body: Any) -> Answer:
    raw = json.dumps(body).encode()
    return embeddings.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_a_text_is_a_document_unless_the_client_says_otherwise():
    assert encode(input="hi") == (
        {
            "model": "embed-v4.0",
            "input_type": "search_document",
            "texts": ["hi"],
            "embedding_types": ["float"],
        },
        (),
    )
    assert encode(input=["hi"], input_type="query")[0]["input_type"] == "search_query"
    assert encode(input=["hi"], task="separation")[0]["input_type"] == "clustering"


def test_fields_have_coheres_names():
    sent, dropped = encode(input="hi", dimensions=256, truncation=False, user="u", encoding_format="base64")
    assert (sent["output_dimension"], sent["truncate"]) == (256, "NONE")
    assert dropped == ("user",)


def test_text_and_images_are_mixed_for_models_that_can():
    mixed = [{"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": IMAGE}]}, "b"]
    assert encode(input=mixed)[0]["inputs"] == [
        {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": IMAGE}}]},
        {"content": [{"type": "text", "text": "b"}]},
    ]


def test_older_models_take_images_alone():
    sent, _ = encode("embed-english-v3.0", input=[{"image": IMAGE}])
    assert (sent["images"], sent["input_type"]) == ([IMAGE], "image")
    with pytest.raises(InvalidRequest):
        encode("embed-english-v3.0", input=[{"image": IMAGE}, "text"])


def test_token_ids_are_refused_by_name():
    with pytest.raises(InvalidRequest) as caught:
        encode(input=[[1, 2]])
    assert caught.value.param == "input"


def test_an_answer_of_either_version_is_read():
    meta = {"billed_units": {"input_tokens": 4, "image_tokens": 2}}
    for given in ({"float": [[0.5], [1.5]]}, [[0.5], [1.5]]):
        answer = decode({"id": "e", "embeddings": given, "texts": ["a", "b"], "meta": meta})
        assert [item["embedding"] for item in answer.body["data"]] == [[0.5], [1.5]]
        assert answer.usage == Usage(input=6)
        assert answer.body["meta"] == meta
        assert "texts" not in answer.body


def test_other_types_stand_beside_the_floats():
    answer = decode({"embeddings": {"float": [[0.5]], "int8": [[64]]}})
    assert answer.body["data"] == [
        {"object": "embedding", "index": 0, "embedding": [0.5], "embeddings": {"int8": [64]}}
    ]
    assert decode({"embeddings": {"int8": [[64]]}}).body["data"][0]["embedding"] == [64]


def test_billed_images_are_no_tokens():
    assert decode({"embeddings": [[1.0]], "meta": {"billed_units": {"images": 1}}}).usage is None


def test_an_answer_without_vectors_is_malformed():
    with pytest.raises(Malformed):
        decode({"id": "x", "results": []})
