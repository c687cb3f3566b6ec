"""Reasoning wishes in every spelling, and effort as tokens and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.thinking import EFFORTS, LEAST, MOST, SHARES, Wish, effort_of, nearest, wish

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, None),
        ({"reasoning": None}, None),
        ({"reasoning": {}}, None),
        ({"reasoning_effort": "high"}, Wish("high")),
        ({"reasoning_effort": "HIGH "}, Wish("high")),
        ({"reasoning_effort": "ultra"}, Wish("medium")),
        ({"reasoning_effort": "none"}, Wish(off=True)),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, Wish("low")),
        ({"reasoning": {"max_tokens": 3000}}, Wish(max_tokens=3000)),
        ({"reasoning": {"max_tokens": "3000", "exclude": True}}, Wish(max_tokens=3000, exclude=True)),
        ({"reasoning": {"max_tokens": 0}}, Wish(off=True)),
        ({"reasoning": {"max_tokens": -1}}, Wish("medium")),
        ({"reasoning": {"enabled": True}}, Wish("medium")),
        ({"reasoning": True}, Wish("medium")),
        ({"reasoning": {"enabled": False}}, Wish(off=True)),
        ({"reasoning": {"enabled": False, "effort": "high"}}, Wish("high", off=True)),
        ({"reasoning": {"exclude": True}}, Wish(exclude=True)),
        ({"include_reasoning": False}, Wish(exclude=True)),
        ({"reasoning": {"summary": "auto"}}, Wish(summary="auto")),
    ],
)
def test_a_wish_is_read_in_every_spelling(body: dict[str, Any], expected: Wish | None) -> None:
    assert wish(body) == expected


def test_only_what_asks_for_reasoning_is_on() -> None:
    assert Wish("low").on
    assert Wish(max_tokens=1).on
    assert not Wish(exclude=True).on
    assert not Wish("high", off=True).on


@pytest.mark.parametrize(
    ("asked", "limit", "tokens"),
    [
        (Wish("high"), 10_000, 8000),
        (Wish("xhigh"), 10_000, 9500),
        (Wish("medium"), 0, 32_000),
        (Wish("minimal"), 4000, LEAST),
        (Wish("max"), 1_000_000, MOST),
        (Wish("low", max_tokens=5000), 10_000, 5000),
        (Wish(max_tokens=10), 10_000, LEAST),
        (Wish("high", off=True), 10_000, 0),
    ],
)
def test_a_budget_is_a_share_of_the_output_within_bounds(asked: Wish, limit: int, tokens: int) -> None:
    assert asked.budget(limit) == tokens


@given(st.sampled_from(list(SHARES)[:-1]), st.integers(11_000, 130_000))
def test_an_effort_comes_back_from_its_budget(effort: str, limit: int) -> None:
    assert effort_of(Wish(effort).budget(limit), limit) == effort


def test_a_budget_of_nothing_is_no_reasoning() -> None:
    assert effort_of(0, 1000) == "none"
    assert effort_of(20_000, 0) == "low"  # of the tokens assumed


def test_the_word_of_a_wish_is_the_one_said_or_the_nearest_to_its_tokens() -> None:
    assert Wish("max").word(10_000) == "max"
    assert Wish(max_tokens=5200).word(10_000) == "medium"
    assert Wish("high", off=True).word(10_000) == "none"


@given(st.sampled_from(EFFORTS), st.sets(st.sampled_from(EFFORTS), min_size=1))
def test_the_nearest_word_is_a_known_one_and_the_same_where_it_is_known(effort: str, known: set[str]) -> None:
    found = nearest(effort, known)
    assert found in known
    assert found == effort or effort not in known


@given(st.dictionaries(st.sampled_from(["reasoning", "reasoning_effort", "include_reasoning"]), JSON))
def test_no_body_breaks_the_reader(body: dict[str, Any]) -> None:
    wish(body)


@given(st.dictionaries(st.sampled_from(["effort", "max_tokens", "enabled", "exclude", "summary"]), JSON))
def test_no_reasoning_object_breaks_the_reader(own: dict[str, Any]) -> None:
    if found := wish({"reasoning": own}):
        assert found.budget(8000) >= 0
