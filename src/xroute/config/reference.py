"""The tables of docs/reference/config.md, made from the settings' own descriptions.

`python -m xroute.config.reference docs/reference/config.md` renews them in the page.
"""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from xroute.config.secret import Secret
from xroute.config.settings import Part, Settings
from xroute.config.shape import bare, is_part

START, END = "<!-- settings: start -->", "<!-- settings: end -->"
_WORDS: dict[Any, str] = {
    str: "text",
    Secret: "secret",
    int: "whole number",
    float: "number",
    Decimal: "USD",
    bool: "true or false",
    Path: "path",
    Any: "anything",
}


def tables() -> str:
    """One table for each section, the top level first."""
    return "\n".join(_table(prefix, part) for prefix, part in sections("", Settings))


def sections(prefix: str, part: type[Part]) -> Iterator[tuple[str, type[Part]]]:
    """Every section of the file with the key it stands at: `providers.<id>.models[]`."""
    yield prefix, part
    for name, field in part.model_fields.items():
        suffix, inner = _inner(bare(field.annotation))
        if is_part(inner):
            yield from sections(f"{prefix}.{name}{suffix}".removeprefix("."), inner)


def renew(page: str) -> str:
    """The page with its tables as they should be."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{tables()}\n{END}{after}"


def _inner(kind: Any) -> tuple[str, Any]:
    if get_origin(kind) is dict:
        return ".<id>", bare(get_args(kind)[1])
    if get_origin(kind) is list:
        return "[]", bare(get_args(kind)[0])
    return "", kind


def _table(prefix: str, part: type[Part]) -> str:
    title = f"`{prefix}`" if prefix else "Top level"
    rows = [_row(f"{prefix}.{name}".removeprefix("."), field) for name, field in part.model_fields.items()]
    head = "| setting | kind | default | what it is |\n|---|---|---|---|"
    return f"### {title}\n\n{(part.__doc__ or '').strip()}\n\n{head}\n" + "\n".join(rows) + "\n"


def _row(key: str, field: FieldInfo) -> str:
    return f"| `{key}` | {_kind(bare(field.annotation))} | {_default(field)} | {field.description} |"


def _kind(kind: Any) -> str:
    origin, inner = get_origin(kind), [bare(each) for each in get_args(kind)]
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in get_args(kind))
    if origin is dict:
        return f"mapping of {_kind(inner[1])}"
    if origin in (list, tuple, frozenset):
        return f"list of {_kind(inner[0])}"
    return _WORDS.get(kind, "section")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or isinstance(value, Part) or value in ({}, [], (), "", frozenset()):
        return ""
    return f"`{json.dumps(value, default=float)}`".replace('"', "")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(renew(place.read_text("utf-8")), "utf-8")
