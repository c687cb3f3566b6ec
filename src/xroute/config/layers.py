"""Defaults, file, environment and command line: each is a layer, later ones go over earlier ones."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from xroute.config import document, environ
from xroute.config.problem import Key, Problem
from xroute.config.shape import is_text, kind_at

# What Kubernetes puts into every pod beside a service called "xroute"; none of it is meant for us.
_SERVICE = re.compile(r"XROUTE_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


@dataclass(slots=True)
class Layer:
    """Settings from one kind of source; `sources` says for each key which one exactly."""

    data: dict[str, Any] = field(default_factory=dict[str, Any])
    sources: dict[Key, str] = field(default_factory=dict[Key, str])
    lines: dict[Key, int] = field(default_factory=dict[Key, int])
    hidden: set[Key] = field(default_factory=set[Key])  # values that no message may quote
    problems: list[Problem] = field(default_factory=list[Problem])

    def put(self, key: Key, value: Any, source: str) -> None:
        """Sets one value; a problem where something that is no mapping stands in its way."""
        inner = self.data
        for depth, part in enumerate(key[:-1], start=1):
            below = inner.setdefault(str(part), {})
            self.sources.setdefault(key[:depth], source)
            if not isinstance(below, dict):
                self.problems.append(
                    Problem(key, "contradicts another value, set for a key above it", source)
                )
                return
            inner = cast("dict[str, Any]", below)
        inner[str(key[-1])] = value
        self.sources |= dict.fromkeys(_keys(value, key), source)


def of_defaults(variables: Mapping[str, str]) -> Layer:
    """The defaults that depend on whose machine it is; the others stand with their settings."""
    return Layer(environ.folders(variables))


def of_file(path: Path, variables: Mapping[str, str]) -> Layer:
    """The settings of a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Layer(problems=[Problem((), "is not UTF-8 text", str(path))])
    except OSError as error:
        return Layer(problems=[Problem((), f"cannot be read: {error.strerror}", str(path))])
    read = document.read(text, str(path), variables)
    return Layer(read.data, read.sources, read.lines, read.expanded, read.problems)


def of_environment(variables: Mapping[str, str], named: Mapping[str, Any]) -> Layer:
    """The settings of `XROUTE_*`; `named` has the sections of the file, whose spelling of names is used."""
    layer = Layer()
    for variable, text in sorted(variables.items()):
        if _is_setting(variable) and text and not _SERVICE_URL.match(text):
            key = _spelled(variable.removeprefix(environ.PREFIX).lower().split("__"), named)
            _put_text(layer, key, text, variable)
    return layer


def of_command(overrides: Mapping[str, Any]) -> Layer:
    """The settings of the command line, by dotted key; None is an option that was not given."""
    layer = Layer()
    for name, value in overrides.items():
        if value is not None:
            layer.put(tuple(name.split(".")), value, "--" + name.replace("_", "-"))
    return layer


def merge(layers: Iterable[Layer]) -> dict[str, Any]:
    """The data of all, later ones over earlier ones; mappings are joined, lists replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _over(merged, layer.data)
    return merged


def _over(base: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    joined = dict(base)
    for name, value in upper.items():
        old = joined.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            joined[name] = _over(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        else:
            joined[name] = value
    return joined


def _keys(value: Any, key: Key) -> Iterable[Key]:
    """The key of a value and of everything in it."""
    yield key
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        inner = enumerate(cast("list[Any]", value))
    for part, item in inner:
        yield from _keys(item, (*key, part))


def _is_setting(variable: str) -> bool:
    return (
        variable.startswith(environ.PREFIX)
        and variable not in environ.NOT_SETTINGS
        and not _SERVICE.fullmatch(variable)
    )


def _put_text(layer: Layer, key: Key, text: str, variable: str) -> None:
    """A variable's text as the kind of value its setting takes; numbers are left to the settings' types."""
    kind = kind_at(key)
    structured = kind is Any or text[0] in "[{" or text == "null"
    try:
        value = document.value(text, key) if structured and not is_text(kind) else text
    except ValueError as error:
        layer.problems.append(Problem(key, str(error), variable))
        return
    layer.put(key, value, variable)


def _spelled(parts: list[str], named: Mapping[str, Any]) -> Key:
    """`my_vllm`, all that a variable's name can say, is the file's `My-vLLM` where that is there."""
    key: list[str] = []
    level: object = named
    for part in parts:
        names = cast("dict[str, object]", level) if isinstance(level, dict) else {}
        name = next((name for name in names if re.sub(r"\W", "_", name.lower()) == part), part)
        level = names.get(name)
        key.append(name)
    return tuple(key)
