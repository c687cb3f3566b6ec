"""Reads of values whose type nobody promised: a request's body may hold anything anywhere."""

from typing import Any, cast

import orjson

from xroute.errors import InvalidRequest


def table(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def load(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request; InvalidRequest for anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return cast("dict[str, Any]", body)
