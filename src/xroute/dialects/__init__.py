"""Wire formats, each a package of pure functions with the same names."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from xroute.catalog.tables import DIALECTS


@cache
def get(name: str) -> ModuleType | None:
    """The dialect of that name; None where xroute does not speak it. Imported when first asked for."""
    if name not in DIALECTS or find_spec(f"{__name__}.{name}") is None:
        return None
    return import_module(f"{__name__}.{name}")


@cache
def part(name: str, operation: str) -> ModuleType | None:
    """How that dialect carries another operation than chat, or "native" bodies; None where it cannot."""
    found = get(name)
    if found is None or find_spec(f"{__name__}.{name}.{operation}") is None:
        return None
    return import_module(f"{__name__}.{name}.{operation}")
