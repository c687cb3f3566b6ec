"""Anthropic's JavaScript client, and OpenAI's with its Responses API, at a provider of each dialect."""

import pytest
from tests.e2e.conftest import MODELS
from tests.e2e.node import run

TEXT = "This is the xroute simulator"
PERSON = {"name", "cities", "born"}


@pytest.fixture(scope="module")
def messages(gateway, tmp_path_factory):
    home = tmp_path_factory.mktemp("js")
    return run("anthropic.mjs", gateway, home, "@anthropic-ai/sdk", models=[*MODELS.values()])


@pytest.fixture(scope="module")
def responses(gateway, tmp_path_factory):
    home = tmp_path_factory.mktemp("js")
    return run("responses.mjs", gateway, home, "openai", models=[*MODELS.values()])


@pytest.fixture(params=["messages", "responses"])
def seen(request):
    return request.getfixturevalue(request.param)


def counts(usage):
    return usage["input_tokens"], usage["output_tokens"]


def test_a_stream_of_messages_has_the_text_and_usage_of_the_whole_answer(messages, model):
    whole, stream = (messages["models"][model][name] for name in ("whole", "stream"))
    [block] = whole["content"]
    assert block["text"].startswith(TEXT)
    assert "".join(stream["parts"]) == stream["content"][0]["text"] == block["text"]
    assert whole["stop_reason"] == stream["stop_reason"] == "end_turn"
    assert counts(whole["usage"]) == counts(stream["usage"])
    assert min(counts(whole["usage"])) > 0


def test_a_stream_of_responses_has_the_text_and_usage_of_the_whole_answer(responses, model):
    whole, stream = (responses["models"][model][name] for name in ("whole", "stream"))
    assert whole["status"] == "completed"
    assert whole["output_text"].startswith(TEXT)
    assert stream["output_text"] == whole["output_text"]
    assert stream["kinds"].count("response.output_text.delta") > 10
    assert (stream["kinds"][0], stream["kinds"][-1]) == ("response.created", "response.completed")
    assert counts(whole["usage"]) == counts(stream["usage"])
    assert min(counts(whole["usage"])) > 0


@pytest.mark.parametrize("name", ["tools", "streamedTools"])
def test_the_tool_runner_of_messages_runs_until_there_is_an_answer(messages, model, name):
    found = messages["models"][model][name]
    assert found["reasons"] == ["tool_use", "end_turn"]
    assert len(found["asked"]) == 1


def test_a_tool_of_responses_is_called_and_its_result_is_answered(responses, model):
    found = responses["models"][model]["tools"]
    assert (found["name"], found["args"].keys()) == ("weather", {"city"})
    assert found["text"]


def test_parse_gives_an_object_of_the_asked_form(seen, model):
    assert seen["models"][model]["parsed"].keys() == PERSON


def test_tokens_are_counted(messages, model):
    assert messages["models"][model]["counted"] > 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nobody/nothing", {"name": "NotFoundError", "status": 404, "word": "not_found"}),
        ("rehearsal/limited", {"name": "RateLimitError", "status": 429, "word": "rate_limit_exceeded"}),
    ],
)
def test_errors_have_their_class_and_our_word(seen, name, error):
    assert seen["refused"][name] == error


def test_a_cut_stream_of_messages_raises_after_the_text_that_came(messages):
    cut = messages["cut"]
    assert cut["text"] and TEXT.startswith(cut["text"])
    assert (cut["isApiError"], cut["word"]) == (True, "provider_unavailable")


def test_a_cut_stream_of_responses_fails_after_the_text_that_came(responses):
    cut = responses["cut"]
    assert cut["text"] and TEXT.startswith(cut["text"])
    assert (cut["kind"], cut["error"]["error_type"]) == ("response.failed", "provider_unavailable")
