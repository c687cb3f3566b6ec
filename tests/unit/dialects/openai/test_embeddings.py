"""Embeddings as OpenAI has them: requests, answers, and what is more than one request holds."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import embeddings
from xroute.wire.usage import Usage

Json = dict[str, Any]


def encode(quirks: Quirks | None = None, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    body = {"model": "asked", "input": "hi", **fields}
    before = copy.deepcopy(body)
    sent, dropped, *_ = embeddings.encode(body, upstream="theirs", quirks=quirks or Quirks())
    assert body == before
    return sent, dropped


def decode(body: Any, quirks: Quirks | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return embeddings.decode(raw, model="m", request_id="r", created=1, quirks=quirks or Quirks())


def listed(*vectors: Any, **beside: Any) -> Json:
    return {"data": [{"index": n, "embedding": v} for n, v in enumerate(vectors)], "model": "x", **beside}


def test_the_body_goes_on_with_the_providers_name_for_the_model():
    fields = {"encoding_format": "base64", "dimensions": 64, "user": "u", "late_chunking": True}
    assert encode(**fields) == ({"model": "theirs", "input": "hi", **fields}, ())


def test_fields_for_xroute_and_empty_ones_are_left_out():
    sent, dropped = encode(models=["a"], provider={}, timeouts={}, user=None)
    assert sent == {"model": "theirs", "input": "hi"}
    assert dropped == ()


def test_token_ids_go_on_as_they_are():
    assert encode(input=[[1, 2], [3]])[0]["input"] == [[1, 2], [3]]


def test_a_refused_field_is_named():
    sent, dropped = encode(
        Quirks(drop=frozenset({"user", "encoding_format"})), user="u", encoding_format="float"
    )
    assert sent == {"model": "theirs", "input": "hi"}
    assert dropped == ("user",)  # the format is the client's side's work


def test_dimensions_are_never_left_out():
    quirks = Quirks(drop=frozenset({"dimensions"}), rename={"dimensions": "output_dimension"})
    assert encode(quirks, dimensions=8)[0]["output_dimension"] == 8


@pytest.mark.parametrize("field", ["input_type", "task", "task_type", "taskType"])
@pytest.mark.parametrize("word", ["search_query", "query", "RETRIEVAL_QUERY", "retrieval.query"])
def test_what_vectors_are_for_is_said_in_the_providers_words(field, word):
    quirks = Quirks(input_types={"search_query": "query"}, rename={"input_type": "task"})
    assert encode(quirks, **{field: word})[0] == {"model": "theirs", "input": "hi", "task": "query"}


def test_a_word_that_nobody_knows_goes_on():
    assert (
        encode(Quirks(input_types={"search_query": "q"}), input_type="special")[0]["input_type"] == "special"
    )


def test_without_words_of_its_own_a_provider_gets_the_clients():
    assert encode(input_type="passage")[0]["input_type"] == "passage"


def test_vectors_come_in_the_order_of_their_index():
    body = {"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}
    answer = decode({**body, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    assert [item["embedding"] for item in answer.body["data"]] == [[1.0], [2.0]]
    assert answer.body["object"] == "list"
    assert answer.body["model"] == "m"
    assert answer.usage == Usage(input=3)


def test_a_total_alone_is_the_input():
    answer = decode(listed([1.0], usage={"total_tokens": 12}))
    assert answer.usage == Usage(input=12)
    assert answer.body["usage"] == {"prompt_tokens": 12, "total_tokens": 12}


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many"}])
def test_without_counts_there_is_no_usage(usage):
    answer = decode(listed([1.0], usage=usage))
    assert answer.usage is None
    assert "usage" not in answer.body


def test_the_providers_own_fields_are_kept():
    answer = decode(listed([1.0], id="e1", usage={"prompt_tokens": 1, "cost": 0.5}))
    assert answer.body["id"] == "e1"
    assert answer.body["usage"]["cost"] == 0.5


def test_bytes_in_base64_become_numbers_where_the_provider_has_no_floats():
    quirks = Quirks(vectors="base64_int8")
    assert encode(quirks, encoding_format="float")[0]["encoding_format"] == "base64_int8"
    assert decode(listed("AX//"), quirks).body["data"][0]["embedding"] == [1, 127, -1]
    with pytest.raises(Malformed):
        decode(listed("!"), quirks)


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", {}, {"data": None}, {"data": [1]}, {"data": [{"index": 0}]}]
)
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(Malformed):
        decode(body)


def test_an_error_in_a_good_answer_is_seen():
    with pytest.raises(ErrorBody) as caught:
        decode({"error": {"message": "too long", "code": 400}})
    assert caught.value.info.message == "too long"


@given(st.lists(st.text(), min_size=1, max_size=40), st.integers(1, 12))
def test_split_and_merge_give_a_vector_for_each_input_in_order(texts, size):
    body = {"model": "m", "input": texts, "dimensions": 1}
    requests = embeddings.split(body, size)
    assert [text for request in requests for text in request["input"]] == texts
    assert all(len(request["input"]) <= size and request["dimensions"] == 1 for request in requests)
    numbers = iter(range(len(texts)))
    answers = [
        decode(listed(*[[next(numbers)] for _ in request["input"]], usage={"prompt_tokens": 7, "cost": 0.25}))
        for request in requests
    ]
    merged = embeddings.merge(requests, answers)
    assert [item["embedding"] for item in merged.body["data"]] == [[n] for n in range(len(texts))]
    assert [item["index"] for item in merged.body["data"]] == list(range(len(texts)))
    assert merged.usage == Usage(input=7 * len(requests))
    assert merged.body["usage"]["cost"] == 0.25 * len(requests)


@pytest.mark.parametrize("given", ["text", [1, 2, 3], {"content": []}])
def test_one_input_is_never_split(given):
    body = {"input": given}
    assert embeddings.split(body, 1) == [body]


def test_a_missing_vector_is_malformed():
    with pytest.raises(Malformed, match="1 vectors for 2 inputs"):
        embeddings.merge([{"input": ["a", "b"]}], [decode(listed([1.0]))])


def test_usage_that_one_part_lacks_is_not_made_up():
    answers = [decode(listed([1.0], usage={"prompt_tokens": 1})), decode(listed([1.0]))]
    merged = embeddings.merge([{"input": "a"}, {"input": "b"}], answers)
    assert merged.usage is None
    assert "usage" not in merged.body
