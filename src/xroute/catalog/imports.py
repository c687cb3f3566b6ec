"""Brings providers and models of a models.dev document into the user's own folder: planned, shown, undoable.

The document is the `api.json` of models.dev ({provider: {id, name, api, env, npm, doc, models}}) or
the same under a `providers` key. Nothing is fetched here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xroute.catalog import toml
from xroute.catalog.book import Catalog
from xroute.catalog.tables import DATE, read_models, read_provider
from xroute.errors import ConfigError

FILE = "models-dev-{}.toml"  # the models of the first import, the second, ...
MARK = "# Imported from models.dev. `xroute catalog revert` takes the last import back.\n"
BACKUP = ".before-import"
UNKNOWN = "other"  # the maker of a model whose name does not say it
# SDK families whose wire is OpenAI's chat completions: https://models.dev, read 2026-11-21.
FAMILIES = frozenset({"@ai-sdk/openai-compatible", "@ai-sdk/openai"})
MODALITIES = {"text": "text", "image": "image", "audio": "audio", "video": "video", "pdf": "file"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Import:
    """What an import would add; `skipped` says what was left out, and why."""

    providers: Mapping[str, Table]  # id -> the provider's table
    models: tuple[Table, ...]  # [[model]] tables, each with its offers under "on"
    offers: Mapping[str, Mapping[str, str]]  # new provider -> our model id -> the provider's name for it
    skipped: Mapping[str, str]  # provider -> reason

    def diff(self) -> str:
        """What would be new, one line each, and a count; shown before anything is written."""
        lines = [
            f"+ provider {name}: {table['base_url']}, key from {', '.join(table['env']) or 'the config'}"
            for name, table in self.providers.items()
        ]
        for model in self.models:
            size = f", {model['context']} tokens" if "context" in model else ""
            lines.append(f"+ model {model['id']}{size}, on {', '.join(model['on'])}")
        for provider, served in self.offers.items():
            lines += [f"+ offer {provider} serves {model} as {name}" for model, name in served.items()]
        lines += [f"  left out {name}: {reason}" for name, reason in self.skipped.items()]
        count = sum(len(served) for served in self.offers.values())
        lines.append(f"{len(self.providers)} providers, {len(self.models)} models, {count} further offers")
        return "\n".join(lines)

    def apply(self, folder: Path) -> Path:
        """Writes the files and returns the one of the models; `revert` brings back what stood there.

        An earlier import stays beside it, unless this one has a provider of it again: then it was
        planned without that one, and takes its place.
        """
        if not self.providers:
            raise ConfigError("there is nothing to import")
        models = folder / "models" / FILE.format(len(list((folder / "models").glob(FILE.format("*")))) + 1)
        contents = {models: MARK + toml.dumps(self.document())}
        for name, table in self.providers.items():
            contents[folder / "providers" / f"{name}.toml"] = MARK + toml.dumps(table)
        _forbid_overwriting(contents)
        _back_up(folder)
        if any(path.exists() for path in contents):
            for path in _ours(folder):
                path.unlink()
        for path, text in contents.items():
            _write(path, text)
        return models

    def document(self) -> Table:
        """The file of the models, as it will be written."""
        document: Table = {"source": "https://models.dev"}
        if self.models:
            document["model"] = list(self.models)
        if self.offers:
            document["offers"] = self.offers
        return document


def plan_import(data: Mapping[str, Any], catalog: Catalog) -> Import:
    """What the document has and `catalog` lacks: OpenAI-compatible providers with an http(s) address.

    Every entry is checked as a file of the user would be. ConfigError if the document is none of
    models.dev, or if an entry of it cannot be used.
    """
    plan = _Plan(catalog)
    for name, entry in _providers(data):
        plan.add(name, entry)
    result = Import(plan.providers, tuple(plan.models.values()), plan.offers, plan.skipped)
    _check(result, catalog)
    return result


def revert(folder: Path) -> bool:
    """Undoes the last import: its files go, those before it come back. False if there was none."""
    kept = folder / BACKUP
    if not kept.is_dir():
        return False
    for path in _ours(folder):
        path.unlink()
    for path in sorted(kept.rglob("*.toml")):
        _write(folder / path.relative_to(kept), path.read_text("utf-8"))
    _remove(kept)
    return True


class _Plan:
    """Collects; a model that several new providers serve is one model with several offers."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        # A key is only ever sent to the host it was made for, so no variable serves two providers.
        self.taken = {variable for provider in catalog.providers.values() for variable in provider.env}
        self.addresses = {provider.base_url for provider in catalog.providers.values()}
        self.providers: dict[str, Table] = {}
        self.models: dict[str, Table] = {}
        self.offers: dict[str, dict[str, str]] = {}
        self.skipped: dict[str, str] = {}

    def add(self, name: str, entry: Table) -> None:
        """One provider with its models, unless there is a reason not to."""
        table = _provider(name, entry)
        if reason := self._reason(name, entry, table):
            self.skipped[name] = reason
            return
        table["env"] = [item for item in table["env"] if item not in self.taken]
        self.taken.update(table["env"])
        self.providers[name] = table
        for upstream, model in _entries(entry.get("models"), f"{name}.models"):
            self._serve(name, upstream, model)

    def _reason(self, name: str, entry: Table, table: Table) -> str:
        if name in self.catalog.providers or table["base_url"] in self.addresses:
            return "known already"
        if not _ID.fullmatch(name):
            return "its id cannot be a file name"
        if entry.get("npm") not in FAMILIES:
            return f"not OpenAI-compatible ({entry.get('npm')})"
        if not table["base_url"].startswith(("https://", "http://")):
            return "has no http(s) address"
        return ""

    def _serve(self, provider: str, upstream: str, entry: Table) -> None:
        """An offer of a known model, or one of a model that this import adds.

        Equal names at several providers are taken for one model; only what answers in text counts.
        """
        if "text" not in _texts(_mapping(entry.get("modalities")).get("output")):
            return
        named = str(entry.get("base_model") or upstream)
        short = named.rpartition("/")[2].lower()
        found = self.catalog.resolve(named) or self.catalog.resolve(short)
        if found:
            self.offers.setdefault(provider, {}).setdefault(found.model.id, upstream)
            return
        maker = named.partition("/")[0].lower() if "/" in named else UNKNOWN
        model = self.models.setdefault(short, _model(maker, short, entry))
        model["on"].setdefault(provider, upstream)


