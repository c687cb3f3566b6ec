"""Embeddings of Gemini's API and of Vertex AI."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Malformed
from xroute.dialects.gemini import embeddings
from xroute.errors import InvalidRequest
from xroute.wire.usage import Usage

Json = dict[str, Any]
VERTEX = Quirks(predict=True)


def encode(upstream: str, quirks: Quirks | None = None, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    sent, dropped, *_ = embeddings.encode(fields, upstream=upstream, quirks=quirks or Quirks())
    return sent, dropped


def decode(body: Any) -> Answer:
    raw = json.dumps(body).encode()
    return embeddings.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_each_input_is_a_request_of_the_batch():
    options = {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}
    sent, dropped = encode("emb", input=["a", "b"], dimensions=8, input_type="query", user="u")
    assert sent == {
        "requests": [
            {"model": "models/emb", "content": {"parts": [{"text": text}]}, **options} for text in ("a", "b")
        ]
    }
    assert dropped == ("user",)


def test_images_and_sound_are_sent_inline():
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"format": "mp3", "data": "BBBB"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,CCCC"}},
        {"type": "image_url", "image_url": {"url": "gs://b/c.png"}},
    ]
    sent, _ = encode("emb", input=[{"content": parts}])
    assert sent["requests"][0]["content"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "BBBB"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "CCCC"}},
        {"fileData": {"fileUri": "gs://b/c.png"}},
    ]


def test_token_ids_are_refused():
    with pytest.raises(InvalidRequest):
        encode("emb", input=[1, 2])


def test_older_models_of_vertex_are_predicted():
    sent, _ = encode(
        "text-embedding-005", VERTEX, input=["a"], task_type="CLUSTERING", dimensions=8, title="t"
    )
    assert sent == {
        "instances": [{"content": "a", "task_type": "CLUSTERING", "title": "t"}],
        "parameters": {"outputDimensionality": 8},
    }
    assert embeddings.path("text-embedding-005", VERTEX) == "/models/{model}:predict"
    assert embeddings.most("text-embedding-005", VERTEX) == 250
    assert embeddings.most("gemini-embedding-001", VERTEX) == 1


def test_newer_models_of_vertex_have_their_options_in_one_object():
    sent, _ = encode("gemini-embedding-2", VERTEX, input="a", dimensions=8, truncation=False)
    wish = {"outputDimensionality": 8, "autoTruncate": False}
    assert sent == {"requests": [{"content": {"parts": [{"text": "a"}]}, "embedContentConfig": wish}]}
    assert embeddings.path("gemini-embedding-2", VERTEX) == embeddings.PATH
    assert embeddings.path("gemini-embedding-001", Quirks()) == embeddings.PATH


def test_truncation_that_cannot_be_asked_for_is_named():
    assert encode("emb", input="a", truncation=False)[1] == ("truncation",)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"embeddings": [{"values": [1.0]}]}, None),
        ({"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 3}}, Usage(input=3)),
        (
            {"predictions": [{"embeddings": {"values": [1.0], "statistics": {"token_count": 4}}}]},
            Usage(input=4),
        ),
    ],
)
def test_every_form_of_answer_is_read(body, usage):
    answer = decode(body)
    assert answer.body["data"] == [{"object": "embedding", "index": 0, "embedding": [1.0]}]
    assert answer.usage == usage


@pytest.mark.parametrize("body", [{}, {"predictions": {}}, {"embeddings": [1]}, {"predictions": [{}]}])
def test_what_holds_no_vectors_is_malformed(body):
    with pytest.raises(Malformed):
        decode(body)
