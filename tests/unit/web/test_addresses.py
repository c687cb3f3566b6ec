"""Which entry stands at a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.errors import MethodNotAllowed, NotFound
from xroute.web.addresses import Addresses, choose


def table(*lines):
    made = Addresses()
    for line in lines:
        made.add(*line.split(" "), line)
    return made


TABLE = table(
    "GET /a",
    "GET /a/{id}",
    "GET /a/{id}/b",
    "POST /a/{id}/{what}",
    "GET /a/own",
    "GET /v1/x",
    "GET /v1/open/",
)


@pytest.mark.parametrize(
    ("path", "line", "argument"),
    [
        ("/a", "GET /a", ""),
        ("/a/7", "GET /a/{id}", ""),
        ("/a/own", "GET /a/own", ""),
        ("/a/7/b", "GET /a/{id}/b", ""),
        ("/v1/x", "GET /v1/x", ""),
        ("/openai/v1/x", "GET /v1/x", ""),
        ("/anthropic/v1/open/y/z", "GET /v1/open/", "y/z"),
        ("/a/{id}", "GET /a/{id}", ""),
    ],
)
def test_the_most_written_out_entry_wins(path, line, argument):
    methods, rest = TABLE.find(path)
    assert (methods["GET"], rest) == (line, argument)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a",
        "/a/",
        "//a",
        "/a//b",
        "/a/7/",
        "/a/7/b/",
        "/a/7/c/d",
        "/A",
        "/v1/open/",
        "/openai/a",
        "/a\n",
    ],
)
def test_what_is_nowhere_is_not_found(path):
    with pytest.raises(NotFound):
        TABLE.find(path)


def test_methods_are_those_of_one_template():
    """`/a/7/b` is GET's, though another template would take a POST there."""
    methods, _ = TABLE.find("/a/7/b")
    assert list(methods) == ["GET"]
    with pytest.raises(MethodNotAllowed) as caught:
        choose(methods, "POST", "/a/7/b")
    assert caught.value.metadata == {"allowed": ["GET", "HEAD"]}
    assert choose(methods, "HEAD", "/a/7/b") == "GET /a/{id}/b"


@given(st.text(max_size=30))
def test_a_part_never_takes_more_than_one_or_nothing(text):
    try:
        methods, argument = TABLE.find(f"/a/{text}")
    except NotFound:
        assert text == "" or "/" in text
    else:
        assert argument == ""
        parts = text.count("/") + 1
        assert all(line.count("/") == parts + 1 for line in methods.values())