def _provider(name: str, entry: Table) -> Table:
    """The table of a provider's file; "${VAR}" in an address becomes a placeholder of ours."""
    address = entry.get("api") or ""
    variables = _VARIABLE.findall(address) if isinstance(address, str) else []
    url = _VARIABLE.sub(lambda found: "{" + found[1].lower() + "}", str(address))
    keys = [item for item in _texts(entry.get("env")) if item not in variables]
    table: Table = {
        "name": str(entry.get("name") or name),
        "base_url": url.rstrip("/").removesuffix("/chat/completions"),
        "env": keys,
        "source": str(entry.get("doc") or "https://models.dev"),
    }
    if variables:
        table["vars"] = {item.lower(): item for item in variables}
    return table


def _model(maker: str, short: str, entry: Table) -> Table:
    limits, kinds = _mapping(entry.get("limit")), _mapping(entry.get("modalities"))
    table: Table = {"id": f"{maker}/{short}", "maker": maker, "name": str(entry.get("name") or short)}
    for key in ("context", "output"):
        if isinstance(limits.get(key), int) and limits[key] > 0:
            table[key] = limits[key]
    for key in ("input", "output"):
        table[f"{key}_modalities"] = [
            MODALITIES[item] for item in _texts(kinds.get(key)) if item in MODALITIES
        ]
    table["abilities"] = list(_abilities(entry))
    for key, ours in (("release_date", "released"), ("knowledge", "knowledge")):
        if isinstance(entry.get(key), str) and DATE.fullmatch(entry[key]):
            table[ours] = entry[key]
    table["open_weights"] = entry.get("open_weights") is True
    table["on"] = {}
    return table


def _abilities(entry: Table) -> Iterator[str]:
    if entry.get("tool_call") is True:
        yield "tools"
    if entry.get("structured_output") is True:
        yield from ("json_mode", "json_schema")
    if entry.get("reasoning") is True:
        yield "reasoning"
    if _mapping(entry.get("cost")).get("cache_read"):
        yield "caching"


def _check(result: Import, catalog: Catalog) -> None:
    """Reads what would be written as the loader will, so that a bad entry is found before it is a file."""
    providers = [read_provider(table, name, f"models.dev {name}") for name, table in result.providers.items()]
    document = result.document()
    batch = read_models(document, "models.dev")
    taken = {alias for model in batch.models for alias in model.aliases}
    if len(taken) < sum(len(model.aliases) for model in batch.models):
        raise ConfigError("two models have the same short name", "models.dev")
    catalog.extended(providers, batch.models, batch.offers)


def _providers(data: Mapping[str, Any]) -> Iterator[tuple[str, Table]]:
    inner = data.get("providers", data)
    found = list(_entries(inner, "providers"))
    if not any("models" in entry for _, entry in found):
        raise ConfigError("this is no models.dev document: no provider with models", "models.dev")
    return iter(found)


def _entries(value: Any, where: str) -> Iterator[tuple[str, Table]]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"needs an object, not {type(value).__name__}", f"models.dev {where}")
    for name, entry in sorted(cast(Mapping[str, Any], value).items()):
        if not isinstance(entry, dict):
            raise ConfigError(f"needs an object, not {type(entry).__name__}", f"models.dev {where}.{name}")
        yield name, cast(Table, entry)


def _mapping(value: Any) -> Table:
    return cast(Table, value) if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return (
        [item for item in cast(list[Any], value) if isinstance(item, str)] if isinstance(value, list) else []
    )


def _ours(folder: Path) -> list[Path]:
    """The files of an earlier import, known by their first line: the user's own are never touched."""
    paths = (path for room in ("providers", "models") for path in sorted((folder / room).glob("*.toml")))
    return [path for path in paths if path.read_text("utf-8").startswith(MARK)]


def _forbid_overwriting(contents: Mapping[Path, str]) -> None:
    for path in contents:
        if path.exists() and not path.read_text("utf-8").startswith(MARK):
            raise ConfigError("is a file of your own: move it away first", str(path))


def _back_up(folder: Path) -> None:
    kept = folder / BACKUP
    if kept.is_dir():
        _remove(kept)
    kept.mkdir(parents=True)
    for path in _ours(folder):
        _write(kept / path.relative_to(folder), path.read_text("utf-8"))


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(text, "utf-8")
    draft.replace(path)
