"""Clients' requests for embeddings, rerank and moderations, and how they are answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.requests import parse_embeddings, parse_moderations, parse_rerank
from xroute.errors import InvalidRequest
from xroute.wire.call import Call

IMAGE = {"image": "data:image/png;base64," + "A" * 400}


def embeddings(**fields: Any) -> Call:
    return parse_embeddings(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def rerank(**fields: Any) -> Call:
    return parse_rerank(json.dumps({"model": "m", "query": "q", "documents": ["a", "b"], **fields}).encode())


def moderations(**fields: Any) -> Call:
    return parse_moderations(json.dumps({"input": "hi", **fields}).encode())


def test_an_embeddings_call_knows_whom_and_how_long_to_ask():
    call = embeddings(models=["n"], provider={"only": ["p"]}, timeouts={"total": 5})
    assert (call.operation, call.models, call.stream) == ("embeddings", ("m", "n"), False)
    assert (call.provider, call.timeouts) == ({"only": ["p"]}, {"total": 5.0})


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("four", 4),
        (["ab", "abcd", "ü"], 8),
        ([1, 2, 3], 15),
        ([[1, 2], [3]], 15),
        ([{"text": "abc"}, "d"], 4),
    ],
)
def test_all_inputs_count_and_none_is_too_long_to_be_sent(given, size):
    call = embeddings(input=given)
    assert (call.text_bytes, call.window_bytes, call.is_heavy) == (size, 0, False)


def test_images_need_a_model_that_sees():
    call = embeddings(input=["a", IMAGE])
    assert call.is_heavy
    assert call.abilities == {"image"}
    assert call.text_bytes == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": [[1, "a"]]}, "input[0]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [True]}, "input[0]"),
        ({"encoding_format": 5}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"model": None}, "model"),
    ],
)
def test_a_wrong_field_of_embeddings_is_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        embeddings(**fields)
    assert caught.value.param == param


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_any_input_is_a_call_or_an_error_that_names_it(value):
    try:
        call = embeddings(input=value)
    except InvalidRequest as error:
        assert str(error.param).startswith("input") or error.code == "invalid_json"
    else:
        assert call.text_bytes >= 0


BODY = {"object": "list", "model": "x", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
PACKED = {
    "object": "list",
    "model": "x",
    "data": [{"object": "embedding", "index": 0, "embedding": "AAAAPw=="}],
}


@pytest.mark.parametrize("given", [BODY, PACKED])
@pytest.mark.parametrize(("form", "told"), [("float", BODY), (None, BODY), ("base64", PACKED)])
def test_vectors_come_in_the_encoding_that_the_client_wants(form, told, given):
    written = embeddings(encoding_format=form).surface.write(json.loads(json.dumps(given)))
    assert json.loads(written) == told


def test_an_encoding_of_the_providers_own_is_left_alone():
    assert json.loads(embeddings(encoding_format="base64_binary").surface.write(PACKED)) == PACKED


def test_a_rerank_call_takes_voyages_word():
    call = rerank(top_k=1)
    assert call.operation == "rerank"
    assert call.body["top_n"] == 1
    assert (call.text_bytes, call.window_bytes) == (3, 0)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": None}, "query"),
        ({"query": 5}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": True}, "top_n"),
    ],
)
def test_a_wrong_field_of_rerank_is_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        rerank(**fields)
    assert caught.value.param == param


def results(*found: tuple[int, float]) -> dict[str, Any]:
    return {"id": "r", "results": [{"index": n, "relevance_score": score} for n, score in found]}


def test_documents_are_put_into_the_results_where_the_client_wants_them():
    call = rerank(documents=["a", {"text": "b", "id": 7}], return_documents=True)
    told = json.loads(call.surface.write(results((1, 0.9), (0, 0.1))))["results"]
    assert [item["document"] for item in told] == [{"text": "b", "id": 7}, {"text": "a"}]
    told = json.loads(rerank().surface.write(results((1, 0.9))))["results"]
    assert told == [{"index": 1, "relevance_score": 0.9}]


def test_no_more_results_than_asked_for_and_the_best_of_them():
    told = json.loads(rerank(top_n=1).surface.write(results((0, 0.1), (1, 0.9))))["results"]
    assert told == [{"index": 1, "relevance_score": 0.9}]


def test_moderations_have_openais_default_model():
    assert moderations().models == ("omni-moderation-latest",)
    assert moderations(model="m").models == ("m",)
    call = moderations(input=["ab", "c"])
    assert (call.operation, call.text_bytes) == ("moderations", 3)
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    assert moderations(input=[image]).abilities == {"image"}


@pytest.mark.parametrize("given", [None, [], 5])
def test_moderations_need_an_input(given):
    with pytest.raises(InvalidRequest) as caught:
        moderations(input=given)
    assert caught.value.param == "input"
