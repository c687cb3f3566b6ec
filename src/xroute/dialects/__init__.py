"""Wire formats, each a module of pure functions with the same names."""

from types import ModuleType

from xroute.dialects import openai

_DIALECTS: dict[str, ModuleType] = {"openai": openai}


def get(name: str) -> ModuleType | None:
    """The dialect of that name; None where xroute does not speak it."""
    return _DIALECTS.get(name)
