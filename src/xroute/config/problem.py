"""What is wrong with the configuration, one problem per key, and how they become one error."""

from collections.abc import Iterable
from dataclasses import dataclass

from xroute.errors import ConfigError

Key = tuple[str | int, ...]  # ("keys", 0, "name")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: at which key, from which source, and what to do."""

    key: Key
    text: str
    source: str = ""  # "xroute.yaml:12", "XROUTE_PORT", "--port"
    line: int = 0

    @property
    def where(self) -> str:
        """Source and key, as far as they are known."""
        return " ".join(part for part in (self.source, dotted(self.key)) if part)


def dotted(key: Key) -> str:
    """A key as people write it: `keys[0].name`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return "".join(parts).removeprefix(".")


def as_error(problems: Iterable[Problem]) -> ConfigError:
    """All problems as one error, in the order of the file; the first one at a key speaks for it."""
    first: dict[Key, Problem] = {}
    for problem in problems:
        first.setdefault(problem.key, problem)
    ordered = sorted(first.values(), key=lambda problem: problem.line)
    if len(ordered) == 1:
        return ConfigError(ordered[0].text, where=ordered[0].where)
    return ConfigError(
        "\n".join(f"{each.where}: {each.text}" if each.where else each.text for each in ordered)
    )
