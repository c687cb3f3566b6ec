"""Strings from simple regular expressions."""

import random
import re

import pytest

from xroute.sim import pattern

KNOWN = [
    r"^[A-Z]{3}-\d{4}$",
    r"^\d{4}-\d{2}-\d{2}$",
    r"^(foo|bar|)baz?$",
    r"^[a-z0-9_]+@[a-z]+\.(com|org)$",
    r"^#[0-9a-fA-F]{6}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^(?:[a-z]+-)*[a-z]+$",
    r"^[^\s/]{2,5}$",
    r"^.{3,}$",
    r"^a{2}b*?c+$",
    r"^(?P<year>\d{4})(?P<rest>\w*)$",
    r"[\w.-]+",
    r"^[-+]?[0-9]+\.[0-9]*$",
    r"^[\]\\]x$",
    r"^\u0041\x42\D\S\W$",
    r"^a$|^b$",
    r"",
]


@pytest.mark.parametrize("expression", KNOWN)
def test_the_string_matches(expression):
    for seed in range(40):
        found = pattern.match(expression, random.Random(seed))
        assert re.search(expression, found), found


BEYOND = [
    r"(?=a)b",
    r"(?<!a)b",
    r"(a)\1",
    r"\bword",
    r"(?i)a",
    r"(a",
    r"a)",
    r"[a",
    r"a**",
    r"\p{L}",
    r"a$b",
    r"x{3,1}",
    "\\",
]


@pytest.mark.parametrize("expression", BEYOND)
def test_what_is_beyond_it_is_said(expression):
    with pytest.raises(pattern.Unsupported):
        pattern.match(expression, random.Random(0))


@pytest.mark.parametrize("expression", ["((a{900}){900}){900}", "(" * 5000 + ")" * 5000, "(a+)+$x"])
def test_a_hostile_expression_ends_soon(expression):
    with pytest.raises(pattern.Unsupported):
        pattern.match(expression, random.Random(0))
