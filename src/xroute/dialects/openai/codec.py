"""JSON as providers write it: orjson, and a forgiving reader for what it refuses."""

import json
from typing import Any, TypeAlias, TypeGuard

import orjson

Json: TypeAlias = dict[str, Any]


def is_object(value: object) -> TypeGuard[Json]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is a list."""
    return isinstance(value, list)


def objects(value: Any) -> list[Json]:
    """The objects in a list; none where it is no list."""
    return [entry for entry in value if entry.__class__ is dict] if value.__class__ is list else []


def read(raw: bytes) -> Any:
    """The value of `raw`; ValueError when it is not JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return forgive(raw)


def forgive(raw: bytes) -> Any:
    """The value of almost-JSON: lone surrogates, NaN, raw control characters, broken UTF-8.

    Some servers cut an emoji into two halves and escape each: stdlib's reader takes that.
    """
    try:
        return json.loads(raw.decode("utf-8", "replace"), strict=False, parse_constant=_nothing)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _nothing(_: str) -> None:
    """NaN and Infinity: no JSON, so no number."""


def write(value: Any) -> bytes:
    """JSON bytes; halves of an emoji stay escaped, so that a client can join them."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
