"""The process environment: the one place that reads it, and what it says of providers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIX = "XROUTE_"
# Not settings: the file's name, and what clients of xroute (its own `bench` among them) are told.
NOT_SETTINGS = frozenset(
    {"XROUTE_CONFIG", "XROUTE_API_KEY", "XROUTE_BASE_URL", "XROUTE_URL", "XROUTE_TOKEN", "XROUTE_WORKSPACE"}
)


def read() -> dict[str, str]:
    """A copy of the environment; everything else takes it as an argument."""
    return dict(os.environ)


def found_providers(
    provider_envs: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]
) -> dict[str, str]:
    """Provider id -> the first of its variables that holds a key; providers without one are left out."""
    found = {
        provider: next((name for name in names if environ.get(name, "").strip()), "")
        for provider, names in provider_envs.items()
    }
    return {provider: name for provider, name in found.items() if name}


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory."""
    return Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()


def folders(environ: Mapping[str, str]) -> dict[str, Any]:
    """Defaults of `state_dir` and `catalog_dir` (XDG Base Directory Specification 0.8)."""
    state = _base(environ, "XDG_STATE_HOME", ".local/state")
    config = _base(environ, "XDG_CONFIG_HOME", ".config")
    return {"state_dir": state / "xroute", "catalog_dir": config / "xroute" / "catalog"}


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else home(environ) / below_home  # relative ones are to be ignored
