"""Embeddings and rerank under InvokeModel of Amazon Bedrock."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Malformed
from xroute.dialects.bedrock import embeddings, rerank
from xroute.errors import InvalidRequest
from xroute.wire.usage import Usage

Json = dict[str, Any]
TITAN, COHERE, NOVA = (
    "amazon.titan-embed-text-v2:0",
    "us.cohere.embed-v4:0",
    "amazon.nova-2-multimodal-embeddings-v1:0",
)
IMAGE = {"image": "data:image/png;base64,AAAA"}


def encode(upstream: str, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    sent, dropped, *_ = embeddings.encode(fields, upstream=upstream, quirks=Quirks())
    return sent, dropped


def decode(body: Any) -> Answer:
    raw = json.dumps(body).encode()
    return embeddings.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_titan_takes_one_text():
    sent, dropped = encode(TITAN, input=["hi"], dimensions=256, normalize=True, user="u", input_type="query")
    assert sent == {"inputText": "hi", "dimensions": 256, "normalize": True}
    assert dropped == ("user", "input_type")
    assert embeddings.most(TITAN, Quirks()) == 1
    with pytest.raises(InvalidRequest):
        encode(TITAN, input=["a", "b"])


def test_titan_for_images_takes_both():
    both = {"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": IMAGE["image"]}]}
    sent, _ = encode("amazon.titan-embed-image-v1", input=[both], dimensions=384)
    assert sent == {"inputText": "a", "inputImage": "AAAA", "embeddingConfig": {"outputEmbeddingLength": 384}}


def test_coheres_request_has_no_model():
    sent, _ = encode(COHERE, input=["a", "b"], input_type="query", dimensions=512)
    assert sent == {
        "input_type": "search_query",
        "texts": ["a", "b"],
        "embedding_types": ["float"],
        "output_dimension": 512,
    }
    assert embeddings.most(COHERE, Quirks()) == 96


def test_nova_is_told_what_the_vector_is_for():
    sent, _ = encode(NOVA, input="hi", dimensions=256, input_type="search_query", truncate="END")
    assert sent == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_RETRIEVAL",
            "embeddingDimension": 256,
            "text": {"truncationMode": "END", "value": "hi"},
        },
    }
    assert encode(NOVA, input=[IMAGE])[0]["singleEmbeddingParams"]["image"] == {
        "format": "png",
        "source": {"bytes": "AAAA"},
    }


@pytest.mark.parametrize("upstream", [TITAN, NOVA])
def test_an_address_or_token_ids_are_refused(upstream):
    for odd in ({"image": "https://example.com/a.png"}, [1, 2]):
        with pytest.raises(InvalidRequest):
            encode(upstream, input=[odd])


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"embedding": [0.5], "inputTextTokenCount": 3}, Usage(input=3)),
        ({"embeddingsByType": {"float": [0.5], "binary": [1]}}, None),
        ({"embeddings": [{"embedding": [0.5], "embeddingType": "TEXT"}]}, None),
        ({"embeddings": {"float": [[0.5]]}}, None),
        ({"embeddings": [[0.5]]}, None),
        ({"data": [{"embedding": [0.5], "index": 0}]}, None),
    ],
)
def test_the_answer_of_every_family_is_read(body, usage):
    answer = decode(body)
    assert [item["embedding"] for item in answer.body["data"]] == [[0.5]]
    assert answer.usage == usage


def test_tokens_that_stand_in_a_header_are_counted():
    answer = embeddings.counted(decode({"embeddings": [[0.5]]}), {"x-amzn-bedrock-input-token-count": "7"})
    assert answer.usage == Usage(input=7)
    assert answer.body["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert embeddings.counted(decode({"embeddings": [[0.5]]}), {}).usage is None


def test_other_types_of_titan_are_kept():
    kinds = {"float": [0.5], "binary": [1]}
    assert decode({"embeddingsByType": kinds}).body["data"][0]["embeddings"] == kinds


def test_what_holds_no_vector_is_malformed():
    for body in ({}, {"embedding": 1}, {"embeddings": "x"}):
        with pytest.raises(Malformed):
            decode(body)


def test_rerank_is_coheres_with_the_version_of_its_api():
    body = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "user": "u"}
    sent, dropped, *_ = rerank.encode(body, upstream="cohere.rerank-v3-5:0", quirks=Quirks())
    assert sent == {"query": "q", "documents": ["a", "b"], "top_n": 1, "api_version": 2}
    assert dropped == ("user",)
    sent, *_ = rerank.encode(body, upstream="amazon.rerank-v1:0", quirks=Quirks())
    assert "api_version" not in sent
