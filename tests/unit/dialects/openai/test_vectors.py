"""Vectors as numbers and as base64."""

import struct
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.openai import vectors

FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False))


@given(FLOATS)
def test_base64_and_back_are_the_same_numbers(values):
    assert vectors.numbers(vectors.base64(values)) == values


@given(FLOATS)
def test_base64_is_little_endian_float32(values):
    assert vectors.base64(values) == b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


@given(st.lists(st.integers(-128, 127)))
def test_signed_bytes_are_read_and_written(values):
    text = vectors.base64(values, vectors.INT8)
    assert text == b64encode(bytes(value % 256 for value in values)).decode()
    assert vectors.numbers(text, vectors.INT8) == values


def test_a_vector_in_the_wanted_form_stays_the_same_object():
    numbers, text = [0.5, 1.5], "AAAAPwAAwD8="
    assert vectors.convert(numbers, "float") is numbers
    assert vectors.convert(text, "base64") is text
    assert vectors.convert(numbers, "base64") == text
    assert vectors.convert(text, "float") == numbers


def test_what_is_no_vector_is_left_alone():
    for odd in ("not base64!", "AAA=", {"float": [1.0]}, None):
        assert vectors.convert(odd, "float") == odd
    assert vectors.convert(["a"], "base64") == ["a"]
