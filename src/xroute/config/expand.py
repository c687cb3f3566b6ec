"""`${VAR}` and `${VAR:-default}` in a text become what the environment says."""

import re
from collections.abc import Mapping

# `$${VAR}` is how a text says `${VAR}` itself.
_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}|\$\{")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class BadReferenceError(ValueError):
    """A reference that cannot be replaced; the message says why."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with each reference replaced; a default also serves for an empty variable, as in a shell."""
    return _REFERENCE.sub(lambda match: _value(match, environ), text)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match[1]:
        return match[1]
    inside = _INSIDE.fullmatch(match[2] or "")
    if inside is None:
        raise BadReferenceError("has a reference that cannot be read: write ${VAR} or ${VAR:-default}")
    name, default = inside[1], inside[2]
    if default is not None:
        return environ.get(name) or default
    if name not in environ:
        raise BadReferenceError(
            f"the environment variable {name} is not set: set it, or write ${{{name}:-default}}"
        )
    return environ[name]
