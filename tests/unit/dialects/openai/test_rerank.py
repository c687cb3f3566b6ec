"""Rerank as most providers have it."""

import copy
import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai import rerank
from xroute.wire.usage import Usage

Json = dict[str, Any]


def decode(body: Any) -> Answer:
    raw = json.dumps(body).encode()
    return rerank.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_the_body_goes_on_with_plain_documents():
    body = {
        "model": "m",
        "query": "q",
        "documents": ["a", {"text": "b"}, {"image": "c"}],
        "top_n": 1,
        "x": None,
    }
    before = copy.deepcopy(body)
    sent, dropped, *_ = rerank.encode(body, upstream="theirs", quirks=Quirks())
    assert sent == {"model": "theirs", "query": "q", "documents": ["a", "b", {"image": "c"}], "top_n": 1}
    assert dropped == ()
    assert body == before


def test_fields_have_the_providers_names_and_those_it_refuses_are_named():
    quirks = Quirks(rename={"top_n": "top_k"}, drop=frozenset({"return_documents", "user"}))
    body = {"model": "m", "query": "q", "documents": ["a"], "top_n": 1, "return_documents": True, "user": "u"}
    sent, dropped, *_ = rerank.encode(body, upstream="theirs", quirks=quirks)
    assert sent == {"model": "theirs", "query": "q", "documents": ["a"], "top_k": 1}
    assert dropped == ("user",)  # documents are put in on the client's side


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"index": 1, "relevance_score": -4.758295059204102}]},
        {"object": "list", "data": [{"index": 1, "relevance_score": -4.758295059204102}]},
        [{"index": 1, "score": -4.758295059204102}],
    ],
)
def test_every_form_of_answer_becomes_one_and_scores_stay_exact(body):
    answer = decode(body)
    assert answer.body == {
        "id": "rerank-r",
        "model": "m",
        "results": [{"index": 1, "relevance_score": -4.758295059204102}],
    }


def test_documents_come_back_in_one_form():
    given = [
        {"index": 0, "relevance_score": 1, "document": "a"},
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b", "n": 1}},
        {"index": 2, "score": 0.1, "text": "c"},
    ]
    results = decode({"results": given}).body["results"]
    assert [item["document"] for item in results] == [{"text": "a"}, {"text": "b", "n": 1}, {"text": "c"}]


@pytest.mark.parametrize(
    ("beside", "usage"),
    [
        ({"usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(input=5)),
        ({"usage": {"total_tokens": 6}}, Usage(input=6)),
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({"meta": {"tokens": {"input_tokens": 7.0, "output_tokens": 2.0}}}, Usage(input=7, output=2)),
        ({}, None),
    ],
)
def test_what_was_used_is_kept(beside, usage):
    answer = decode({"results": [], **beside})
    assert answer.usage == usage
    assert answer.body.get("meta") == beside.get("meta")
    if usage:
        assert answer.body["usage"]["total_tokens"] == usage.input + usage.output


@pytest.mark.parametrize("results", [None, {}, [1], [{"index": 0}], [{"relevance_score": 1}]])
def test_what_is_no_answer_is_malformed(results):
    with pytest.raises(Malformed):
        decode({"results": results})


def test_an_error_in_a_good_answer_is_seen():
    with pytest.raises(ErrorBody):
        decode({"error": {"message": "no"}})
