"""Reads the catalog's files: the shipped ones, then the user's own."""

import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from xroute.catalog.book import Catalog
from xroute.catalog.entries import Model, Offer, Provider
from xroute.catalog.tables import read_models, read_provider
from xroute.errors import ConfigError

SHIPPED = cast(Path, files("xroute.catalog"))  # hatchling installs plain files, so this is a path


def load(folders: Sequence[Path] = ()) -> Catalog:
    """The shipped data and that of `folders`, each with `providers/` and `models/`; a later one overrides.

    A provider or model replaces the one of the same id whole; offers add up, and the later of the
    same provider and model wins. ConfigError names the file and the key of what is wrong.
    """
    shelf = _Shelf()
    for folder in (SHIPPED, *folders):
        shelf.add(folder)
    return Catalog(shelf.providers.values(), shelf.models.values(), shelf.offers)


class _Shelf:
    """What has been read so far, and where each thing stood."""

    def __init__(self) -> None:
        self.providers: dict[str, Provider] = {}
        self.models: dict[str, Model] = {}
        self.offers: list[Offer] = []

    def add(self, folder: Path) -> None:
        """One folder's files; within a folder nothing may be said twice."""
        for path, table in _tables(folder / "providers"):
            provider = read_provider(table, path.stem, str(path))
            self.providers[provider.id] = provider
        placed: dict[str, str] = {}
        offers: list[tuple[Offer, str]] = []
        for path, table in _tables(folder / "models"):
            batch = read_models(table, str(path))
            for model in batch.models:
                _claim(model, placed, str(path))
                self.models.pop(model.id, None)  # the later one's aliases win, so it goes to the end
                self.models[model.id] = model
            offers += [(offer, str(path)) for offer in batch.offers]
        self._check_links(placed)
        for offer, where in offers:
            self._check_offer(offer, where)
            self.offers.append(offer)

    def _check_links(self, placed: dict[str, str]) -> None:
        for model in self.models.values():
            for key in ("use_instead", "snapshot_of"):
                target = getattr(model, key)
                if target and target not in self.models:
                    where = f"{placed.get(model.id, '')} model[{model.id}].{key}"
                    raise ConfigError(f"{target!r} is no known model", where)

    def _check_offer(self, offer: Offer, where: str) -> None:
        if offer.provider not in self.providers:
            place = f"{where} model[{offer.model}].on.{offer.provider}"
            raise ConfigError(f"{offer.provider!r} is no known provider", place)
        if offer.model not in self.models:
            place = f"{where} offers.{offer.provider}.{offer.model}"
            raise ConfigError(f"{offer.model!r} is no known model", place)


def _claim(model: Model, placed: dict[str, str], where: str) -> None:
    """Each id and alias of one folder belongs to one model."""
    for name in (model.id, *model.aliases):
        if name in placed:
            raise ConfigError(
                f"{name!r} already means a model in {placed[name]}", f"{where} model[{model.id}]"
            )
        placed[name] = where


def _tables(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.toml")):
        try:
            yield path, tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as broken:
            raise ConfigError(f"cannot be read: {broken}", str(path)) from None
