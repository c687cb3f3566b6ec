"""Options in the query of an address."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote


def suffix(pairs: Iterable[tuple[str, Any]]) -> str:
    """ "?a=1&b=true"; None is left out, a list becomes several."""
    found = [
        f"{quote(name, safe='')}={quote(_text(each), safe='')}"
        for name, value in pairs
        if value is not None
        for each in (value if isinstance(value, list) else (value,))  # pyright: ignore[reportUnknownVariableType]
    ]
    return "?" + "&".join(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
