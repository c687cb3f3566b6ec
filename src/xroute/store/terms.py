"""What a key, project or limit may be told: checks of names, patterns and networks."""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

MOST = 200  # entries of a list, and characters of an entry
MOST_LABELS = 50

_PATTERN = re.compile(r"[^\s\x00-\x1f\x7f]+")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Wrong(ValueError):
    """What is wrong, and at which field: `addresses[1]`."""

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        self.text = text
        super().__init__(f"{field}: {text}")


def policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of wire.who.Policy that say something, in their normal form, for column `policy`."""
    checks = {"models": pattern, "providers": word, "addresses": network, "regions": word}
    found: dict[str, Any] = {}
    for field, check in checks.items():
        if entries := given.get(field):
            found[field] = _each(field, entries, check)
    if "regions" in found:
        found["regions"] = [region.lower() for region in found["regions"]]
    return found | {field: True for field in ("zdr", "local_only") if given.get(field)}


def pattern(field: str, text: str) -> str:
    """A model's id, or one with `*` in it."""
    if not _PATTERN.fullmatch(text):
        raise Wrong(field, "is no model: write its id, or a pattern such as openai/*")
    return _bounded(field, text)


def word(field: str, text: str) -> str:
    """A provider's id or a region."""
    if not _WORD.fullmatch(text):
        raise Wrong(field, "is no name: use letters, digits, `.`, `_` and `-`")
    return _bounded(field, text)


def network(field: str, text: str) -> str:
    """A network or address of IPv4 or IPv6."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise Wrong(field, "is no network: write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32") from None


def name(field: str, text: str) -> str:
    """What people call something."""
    text = text.strip()
    if not text or not text.isprintable():
        raise Wrong(field, "must be a name: printable characters, and at least one")
    return _bounded(field, text)


def labels(given: Mapping[str, str]) -> dict[str, str]:
    """Free words for reports."""
    if len(given) > MOST_LABELS:
        raise Wrong("labels", f"has more than {MOST_LABELS} entries")
    for label, value in given.items():
        name("labels", label)
        _bounded(f"labels.{label}", value)
        if "\0" in value:
            raise Wrong(f"labels.{label}", "has a character that cannot be stored")
    return dict(given)


def _each(field: str, entries: Sequence[str], check: Any) -> list[str]:
    if len(entries) > MOST:
        raise Wrong(field, f"has more than {MOST} entries")
    return [check(f"{field}[{place}]", text) for place, text in enumerate(entries)]


def _bounded(field: str, text: str) -> str:
    if len(text) > MOST:
        raise Wrong(field, f"is longer than {MOST} characters")
    return text
