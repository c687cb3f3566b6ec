"""Usage in any provider's words: the parts are contained in the whole."""

from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import usage_of
from xroute.dialects.openai.tokens import body_of, tidy
from xroute.wire.usage import Usage

WHOLE: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (WHOLE, Usage(9, 4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}},
            Usage(9, 4, cached=5),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 5}, Usage(9, 4, cached=5)),
        (  # Anthropic counts what it read from and wrote to its cache beside the input
            {
                "input_tokens": 9,
                "output_tokens": 4,
                "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 2,
            },
            Usage(16, 4, cached=5, cache_write=2),
        ),
        (  # the same names beside OpenAI's are parts of the prompt
            {"prompt_tokens": 9, "completion_tokens": 4, "cache_read_input_tokens": 5},
            Usage(9, 4, cached=5),
        ),
        (  # xAI counts reasoning beside the completion
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(9, 11, reasoning=7),
        ),
        (  # Mistral counts audio beside the prompt
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 113,
                "prompt_tokens_details": {"audio_tokens": 100},
            },
            Usage(109, 4, audio_in=100),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 33},
            Usage(9, 24, reasoning=20),
        ),  # Gemini
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(9, 4, reasoning=4),
        ),
        (WHOLE | {"prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0}}, Usage(9, 4, cached=5)),
        (WHOLE | {"prompt_tokens_details": {"cached_tokens": 10}}, Usage(9, 4, cached=9)),
        (WHOLE | {"prompt_tokens_details": {"cache_read_tokens": 5}}, Usage(9, 4, cached=5)),
        (
            WHOLE | {"prompt_tokens_details": {"cached_tokens": None, "image_tokens": 3}},
            Usage(9, 4, image_in=3),
        ),
        (WHOLE | {"prompt_tokens_details": {"cached_tokens": "5"}}, Usage(9, 4, cached=5)),
        (
            WHOLE | {"prompt_tokens_details": {}, "completion_tokens_details": {"reasoning_tokens": 2}},
            Usage(9, 4, reasoning=2),
        ),
        (WHOLE | {"reasoning_tokens": 2, "queue_time": 0.5}, Usage(9, 4, reasoning=2)),
        (WHOLE | {"input_tokens_details": {"cached_tokens": 5}}, Usage(9, 4, cached=5)),
        ({"prompt_tokens": "9", "completion_tokens": 4.0}, Usage(9, 4)),
        ({"prompt_tokens": -1, "completion_tokens": None, "prompt_tokens_details": None}, Usage(0, 0)),
        ({}, None),
        ({"cost": 1}, None),
        (None, None),
        ("9", None),
    ],
)
def test_usage_is_read_as_openai_counts(usage: Any, expected: Usage | None) -> None:
    assert usage_of({"usage": usage}, Quirks()) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 4}}},
        {"choices": [{"usage": {"prompt_tokens": 9, "completion_tokens": 4}}]},
        {"usage": {"tokens": {"input_tokens": 9, "output_tokens": 4}}},
        {"usage": None, "prompt_eval_count": 9, "eval_count": 4},
        {"timings": {"prompt_n": 9, "predicted_n": 4, "cache_n": 0}},
        {"here": [{"used": {"prompt_tokens": 9, "completion_tokens": 4}}]},
    ],
)
def test_usage_is_found_where_providers_put_it(body: dict[str, Any]) -> None:
    assert usage_of(body, Quirks(usage_paths=("nowhere.at.all", "here.0.used"))) == Usage(9, 4)


def test_a_good_usage_object_is_left_as_it_is() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.1}
    assert tidy(usage) is usage


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ({"cached_tokens": True}, {"cached_tokens": None}),
        ({"cached_tokens": -1}, {"cached_tokens": 0}),
        ({"cached_tokens": 5, "by": "x"}, {"cached_tokens": 5, "by": "x"}),
        ([], None),
        ("", None),
    ],
)
def test_details_are_counts_in_an_object(given: Any, mended: Any) -> None:
    assert tidy(WHOLE | {"prompt_tokens_details": given}) == WHOLE | {"prompt_tokens_details": mended}


def test_a_bad_usage_object_is_mended_and_keeps_its_own_fields() -> None:
    given = {
        "prompt_tokens": "1",
        "completion_tokens": 2.0,
        "prompt_tokens_details": {"cached_tokens": "1"},
        "x": 7,
    }
    assert tidy(given) == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
        "x": 7,
    }


@pytest.mark.parametrize("usage", [Usage(9, 4), Usage(9, 4, cached=3, cache_write=2, reasoning=1)])
def test_a_usage_written_for_a_client_reads_the_same(usage: Usage) -> None:
    assert usage_of({"usage": body_of(usage)}, Quirks()) == usage
