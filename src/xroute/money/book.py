"""Which price applies: the config's, else the one genai-prices has, else none: unknown, never 0."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from xroute.catalog.book import Catalog
from xroute.money.nano import from_dollars
from xroute.money.price import FREE, Price, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

# Service tiers with prices of their own; what else a client writes is no other price.
TIERS = frozenset({"flex", "priority", "fast"})
KEEP_S = 60.0  # how long a time-dependent price (off-peak hours) is reused


class Override(Protocol):
    """A price of the config, USD per million tokens; None = as it was without the override."""

    @property
    def input(self) -> Decimal | None: ...
    @property
    def output(self) -> Decimal | None: ...
    @property
    def cached_input(self) -> Decimal | None: ...
    @property
    def cache_write(self) -> Decimal | None: ...
    @property
    def reasoning(self) -> Decimal | None: ...
    @property
    def audio_in(self) -> Decimal | None: ...
    @property
    def audio_out(self) -> Decimal | None: ...
    @property
    def image_in(self) -> Decimal | None: ...
    @property
    def image_out(self) -> Decimal | None: ...
    @property
    def request(self) -> Decimal | None: ...
    @property
    def search(self) -> Decimal | None: ...
    @property
    def cache_write_1h(self) -> Decimal | None: ...
    @property
    def source(self) -> str: ...


class PriceBook:
    """Prices by (provider, the provider's name for a model). Looking one up never does I/O."""

    def __init__(
        self,
        catalog: Catalog,
        overrides: Mapping[str, Override] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalog = catalog
        self._overrides = {_key(catalog, name): (name, o) for name, o in (overrides or {}).items()}
        self._now = now
        self._silent = _silent(catalog)
        self._kept: dict[tuple[str, str, str], tuple[Price | None, datetime | None]] = {}

    def price(self, provider: str, upstream: str, model: str, tier: str = "") -> Price | None:
        """None = unknown. `tier` is OpenAI's `service_tier`; one without a price has the standard one.

        An override may name the model, by any of its names ("openai/gpt-4o", "gpt-4o"),
        or, stronger, one provider's serving of it ("groq/llama-3.3-70b-versatile")."""
        price = self._listed(provider, upstream, tier)
        for key in (f"{provider}/{upstream}", f"{provider}/{model}", model):
            if (found := self._overrides.get(key.lower())) is not None:
                return _override(price, *found)
        return price

    def is_timed(self, provider: str, upstream: str) -> bool:
        """Whether the listed price changes with the hour or the date."""
        self._listed(provider, upstream)
        return self._kept[provider, upstream, ""][1] is not None

    def _listed(self, provider: str, upstream: str, tier: str = "") -> Price | None:
        key = (provider, upstream, tier if tier in TIERS else "")
        kept = self._kept.get(key)
        if kept is not None and (kept[1] is None or (self._now() - kept[1]).total_seconds() < KEEP_S):
            return kept[0]
        price, changes = self._look_up(*key)
        self._kept[key] = (price, self._now() if changes else None)
        return price

    def _look_up(self, provider: str, upstream: str, tier: str) -> tuple[Price | None, bool]:
        """The price, and whether it depends on the time of day or the date."""
        entry = self._catalog.providers.get(provider)
        if entry is None:
            return None, False
        if entry.local:
            return FREE, False
        model = _find(entry.prices, upstream) if entry.prices else None
        if model is None:
            return None, False
        silent = (provider, upstream) in self._silent
        context = {"service_tier": tier} if tier else None
        return _of_genai(model.get_prices(self._now(), context), silent), isinstance(model.prices, list)


def _key(catalog: Catalog, name: str) -> str:
    """What an override is found by: the model's id, with the provider before it if the name says one."""
    resolved = catalog.resolve(name)
    if resolved is None:
        return name.lower()
    id_ = resolved.model.id if resolved.provider is None else f"{resolved.provider}/{resolved.model.id}"
    return id_.lower()


_providers: dict[str, "Provider"] = {}


def _find(provider_id: str, upstream: str) -> "ModelInfo | None":
    if not _providers:
        # Importing genai-prices takes 0.2 s, so only who asks for a price pays for it.
        from genai_prices.data_snapshot import get_snapshot

        _providers.update({p.id: p for p in get_snapshot().providers})
    provider = _providers.get(provider_id)
    if provider is None:
        return None
    return provider.find_model(upstream.lower(), all_providers=list(_providers.values()))


# Our field -> the unit's name in genai-prices.
_UNITS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_in": "input_audio_mtok",
    "audio_out": "output_audio_mtok",
    "image_in": "input_image_mtok",
    "image_out": "output_image_mtok",
}


def _silent(catalog: Catalog) -> frozenset[tuple[str, str]]:
    """(provider, its name for the model) of models that give no tokens: they have no price for output."""
    made = (model for model in catalog.models.values() if model.abilities & {"embeddings", "rerank"})
    return frozenset((o.provider, o.upstream) for model in made for o in catalog.offers(model.id))


def _of_genai(prices: "ModelPrice", silent: bool) -> Price | None:
    units: dict[str, Any] = {field: prices.__dict__.get(unit) for field, unit in _UNITS.items()}
    if silent and units["output"] is None:
        units["output"] = Decimal(0)
    if units["input"] is None or units["output"] is None:
        return None  # priced by other units (hours, pages, characters): not by tokens
    starts = sorted({tier.start for unit in units.values() for tier in getattr(unit, "tiers", ())})
    per_call, per_search = (prices.__dict__.get(f"{unit}_kcount") for unit in ("requests", "web_searches"))
    return Price(
        base=_rates(units, 0),
        tiers=tuple((start, _rates(units, start + 1)) for start in starts),
        request=from_dollars(per_call / 1000) if isinstance(per_call, Decimal) else 0,
        search=from_dollars(per_search / 1000) if isinstance(per_search, Decimal) else 0,
        source="genai-prices",
    )


def _rates(units: Mapping[str, Any], input_tokens: int) -> Rates:
    return Rates(**{field: _at(unit, input_tokens) for field, unit in units.items() if unit is not None})


def _at(unit: Any, input_tokens: int) -> int:
    """A unit's rate for an input of this length: plain, or with tiers."""
    price = unit if isinstance(unit, Decimal) else unit.base
    for tier in getattr(unit, "tiers", ()):
        if input_tokens > tier.start:
            price = tier.price
    return from_dollars(price)


def _override(price: Price | None, name: str, o: Override) -> Price | None:
    """A price with the named rates over it; unknown stays unknown until input and output are both known."""
    rates = {field: from_dollars(value) for field in _UNITS if (value := getattr(o, field)) is not None}
    if price is None:
        if not {"input", "output"} <= rates.keys():
            return None
        price = Price(Rates())
    return replace(
        price,
        base=replace(price.base, **rates),
        tiers=tuple((start, replace(tier, **rates)) for start, tier in price.tiers),
        request=price.request if o.request is None else from_dollars(o.request),
        search=price.search if o.search is None else from_dollars(o.search),
        source=o.source or f"config: prices.{name}",
    )
