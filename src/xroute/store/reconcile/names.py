"""Which names mean one model: a bill says `gpt-4o-2024-08-06` or `Claude Haiku 4.5`, a call another."""

import re

_APART = re.compile(r"[^a-z0-9]+")
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3})$")
_SAYS_NOTHING = frozenset({"preview", "latest", "exp", "experimental", "ga", "model"})


def family(name: str) -> str:
    """What a model is compared as: without maker, snapshot, and order of the words.

    `openai/gpt-4o-2024-08-06` and `gpt-4o` are one; so are `claude-3-5-haiku-20241022` and
    `Claude Haiku 3.5`.
    """
    plain = re.split(r"[@:]", name.rpartition("/")[2].lower())[0]
    plain = _APART.sub("-", plain).strip("-")
    words = [word for word in _SNAPSHOT.sub("", plain).split("-") if word not in _SAYS_NOTHING]
    return "-".join(sorted(words)) or plain
