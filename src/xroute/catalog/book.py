"""The catalog in memory: every name leads to its model in one dictionary look-up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType

from xroute.catalog.entries import Model, Offer, Provider
from xroute.errors import ConfigError

LONGEST_NAME = 128  # characters; nothing longer is compared when looking for near names


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name means; `provider` is set where the name says who must serve it."""

    model: Model
    provider: str | None = None


class Catalog:
    """Providers, models and offers. It never changes: `extended` makes a new one."""

    __slots__ = ("_folded", "_names", "_offers", "models", "providers")

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]

    def __init__(
        self,
        providers: Iterable[Provider] = (),
        models: Iterable[Model] = (),
        offers: Iterable[Offer] = (),
    ) -> None:
        """A later entry replaces an earlier one of the same id; offers to unknown ones are a ConfigError."""
        self.providers = MappingProxyType({provider.id: provider for provider in providers})
        self.models = MappingProxyType(_latest(models))
        self._offers = self._grouped(offers)
        self._names = self._index()
        self._folded: dict[str, str] = {}
        for name in self._names:
            self._folded.setdefault(name.casefold(), name)

    def offers(self, model_id: str) -> tuple[Offer, ...]:
        """Who serves the model, in the order of the files; empty for an unknown or unserved one."""
        return self._offers.get(model_id, ())

    def resolve(self, name: str) -> Resolved | None:
        """An id, an alias, or a provider with its own or our name for the model ("groq/gpt-oss-120b")."""
        found = self._names.get(name) or self._pinned(name)
        if found is None and (known := self._folded.get(name.casefold())):
            found = self._names[known]
        return found or self._pinned(name.casefold())

    def near(self, name: str, limit: int = 5) -> list[str]:
        """Names most like an unknown one, for an error's text; nothing for an absurdly long one."""
        if not name or len(name) > LONGEST_NAME:
            return []
        wanted = name.casefold()
        close = get_close_matches(wanted, self._close_in_length(wanted), n=4 * limit, cutoff=0.6)
        nearest: dict[str, None] = {}
        for item in close:
            nearest.setdefault(self._folded[item])
        return list(nearest)[:limit]

    def extended(
        self,
        providers: Iterable[Provider] = (),
        models: Iterable[Model] = (),
        offers: Iterable[Offer] = (),
    ) -> "Catalog":
        """A new catalog with these added; one of the same id, or of the same provider and model, wins."""
        return Catalog(
            (*self.providers.values(), *providers),
            (*self.models.values(), *models),
            (*(offer for group in self._offers.values() for offer in group), *offers),
        )

    def _close_in_length(self, wanted: str) -> list[str]:
        """Ids and aliases whose length allows a likeness of 0.6: keeps the comparison short."""
        low, high = len(wanted) * 0.43, len(wanted) * 2.34
        names = (item for model in self.models.values() for item in (model.id, *model.aliases))
        return [folded for name in names if low <= len(folded := name.casefold()) <= high]

    def _pinned(self, name: str) -> Resolved | None:
        """A provider with our name for a model that it serves."""
        provider, _, rest = name.partition("/")
        if provider not in self.providers or not (found := self._names.get(rest)):
            return None
        serves = any(offer.provider == provider for offer in self.offers(found.model.id))
        return Resolved(found.model, provider) if serves else None

    def _grouped(self, offers: Iterable[Offer]) -> dict[str, tuple[Offer, ...]]:
        groups: dict[str, dict[str, Offer]] = {}
        for offer in offers:
            if offer.provider not in self.providers:
                raise ConfigError(
                    f"{offer.model} is offered by {offer.provider!r}, which is no known provider"
                )
            if offer.model not in self.models:
                raise ConfigError(f"{offer.provider} offers {offer.model!r}, which is no known model")
            groups.setdefault(offer.model, {})[offer.provider] = self._as_served(offer)
        return {model: tuple(group.values()) for model, group in groups.items()}

    def _as_served(self, offer: Offer) -> Offer:
        """The offer without what its provider's serving lacks for every model."""
        lacking = self.providers[offer.provider].without
        return replace(offer, without=offer.without | lacking) if lacking - offer.without else offer

    def _index(self) -> dict[str, Resolved]:
        """Weakest names first: a provider's own name for a model, then aliases, then ids."""
        names: dict[str, Resolved] = {}
        for model in self.models.values():
            for offer in self.offers(model.id):
                names.setdefault(f"{offer.provider}/{offer.upstream}", Resolved(model, offer.provider))
        for model in self.models.values():
            names.update(dict.fromkeys(model.aliases, Resolved(model)))
        names.update((model.id, Resolved(model)) for model in self.models.values())
        return names


def _latest(models: Iterable[Model]) -> dict[str, Model]:
    """By id; a replaced model moves to the end, so that its aliases win."""
    latest: dict[str, Model] = {}
    for model in models:
        latest.pop(model.id, None)
        latest[model.id] = model
    return latest
