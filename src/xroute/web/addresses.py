"""Which entry of a table stands at a path: exact, with `{parts}`, or with all that follows."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from xroute.errors import MethodNotAllowed, NotFound

PREFIXES = ("/openai/v1/", "/anthropic/v1/")  # the same surface under another address

T = TypeVar("T")


class Addresses(Generic[T]):
    """Entries by path and method. A path is matched as it stands: nothing is decoded, folded or cut off.

    `{name}` stands for one part that is not empty; a path that ends in "/" takes what follows as argument.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, T]] = {}
        self._parts: dict[int, dict[tuple[str, ...], dict[str, T]]] = {}  # by the number of parts
        self._open: dict[str, dict[str, T]] = {}

    def add(self, method: str, path: str, entry: T) -> None:
        """An entry; a later one takes an earlier one's place."""
        if "{" in path:
            parts = tuple("" if part.startswith("{") else part for part in path[1:].split("/"))
            table = self._parts.setdefault(len(parts), {})
            table.setdefault(parts, {})[method] = entry
            # What is written out goes before what may be anything.
            self._parts[len(parts)] = dict(sorted(table.items(), key=_openness))
        else:
            side = self._open if path.endswith("/") else self._exact
            side.setdefault(path, {})[method] = entry

    def find(self, path: str) -> tuple[Mapping[str, T], str]:
        """(the entries at a path by method, what follows an open one); raises NotFound."""
        if (methods := self._exact.get(path)) is not None:
            return methods, ""
        if path.startswith(PREFIXES):
            return self.find(path[path.index("/", 1) :])
        for prefix, table in self._open.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return table, path[len(prefix) :]
        given = path[1:].split("/")
        for parts, table in self._parts.get(len(given), {}).items():
            if all(_fits(part, said) for part, said in zip(parts, given, strict=True)):
                return table, ""
        raise NotFound(f"There is nothing at {path[:200]}.", code="unknown_url")


def choose(methods: Mapping[str, T], method: str, path: str) -> T:
    """The entry for a method, GET's for HEAD; raises MethodNotAllowed."""
    if (entry := methods.get("GET" if method == "HEAD" else method)) is not None:
        return entry
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)
    raise MethodNotAllowed(
        f"{path[:200]} takes {', '.join(allowed)}, not {method[:20]}.",
        code="method_not_allowed",
        metadata={"allowed": allowed},
    )


def _fits(part: str, said: str) -> bool:
    return part == said if part else said != ""


def _openness(item: tuple[tuple[str, ...], object]) -> tuple[bool, ...]:
    return tuple(part == "" for part in item[0])
