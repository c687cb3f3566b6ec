"""Vercel's AI SDK: a script in Node says what it saw of each way to each model."""

import json

import pytest
from tests.e2e.conftest import MODELS
from tests.e2e.node import run

TEXT = "This is the xroute simulator"
WAYS = ["responses", "chat", "compatible", "anthropic"]
PERSON = {"name": str, "cities": list, "born": int | float}


@pytest.fixture(scope="module")
def everything(gateway, tmp_path_factory):
    packages = ["ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "@ai-sdk/anthropic"]
    return run("aisdk.mjs", gateway, tmp_path_factory.mktemp("js"), *packages, models=[*MODELS.values()])


@pytest.fixture(params=WAYS)
def way(everything, request):
    return everything[request.param]


@pytest.fixture
def seen(way, model):
    return way[model]


def counts(usage):
    return usage["inputTokens"], usage["outputTokens"]


def test_a_stream_adds_up_to_the_whole_text_and_its_usage(seen):
    whole, stream = seen["text"], seen["stream"]
    assert whole["text"].startswith(TEXT)
    assert len(stream["parts"]) > 10
    assert "".join(stream["parts"]) == whole["text"]
    assert whole["finishReason"] == stream["finishReason"] == "stop"
    assert counts(whole["usage"]) == counts(stream["usage"])
    assert min(counts(whole["usage"])) > 0


@pytest.mark.parametrize("name", ["tools", "streamedTools"])
def test_tools_run_until_there_is_an_answer(seen, name):
    found = seen[name]
    assert found["steps"] == ["tool-calls", "stop"]
    assert len(found["asked"]) == 1
    assert found["text"]


def test_a_streamed_call_comes_in_its_events(seen):
    kinds = dict.fromkeys(seen["streamedTools"]["kinds"])
    wanted = ["tool-input-start", "tool-input-delta", "tool-input-end", "tool-call", "tool-result"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    assert "error" not in kinds


@pytest.mark.parametrize("name", ["object", "streamedObject", "output"])
def test_an_object_is_of_the_asked_form(seen, name):
    made = seen[name]["object"]
    assert made.keys() == PERSON.keys()
    assert all(isinstance(made[field], kind) for field, kind in PERSON.items())


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("nobody/nothing", 404, "not_found"),
        ("rehearsal/limited", 429, "rate_limit_exceeded"),
        ("rehearsal/broken", 502, "provider_unavailable"),
    ],
)
def test_errors_have_their_status_and_our_word(way, name, status, word):
    error = way["errors"][name]
    assert (error["name"], error["status"]) == ("AI_APICallError", status)
    assert json.loads(error["body"])["error"]["metadata"]["error_type"] == word


def test_a_cut_stream_is_an_error_after_the_text_that_came(everything):
    for way in ("responses", "compatible", "anthropic"):
        cut = everything[way]["cut"]
        assert cut["text"] and TEXT.startswith(cut["text"])
        assert "The answer broke off" in cut["error"]


def test_a_cut_stream_of_chat_never_looks_complete(everything):
    """@ai-sdk/openai reads no `error` in a chunk that has choices; it shows the reason why they ended."""
    cut = everything["chat"]["cut"]
    assert cut["text"] and TEXT.startswith(cut["text"])
    assert (cut["error"], cut["raw"]) == (None, "error")
