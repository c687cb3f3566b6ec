"""What the settings' types object to, in words that say what to do and never quote a credential."""

import difflib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

from pydantic_core import ErrorDetails

from xroute.config.problem import Key
from xroute.config.shape import names_at

_SHOWN = 40  # characters of a value that a message quotes at most

# What was expected, by the type of pydantic's error; {names} are its context.
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "path": "a path",
    "dict": "a mapping (`key: value` lines)",
    "model": "a mapping (`key: value` lines)",
    "list": "a list (`- item` lines, or [a, b])",
    "tuple": "a list (`- item` lines, or [a, b])",
    "frozen": "a list (`- item` lines, or [a, b])",
    "literal": "one of {expected}",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "decimal_max_places": "has more than {decimal_places} digits after the point: less than a nano-dollar",
    "finite_number": "must be a finite number",
    "string_too_short": "is empty: give a value, or leave the key out",
    "too_short": "is empty: list at least {min_length}",
    "string_pattern_mismatch": "is no name for a provider: use letters, digits, `.`, `_` and `-`",
}


def wording(error: ErrorDetails, key: Key, *, may_quote: bool) -> str:
    """One sentence for one error of pydantic's at a key; quotes the value only if `may_quote`."""
    kind, context = error["type"], error.get("ctx", {})
    special: dict[str, Callable[[], str]] = {
        "extra_forbidden": lambda: _unknown(key),
        "missing": lambda: "is missing: it must be given here",
        "string_type": lambda: f"expected text, found {_found(error['input'])}{_quotes(error['input'])}",
    }
    if kind in special:
        return special[kind]()
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(context)
    expected = _EXPECTED.get(kind.split("_", 1)[0])
    if expected is None:  # our own errors bring their sentence along
        return error["msg"]
    text = f"expected {expected.format_map(context)}, found {_found(error['input'], may_quote=may_quote)}"
    return text + _near(error["input"], context) if may_quote else text


def _unknown(key: Key) -> str:
    known = names_at(key[:-1])
    near = difflib.get_close_matches(str(key[-1]), known, n=3)
    if near:
        return f"unknown setting; did you mean {' or '.join(near)}?"
    return f"unknown setting; known here: {', '.join(known)}" if known else "unknown setting"


def _found(value: object, *, may_quote: bool = False) -> str:
    """A value's kind, and the value itself only where a message may quote it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return f"the number {value}" if may_quote else "a number"
        case str():
            return f"{value[:_SHOWN]!r}" if may_quote else "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _quotes(value: object) -> str:
    return ": put quotes around it" if isinstance(value, int | float | Decimal) else ""


def _near(value: object, context: Mapping[str, Any]) -> str:
    """The allowed word that a value resembles."""
    words = (
        str(cast("object", context.get("expected", ""))).replace(" or ", ", ").replace("'", "").split(", ")
    )
    near = difflib.get_close_matches(value, words, n=1) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""
