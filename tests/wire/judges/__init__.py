"""One module for each family of endpoints; each holds ENDPOINTS: endpoint -> check of one recording."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from tests.wire.recordings import Recording

Check = Callable[[Recording], None]


def found() -> dict[str, Check]:
    """The check of every endpoint that has one."""
    checks: dict[str, Check] = {}
    for module in iter_modules(__path__):
        checks |= import_module(f"{__name__}.{module.name}").ENDPOINTS
    return checks
