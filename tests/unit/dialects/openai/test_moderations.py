"""Moderations of OpenAI and of Mistral."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Malformed
from xroute.dialects.openai import moderations
from xroute.wire.usage import Usage


def decode(body: Any) -> Answer:
    raw = json.dumps(body).encode()
    return moderations.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_the_body_goes_on_without_fields_for_xroute():
    body = {"model": "m", "input": ["a"], "provider": {}, "user": "u"}
    sent, dropped, *_ = moderations.encode(body, upstream="t", quirks=Quirks(drop=frozenset({"user"})))
    assert (sent, dropped) == ({"model": "t", "input": ["a"]}, ("user",))


def test_openais_answer_stays_as_it_is():
    result = {"flagged": False, "categories": {"hate": True}, "category_scores": {"hate": 0.1}}
    body = {"id": "modr-1", "model": "omni", "results": [result]}
    assert decode(body).body == body
    assert decode(body).usage is None


def test_categories_that_mean_the_same_have_openais_names_too():
    given = {"selfharm": True, "pii": False, "sexual": False}
    result = decode({"results": [{"categories": given, "category_scores": {"selfharm": 0.9}}]}).body[
        "results"
    ][0]
    assert result["categories"] == {**given, "self-harm": True}
    assert result["category_scores"] == {"selfharm": 0.9, "self-harm": 0.9}
    assert result["flagged"] is True
    assert "harassment" not in result["categories"]  # nobody judged it


def test_nothing_flagged_is_not_flagged():
    answer = decode({"results": [{"categories": {"pii": False}}], "usage": {"prompt_tokens": 4}})
    assert answer.body["results"][0]["flagged"] is False
    assert (answer.body["id"], answer.body["model"]) == ("modr-r", "m")
    assert answer.usage == Usage(input=4)


@pytest.mark.parametrize("body", [{}, {"results": [1]}, {"results": [{"flagged": True}]}])
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(Malformed):
        decode(body)
