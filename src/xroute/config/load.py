"""The settings of a run: defaults < file < environment < command line, and where each came from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from xroute.config import environ as environment
from xroute.config import layers
from xroute.config.problem import Key, Problem, as_error, dotted
from xroute.config.settings import Part, Settings
from xroute.config.shape import is_quotable, kind_at
from xroute.config.wording import wording
from xroute.errors import ConfigError

FILE = "xroute.yaml"
DEFAULT = "default"
_OF_NAMES = frozenset({"string_pattern_mismatch", "string_too_short"})  # pydantic adds "[key]" to their place
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what a person wants to know about them."""

    settings: Settings
    origins: dict[str, str]  # dotted key -> "default", "xroute.yaml:12", "XROUTE_PORT", "--port"
    path: Path | None  # the file, if there was one
    environ: Mapping[str, str] = field(repr=False)  # where the providers' keys and placeholders are
    found: dict[str, str] = field(default_factory=dict[str, str])  # provider -> the variable with its key
    places: dict[str, str] = field(default_factory=dict[str, str], repr=False)  # origins, sections included

    def with_found(self, provider_envs: Mapping[str, tuple[str, ...]]) -> "Loaded":
        """The same, with the providers of a catalog whose keys are in the environment."""
        return replace(self, found=environment.found_providers(provider_envs, self.environ))

    def locate(self, error: ConfigError) -> ConfigError:
        """The same error, with file and line before the key if these settings have that key."""
        place = self.places.get(error.where)
        if place is None:
            return error
        text = error.message.removeprefix(f"{error.where}: ")
        return ConfigError(text, where=f"{place} {error.where}")

    @property
    def state_dir(self) -> Path:
        """Where created keys are kept; always absolute."""
        return _absolute(self.settings.state_dir or environment.folders(self.environ)["state_dir"], self)

    @property
    def catalog_dir(self) -> Path:
        """The user's own providers and models; always absolute."""
        return _absolute(self.settings.catalog_dir or environment.folders(self.environ)["catalog_dir"], self)

    @property
    def master_key_file(self) -> Path | None:
        """The configured file with the master key, if there is one; always absolute."""
        named = self.settings.master_key_file
        return _absolute(named, self) if named else None

    @property
    def bodies_dir(self) -> Path:
        """Where kept requests and answers are; always absolute."""
        named = self.settings.bodies.folder
        return _absolute(named, self) if named else self.state_dir / "bodies"


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] = _NONE) -> Loaded:
    """Reads the settings; ConfigError with every problem that the sources have, one per line.

    Without `path` the file is the one `XROUTE_CONFIG` names, else ./xroute.yaml if it is there.
    `overrides` are the command line's, by dotted key; those that are None were not given.
    """
    path = path or _file(environ)
    file = layers.of_file(path, environ) if path else layers.Layer()
    stack = [
        layers.of_defaults(environ),
        file,
        layers.of_environment(environ, file.data),
        layers.of_command(overrides),
    ]
    settings = _settings(stack)
    places = {dotted(key): source for layer in stack for key, source in layer.sources.items()}
    return Loaded(settings, _origins(settings, stack), path, environ, places=places)


def _file(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("XROUTE_CONFIG"):
        return Path(named)
    return Path(FILE) if Path(FILE).is_file() else None


def _settings(stack: list[layers.Layer]) -> Settings:
    problems = [problem for layer in stack for problem in layer.problems]
    try:
        settings = Settings.model_validate(layers.merge(stack))
    except ValidationError as failed:
        problems += [_problem(each, stack) for each in failed.errors(include_url=False)]
    else:
        if not problems:
            return settings
    raise as_error(problems) from None  # pydantic's own text could quote what must not be seen


def _problem(details: ErrorDetails, stack: list[layers.Layer]) -> Problem:
    key: Key = details["loc"]
    if key[-1:] == ("[key]",) and details["type"] in _OF_NAMES:
        key = key[:-1]
    known = key[:-1] if details["type"] == "missing" else key
    layer, near = _nearest(stack, known)
    may_quote = is_quotable(kind_at(key)) and near not in layer.hidden
    text = wording(details, key, may_quote=may_quote)
    return Problem(key, text, layer.sources.get(near, ""), layer.lines.get(near, 0))


def _nearest(stack: list[layers.Layer], key: Key) -> tuple[layers.Layer, Key]:
    """The last layer that has a key, or the nearest one above it."""
    for length in range(len(key), 0, -1):
        for layer in reversed(stack):
            if key[:length] in layer.sources:
                return layer, key[:length]
    return layers.Layer(), ()


def _origins(settings: Settings, stack: list[layers.Layer]) -> dict[str, str]:
    """For every value in use, the source that gave it."""
    given = layers.merge(stack)
    return {dotted(key): _origin(key, stack, given) for key, _ in leaves(settings)}


def _origin(key: Key, stack: list[layers.Layer], given: Mapping[str, Any]) -> str:
    if not _is_given(key, given):
        return DEFAULT
    return next((layer.sources[key] for layer in reversed(stack) if key in layer.sources), DEFAULT)


def _is_given(key: Key, given: Any) -> bool:
    for part in key:
        try:
            given = given[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def leaves(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every value in the settings with its key: the ones of lists and mappings too, secrets masked."""
    inner: Iterable[tuple[str | int, Any]]
    if isinstance(value, Part):
        inner = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict) and value:
        inner = cast("dict[str, Any]", value).items()
    elif isinstance(value, list) and value:
        inner = enumerate(cast("list[Any]", value))
    else:
        yield key, value
        return
    for part, item in inner:
        yield from leaves(item, (*key, part))


def _absolute(path: Path, loaded: Loaded) -> Path:
    """`~` is the user's home; a relative path of a file is relative to that file."""
    if path.parts[:1] == ("~",):
        path = environment.home(loaded.environ).joinpath(*path.parts[1:])
    return (loaded.path.parent if loaded.path else Path()).joinpath(path).absolute()
