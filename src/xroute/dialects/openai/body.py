"""The body of a provider's answer, read; Malformed says what it is instead."""

from typing import Any

from xroute.dialects.answer import Malformed
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def value_of(raw: bytes) -> Any:
    """Any JSON value."""
    try:
        return codec.read(raw)
    except ValueError:
        raise Malformed("the provider's answer is not JSON") from None


def object_of(raw: bytes) -> Json:
    """A JSON object."""
    return checked(value_of(raw))


def lone_object(raw: bytes) -> Json:
    """A JSON object, alone or in a list of one: some wrap it so, an error above all."""
    try:
        value = codec.read(raw)
    except ValueError:
        what = "is not JSON" if raw.strip() else "is empty"
        raise Malformed(f"the provider's answer {what}") from None
    if value.__class__ is dict:
        return value
    return checked(value[0] if codec.is_list(value) and len(value) == 1 else value)


def checked(value: Any) -> Json:
    """A value that has to be an object."""
    if not codec.is_object(value):
        raise Malformed("the provider's answer is not a JSON object")
    return value
