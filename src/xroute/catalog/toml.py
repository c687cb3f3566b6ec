"""Writes the few shapes of TOML that the catalog's files have: values, inline tables, tables of tables."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(document: Mapping[str, Any]) -> str:
    """The document as TOML: plain values first, then [tables] and [[lists of tables]], one level deep."""
    lines: list[str] = []
    tables: list[str] = []
    for name, value in document.items():
        if isinstance(value, Mapping):
            tables += ["", f"[{_key(name)}]", *_pairs(cast(Mapping[str, Any], value))]
        elif _is_tables(value):
            for item in cast(Sequence[Mapping[str, Any]], value):
                tables += ["", f"[[{_key(name)}]]", *_pairs(item)]
        else:
            lines.append(f"{_key(name)} = {_value(value)}")
    return "\n".join([*lines, *tables]).lstrip("\n") + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in table.items()]


def _is_tables(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(item, Mapping) for item in cast(Sequence[Any], value))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pairs(cast(Mapping[str, Any], value))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in cast(Sequence[Any], value)) + "]"
    raise TypeError(f"the catalog's files hold no {type(value).__name__}")


def _text(value: str) -> str:
    """A basic string; JSON's escapes are TOML's too, but TOML wants DEL escaped and takes no surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
