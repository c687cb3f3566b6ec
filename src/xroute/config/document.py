"""A YAML or JSON text as plain data, with the line of every key.

Scalars are read as YAML 1.2's core schema has them, so `no` and `12:30` are text; JSON is a part of it.
There are no tags that make objects, and aliases cannot multiply a small file into a large one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from xroute.config.expand import BadReferenceError, expand
from xroute.config.problem import Key, Problem

MAX_NODES = 100_000
MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"
_CORE = [  # (tag, pattern, first characters), section 10.3.2 of YAML 1.2.2
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """First character -> the tags that a plain scalar may have, as PyYAML wants them."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, first in _CORE:
        for character in first:
            found.setdefault(character, []).append((_TAG + name, re.compile(rf"(?:{pattern})\Z")))
    return found


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with other rules for what a plain scalar is."""


_Loader.yaml_implicit_resolvers = _resolvers()


@dataclass(slots=True)
class Document:
    """What a text holds. `sources` has "file:line" for every key; `expanded` the keys with a variable in."""

    data: dict[str, Any] = field(default_factory=dict[str, Any])
    sources: dict[Key, str] = field(default_factory=dict[Key, str])
    lines: dict[Key, int] = field(default_factory=dict[Key, int])
    expanded: set[Key] = field(default_factory=set[Key])
    problems: list[Problem] = field(default_factory=list[Problem])


def read(text: str, name: str, environ: Mapping[str, str]) -> Document:
    """The document `text`; what is wrong with it stands in its `problems`."""
    reader = _Reader(name, environ)
    root = reader.compose(text)
    if root is not None:
        reader.document.data = reader.root(root)
    return reader.document


def value(text: str, key: Key) -> Any:
    """One value in YAML's flow form, such as `[a, b]`, of a key; ValueError where it is none."""
    reader = _Reader("", {}, expanding=False)
    root = reader.compose(text)
    found = reader.value(root, key) if root is not None else None
    if reader.document.problems:
        raise ValueError(reader.document.problems[0].text)
    return found


class _Reader:
    """Turns nodes into data and remembers where each came from."""

    def __init__(self, name: str, environ: Mapping[str, str], *, expanding: bool = True) -> None:
        self.document = Document()
        self._name = name
        self._environ = environ
        self._expanding = expanding
        self._nodes = 0

    def compose(self, text: str) -> yaml.Node | None:
        """The root node, None where there is none or the text is no YAML."""
        try:
            return _Loader(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line if error.problem_mark else 0
            self._broken(f"not valid YAML: {error.problem}{_hint(text, line)}", line)
        except yaml.YAMLError as error:  # the reader: characters that YAML does not allow
            self._broken(f"not valid YAML: {getattr(error, 'reason', 'it cannot be read')}", 0)
        except RecursionError:
            self._broken("is nested too deeply", 0)
        return None

    def root(self, node: yaml.Node) -> dict[str, Any]:
        """The top level: a mapping, in which a section without content is one that is not there."""
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null":
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._broken("expected a mapping of settings, such as `port: 8790`", node.start_mark.line)
            return {}
        return {name: item for name, item in self.value(node, ()).items() if item is not None}

    def value(self, node: yaml.Node, key: Key) -> Any:
        """The data of a node; None in place of what cannot be used."""
        self._nodes += 1
        if self._nodes > MAX_NODES or len(key) > MAX_DEPTH:
            if not self.document.problems or self.document.problems[-1].key != ():
                self._broken(
                    "is too large or nested too deeply, or an alias contains itself", node.start_mark.line
                )
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, key)
        return self._scalar(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        self._tagged(node, key, "map")
        data: dict[str, Any] = {}
        for name_node, item in node.value:
            name = _joined(str(name_node.value)) if isinstance(name_node, yaml.ScalarNode) else None
            line = name_node.start_mark.line
            if name is None:
                self._problem(key, "a key is text, not a list or mapping", line)
            elif name == "<<":
                self._problem((*key, name), "merge keys are not supported: write the keys out", line)
            elif name in data:
                self._problem((*key, name), f"is there twice, first in line {self._line((*key, name))}", line)
            else:
                self._place((*key, name), line)
                data[name] = self.value(item, (*key, name))
        return data

    def _sequence(self, node: yaml.SequenceNode, key: Key) -> list[Any]:
        self._tagged(node, key, "seq")
        items: list[Any] = []
        for index, item in enumerate(node.value):
            self._place((*key, index), item.start_mark.line)
            items.append(self.value(item, (*key, index)))
        return items

    def _scalar(self, node: yaml.Node, key: Key) -> Any:
        text = _joined(str(node.value))
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _whole(text)
            case "float":
                return _number(text, key)
            case "str":
                return self._text(text, key, node.start_mark.line)
            case _:
                return self._tagged(node, key, "str")

    def _text(self, text: str, key: Key, line: int) -> str:
        if not self._expanding or "${" not in text:
            return text
        self.document.expanded.add(key)
        try:
            return expand(text, self._environ)
        except BadReferenceError as error:
            self._problem(key, str(error), line)
            return text

    def _tagged(self, node: yaml.Node, key: Key, expected: str) -> None:
        if node.tag != _TAG + expected:
            self._problem(key, "has a YAML tag (`!...`): tags are not supported", node.start_mark.line)

    def _place(self, key: Key, line: int) -> None:
        self.document.lines[key] = line + 1
        self.document.sources[key] = f"{self._name}:{line + 1}"

    def _line(self, key: Key) -> int:
        return self.document.lines[key]

    def _broken(self, text: str, line: int) -> None:
        self._problem((), text, line)

    def _problem(self, key: Key, text: str, line: int) -> None:
        self.document.problems.append(Problem(key, text, f"{self._name}:{line + 1}", line + 1))


def _joined(text: str) -> str:
    """JSON escapes a character beyond U+FFFF as two halves, which YAML leaves apart; a lone half is none."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(text: str) -> int | str:
    if text[:2].lower() in ("0x", "0o"):
        return int(text, 0)
    return int(text) if len(text) < 40 else text  # int() of a very long text is slow, and refused by Python


def _number(text: str, key: Key) -> float | Decimal:
    """Money keeps the digits as they were written: 0.2 has no binary float."""
    return Decimal(text) if key[:1] == ("prices",) else float(text)


def _hint(text: str, line: int) -> str:
    """`{key: ${VAR}}` is the slip that a YAML parser explains worst."""
    lines = text.splitlines()
    bare = line < len(lines) and re.search(r"[{\[,].*[^\"'$]\$\{", lines[line])
    return '; inside { } and [ ] a reference needs quotes: "${VAR}"' if bare else ""
