"""A request's head says what the target says, and nothing can be smuggled into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute import __version__
from xroute.upstream.head import OURS, Origin, make_head, split_url
from xroute.wire.http import Target


def head(headers=(), method="POST", uri="/v1"):
    return make_head(method, uri, "host", Target("http://host/v1", tuple(headers)), ())


@pytest.mark.parametrize(
    "url, origin, uri, authority",
    [
        ("http://h", Origin("http", "h", 80), "/", "h"),
        ("https://h/", Origin("https", "h", 443), "/", "h"),
        (
            "https://H.example:8443/a/b?c=d&e",
            Origin("https", "h.example", 8443),
            "/a/b?c=d&e",
            "h.example:8443",
        ),
        ("http://h?c", Origin("http", "h", 80), "/?c", "h"),
        ("http://h:80/#part", Origin("http", "h", 80), "/", "h"),
        ("http://[::1]:9/x", Origin("http", "::1", 9), "/x", "[::1]:9"),
        ("http://[::1]/x", Origin("http", "::1", 80), "/x", "[::1]"),
    ],
)
def test_a_url_is_split(url, origin, uri, authority):
    assert split_url(url) == (origin, uri)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/x",
        "ftp://h/x",
        "sim:",
        "http://",
        "http://:80/",
        "http://u:p@h/",
        "http://h:99999/",
        "http://h:x/",
        "http://h/a b",
        "http://h/a\r\nx: y",
        "http://h/\tx",
        "http://h/\x00",
        "http://h/é",
        "http://é/",
    ],
)
def test_what_is_no_url_of_ours_is_refused(url):
    with pytest.raises(ValueError):
        split_url(url)


def test_the_whole_head():
    request = head([("Authorization", "Bearer x"), ("content-type", "application/json")]).encode(b"{}")
    assert (
        request
        == (
            b"POST /v1 HTTP/1.1\r\nhost: host\r\nuser-agent: xroute/%b\r\naccept: */*\r\n"
            b"accept-encoding: identity\r\nauthorization: Bearer x\r\ncontent-type: application/json\r\n"
            b"content-length: 2\r\n\r\n{}"
        )
        % __version__.encode()
    )


def test_a_target_may_say_host_user_agent_and_accept_itself():
    text = head([("Host", "other"), ("User-Agent", "me"), ("Accept", "text/event-stream")]).encode(b"")
    assert text.count(b"host: ") == text.count(b"user-agent: ") == text.count(b"accept: ") == 1
    assert b"host: other\r\n" in text and b"user-agent: me\r\n" in text


def test_only_a_method_without_a_body_leaves_the_length_out():
    assert b"content-length" not in head(method="GET").encode(b"")
    assert b"content-length: 1\r\n" in head(method="GET").encode(b"x")
    assert b"content-length: 0\r\n" in head(method="POST").encode(b"")


@pytest.mark.parametrize("name", sorted(OURS))
def test_headers_that_frame_the_message_are_refused(name):
    with pytest.raises(ValueError, match=name):
        head([(name.title(), "1")])


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "a\x00", "é", "a\n"])
def test_a_header_name_that_is_no_token_is_refused(name):
    with pytest.raises(ValueError):
        head([(name, "x")])


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "\r", "a\x00", "\x7f", "sk-’"])
def test_a_header_value_that_breaks_the_message_is_refused_and_not_shown(value):
    with pytest.raises(ValueError) as caught:
        head([("authorization", f"secret{value}")])
    assert "secret" not in str(caught.value) and "authorization" in str(caught.value)


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "GET /x HTTP/1.1\r\n"])
def test_a_method_that_is_no_token_is_refused(method):
    with pytest.raises(ValueError):
        head(method=method)


def test_a_head_does_not_show_its_credential():
    assert "sk-1" not in repr(head([("authorization", "Bearer sk-1")], method="GET"))


@given(st.text(max_size=8), st.text(max_size=12))
def test_whatever_is_accepted_is_one_line(name, value):
    try:
        text = head([(f"x-{name}", value)]).encode(b"")
    except ValueError:
        return
    assert text.count(b"\r\n") == text.count(b"\n") == text.count(b"\r") == 8
