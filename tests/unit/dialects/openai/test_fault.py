"""Error bodies in any provider's form."""

import json
from typing import Any

import pytest

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai import error_of

INNER = '{"error": {"message": "too long", "code": "context_length_exceeded", "param": "messages"}}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"error": {"message": "no", "type": "t", "param": "p", "code": "c"}},
            ErrorInfo("no", code="c", type="t", param="p"),
        ),
        ({"error": "no"}, ErrorInfo("no")),
        ({"error": "no", "code": "gone"}, ErrorInfo("no", code="gone")),
        ({"error": "invalid_request", "message": "no"}, ErrorInfo("no", code="invalid_request")),
        ({"message": "no", "type": "t", "code": 3051}, ErrorInfo("no", code="3051", type="t")),
        ({"object": "error", "message": "no", "code": 400}, ErrorInfo("no", code="400", status=400)),
        ({"detail": "no"}, ErrorInfo("no")),
        (
            {"detail": [{"loc": ["a", "n"], "msg": "no", "type": "t"}]},
            ErrorInfo("a.n: no", type="t"),
        ),
        ({"detail": {"message": "no", "code": None}}, ErrorInfo("no")),
        ([{"error": {"code": 400, "message": "no"}}], ErrorInfo("no", code="400", status=400)),
        ({"errors": [{"message": "no", "code": 10}]}, ErrorInfo("no", code="10")),
        ({"error": {"message": "no", "code": "429"}}, ErrorInfo("no", code="429", status=429)),
        ("no", ErrorInfo("no")),
    ],
)
def test_an_error_is_read_in_every_form(body: Any, expected: ErrorInfo) -> None:
    assert error_of(400, {}, json.dumps(body).encode()) == expected


def test_the_error_of_the_provider_behind_an_aggregator_is_told() -> None:
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": INNER}}}
    info = error_of(400, {}, json.dumps(body).encode())
    assert info.message == "Provider returned error: too long"
    assert (info.code, info.param, info.status) == ("context_length_exceeded", "messages", 400)


@pytest.mark.parametrize(
    ("raw", "content_type", "message"),
    [
        (
            b"<html><title>502 Bad\n Gateway</title><body>secret</body>",
            "text/html",
            "502 Bad Gateway",
        ),
        (b"<p>Sorry</p><script>x()</script>", "", "Sorry"),
        (b"upstream\x00 connect\r\nerror", "text/plain", "upstream connect error"),
        (b"", "", "the provider answered 502 without a message"),
        (b"{}", "", "the provider answered 502 without a message"),
        (b"null", "", "the provider answered 502 without a message"),
        (b'{"error": {}}', "", "the provider answered 502 without a message"),
        (b"sorry " * 100, "", "sorry " * 49 + "sorry..."),
        (b"x" * 1000, "", "the provider answered 502 without a message"),
        (b"you sent " + b"x" * 296, "", "you sent..."),  # a word that is cut may be a secret's beginning
        (b"<p>you sent " + b"<i></i>" * 9360 + b" secret", "", "you sent..."),
    ],
)
def test_what_is_no_error_object_is_summed_up(raw: bytes, content_type: str, message: str) -> None:
    assert error_of(502, {"content-type": content_type}, raw) == ErrorInfo(message)


def test_errors_within_errors_end_somewhere() -> None:
    body: Any = {"message": "deep"}
    for _ in range(50):
        body = {"error": body}
    assert (
        error_of(500, {}, json.dumps(body).encode()).message == "the provider answered 500 without a message"
    )
