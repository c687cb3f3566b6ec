"""Whatever a client sends is a Call or a CallError."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import ABILITIES
from xroute.dialects.openai.parse import _TYPES, parse
from xroute.errors import CallError, InvalidRequest

WORDS = (
    "text",
    "image_url",
    "json_schema",
    "json_object",
    "user",
    "audio",
    "file",
    "role",
    "type",
    "content",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
KEYS = st.sampled_from((*WORDS, "include_usage", "total", "first_byte", "url", "data"))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
PART = st.fixed_dictionaries({}, optional={"type": JSON, "text": JSON, "image_url": JSON, "file": JSON})
MESSAGE = st.fixed_dictionaries(
    {"role": st.just("user") | JSON}, optional={"content": JSON | st.lists(PART | JSON, max_size=3)}
)
FIELDS = ("model", "models", "messages", "provider", "timeouts", "functions", *_TYPES)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=3)},
    optional={name: JSON for name in FIELDS if name != "messages"},
)
NAMED = BODY.map(lambda body: body | {"model": "m"})


def read(raw):
    try:
        return parse(raw)
    except CallError as error:
        assert isinstance(error, InvalidRequest)
        assert error.message
        return None


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_understood(raw):
    read(raw)


@given(JSON)
def test_any_json_is_refused_or_understood(value):
    read(orjson.dumps(value))


@given(BODY | NAMED | st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_request_is_refused_or_understood(body):
    raw = orjson.dumps(body)
    call = read(raw)
    if call is None:
        return
    assert call.body == body  # nothing is lost on the way
    assert 1 <= len(call.models) == len(set(call.models)) <= 16
    assert call.abilities <= ABILITIES
    assert 0 <= call.text_bytes <= len(raw)
    assert type(call.max_tokens) is int
    assert call.max_tokens >= 0
    assert all(type(seconds) is float and 0 < seconds <= 86400 for seconds in call.timeouts.values())


@given(st.integers(1, 3000), st.sampled_from((b"[", b'{"a":', b'{"messages":[')))
def test_any_depth_is_refused_or_understood(depth, opening):
    read(opening * depth)
    read(b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":' + b"[" * depth + b"]" * depth + b"}")
