"""limits.pattern: names with stars."""

from fnmatch import fnmatchcase

import pytest

from xroute.limits.pattern import is_match


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", True),
        ("openai/gpt-4o", "openai/gpt-4o-mini", False),
        ("openai/*", "openai/gpt-4o", True),
        ("openai/*", "azure/openai/gpt-4o", False),
        ("*", "", True),
        ("*", "anything", True),
        ("*/gpt-4o*", "openai/gpt-4o-mini", True),
        ("*-mini", "openai/gpt-4o-mini", True),
        ("*-mini", "openai/gpt-4o-mini-2", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("**", "x", True),
        ("", "", True),
        ("", "x", False),
        ("OpenAI/*", "openai/gpt-4o", False),
    ],
)
def test_a_star_stands_for_anything(pattern: str, name: str, expected: bool):
    assert is_match(pattern, name) is expected
    assert fnmatchcase(name, pattern) is expected


@pytest.mark.parametrize(("pattern", "name"), [("gpt-?", "gpt-4"), ("gpt-[34]", "gpt-4"), ("a.c", "abc")])
def test_no_other_character_is_special(pattern: str, name: str):
    assert not is_match(pattern, name)
    assert is_match(pattern, pattern)


def test_a_hostile_pattern_is_no_slower_than_any_other():
    assert not is_match("*a" * 5_000 + "b", "a" * 10_000)
