"""A secret is never seen by accident."""

import copy
import json
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from xroute.config.secret import Secret

VALUE = "sk-live-0123456789abcd"


class Holder(BaseModel):
    secret: Secret


def test_its_mask_shows_the_end_of_a_long_one_only():
    assert str(Secret(VALUE)) == "***abcd"
    assert str(Secret("sk-short")) == "***"
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r:>40}".format,
        lambda s: f"{s:>30}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: repr([s]),
        lambda s: repr(Holder(secret=s)),
        lambda s: str(Holder(secret=s).model_dump()),
        lambda s: Holder(secret=s).model_dump_json(),
        lambda s: json.dumps({"s": s}, default=str),
    ],
)
def test_no_way_of_printing_shows_it(show):
    try:
        shown = show(Secret(VALUE))
    except TypeError as refused:  # a format that only plain strings know
        shown = str(refused)
    assert "0123456789" not in shown


def test_it_cannot_be_pickled():
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(VALUE))


def test_a_copy_is_the_same_secret():
    secret = Secret(VALUE)
    assert copy.deepcopy(secret) is secret
    assert copy.copy(secret) is secret
    assert {secret: 1}[Secret(VALUE)] == 1
    assert secret != Secret("other")
    assert secret != VALUE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1234567890123, "expected text"),
        (None, "expected text"),
        (["x"], "expected text"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("a\nb", "has a control character"),
        ("a\x00b", "has a control character"),
    ],
)
def test_what_is_no_credential_is_refused_without_quoting_it(value, message):
    with pytest.raises(ValidationError) as caught:
        Holder(secret=value)
    assert caught.value.errors()[0]["msg"].startswith(message)


def test_the_line_end_of_a_key_file_is_left_out():
    assert Holder(secret="sk-1\n").secret.reveal() == "sk-1"  # type: ignore[arg-type]
