"""One tree of errors, drawn in its docstring."""

import re

import pytest

from xroute import errors
from xroute.errors import CallError, ConfigError, TimedOut, XrouteError

DRAWN = re.compile(r"^( *)(\w+)(?: +(\d{3}) (\w+))?(?:  .*)?$")


def tree(root=XrouteError, depth=0):
    yield depth, root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def drawn():
    lines = (errors.__doc__ or "").splitlines()
    start = lines.index("XrouteError")
    end = lines.index("", start)
    for line in lines[start:end]:
        found = DRAWN.match(line)
        assert found, line
        indent, name, status, word = found.groups()
        yield len(indent) // 2, name, status and int(status), word


def test_the_tree_is_drawn_as_it_is():
    assert [(depth, name) for depth, name, _, _ in drawn()] == [
        (depth, kind.__name__) for depth, kind in tree()
    ]


def test_statuses_and_words_are_drawn_as_they_are():
    told = {name: (status, word) for _, name, status, word in drawn() if status}
    assert told == {
        kind.__name__: (kind.status, kind.error_type) for _, kind in tree(CallError) if kind is not CallError
    }


def test_every_error_says_something_without_a_message_of_its_own():
    for _, kind in tree():
        if kind in (ConfigError, TimedOut):
            continue
        error = kind()
        assert str(error) == error.message == (kind.__doc__ or "").strip()
        assert len(error.message) > 10


def test_a_message_of_its_own_is_used_even_where_it_is_empty():
    assert str(XrouteError("this")) == "this"
    assert str(XrouteError("")) == ""


def test_a_config_error_begins_with_its_place():
    assert str(ConfigError("is wrong", "xroute.yaml:3 port")) == "xroute.yaml:3 port: is wrong"
    assert str(ConfigError("is wrong")) == "is wrong"


def test_a_limit_that_passed_says_which_and_how_long():
    error = TimedOut("first_token", 2.5)
    assert (error.stage, error.limit_s, str(error)) == ("first_token", 2.5, "no first_token within 2.5 s")


@pytest.mark.parametrize("kind", [kind for _, kind in tree(CallError)], ids=lambda kind: kind.__name__)
def test_a_call_error_keeps_what_it_is_told(kind):
    error = kind("m", code="c", param="p", provider="x", retry_after_s=1.5, metadata={"a": 1})
    told = (error.message, error.code, error.param, error.provider, error.retry_after_s, error.metadata)
    assert told == ("m", "c", "p", "x", 1.5, {"a": 1})
    assert 400 <= error.status < 600
