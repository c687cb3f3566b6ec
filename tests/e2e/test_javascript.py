"""OpenAI's JavaScript client: a script in Node says what it saw."""

import pytest
from tests.e2e.node import run


@pytest.fixture(scope="module")
def seen(gateway, tmp_path_factory):
    return run("client.mjs", gateway, tmp_path_factory.mktemp("js"), "openai")


def test_a_completion_has_text_and_usage(seen):
    answer = seen["completion"]["answer"]
    assert answer["choices"][0]["message"]["content"].startswith("This is the xroute simulator")
    assert answer["usage"]["cost"] > 0
    assert seen["completion"]["provider"] == "openai"


def test_a_stream_has_the_text_of_the_whole_answer_and_its_usage(seen):
    whole = seen["completion"]["answer"]
    assert seen["stream"]["text"] == whole["choices"][0]["message"]["content"]
    assert seen["stream"]["usage"] == whole["usage"]
    assert seen["stream"]["count"] > 10


def test_tools_run_until_there_is_an_answer(seen):
    assert len(seen["tools"]["asked"]) == 1
    assert seen["tools"]["text"]


def test_a_streamed_tool_call_is_the_same_call(seen):
    [streamed], [whole] = seen["streamedTools"]["streamed"], seen["streamedTools"]["whole"]
    assert streamed["function"] == whole["function"]
    assert streamed["id"] == whole["id"]


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("wrongKey", {"name": "AuthenticationError", "status": 401, "code": "invalid_api_key"}),
        ("unknownModel", {"name": "NotFoundError", "status": 404, "param": "model"}),
        ("wrongType", {"name": "BadRequestError", "status": 400, "param": "temperature"}),
        ("limited", {"name": "RateLimitError", "status": 429}),
    ],
)
def test_errors_have_their_class(seen, case, error):
    assert seen[case].items() >= error.items()


def test_a_cut_stream_raises_after_the_text_that_came(seen):
    assert seen["cut"]["name"] == "APIError"
    assert seen["cut"]["text"]
    assert "This is the xroute simulator".startswith(seen["cut"]["text"])


def test_the_model_list_has_what_can_be_called(seen):
    assert {"openai/gpt-4o-mini", "rehearsal/cut"} <= set(seen["models"])
