"""A body's model is replaced, and nothing else of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.rewrite import with_model

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.just("model"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", 'x"model', "a", "\\"]) | st.text(max_size=5), inner)
    ),
    max_leaves=15,
)


def test_every_other_byte_stays() -> None:
    raw = b'{ "temperature":1.50,\n "model" : "a\\"b",  "input":"say \\"model\\": 1"}'
    assert with_model(raw, json.loads(raw), "up/\u00e9") == raw.replace(b'"a\\"b"', '"up/é"'.encode())


@given(st.dictionaries(st.text(max_size=6), VALUES), st.text(min_size=1), st.text(), st.booleans())
def test_only_the_top_level_model_changes(body: dict[str, Any], old: str, new: str, first: bool) -> None:
    body.pop("model", None)
    body = {"model": old, **body} if first else {**body, "model": old}
    raw = json.dumps(body, ensure_ascii=first).encode("utf-8", "surrogatepass")
    kept = {name: value for name, value in body.items() if name not in ("models", "provider", "usage")}
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    assert json.loads(with_model(raw, body, new)) == {**kept, "model": new}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"dear","model":"cheap"}',
        b'{"mod\\u0065l":"dear","x":{"model":"y"}}',
        b'{"model":"dear","mod\\u0065l":"cheap"}',
        b'{"x\\"model":"y","x\\"model":"z"}',
        b'{"x":{"model":"y"}}',
    ],
)
def test_no_other_model_is_left_for_the_provider(raw: bytes) -> None:
    pairs = json.loads(with_model(raw, json.loads(raw), "up"), object_pairs_hook=list)
    assert [value for name, value in pairs if name == "model"] == ["up"]


def test_fields_for_xroute_do_not_go_along() -> None:
    raw = b'{"model":"a","models":["a","b"],"provider":{"order":["x"]},"input":"hi"}'
    assert json.loads(with_model(raw, json.loads(raw), "up")) == {"model": "up", "input": "hi"}
