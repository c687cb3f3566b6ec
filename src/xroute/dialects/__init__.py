"""Wire formats, each a package of pure functions with the same names."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


@cache
def get(name: str) -> ModuleType:
    """The dialect of that name, one of `catalog.tables.DIALECTS`; imported when first asked for."""
    return import_module(f"{__name__}.{name}")


@cache
def part(name: str, operation: str) -> ModuleType | None:
    """How that dialect carries another operation than chat, or "native" bodies; None where it cannot."""
    if find_spec(f"{__name__}.{name}.{operation}") is None:
        return None
    return import_module(f"{__name__}.{name}.{operation}")


@cache
def side(name: str, part: str) -> ModuleType:
    """A part that the dialect has for certain, as the client's side of one; imported when first asked for."""
    return import_module(f"{__name__}.{name}.{part}")
