"""Every deployment that can be called, found by any name a client may use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from xroute.catalog.book import Catalog, Resolved
from xroute.catalog.entries import Model, Offer
from xroute.config.settings import PartialTimeouts, RouteSettings, Settings
from xroute.errors import NotFound
from xroute.gateway import operations
from xroute.gateway.hosts import ANY, Host
from xroute.money.book import PriceBook
from xroute.money.price import Price
from xroute.routing.breaker import BreakerRules
from xroute.routing.deployment import Credential, Deployment, Health
from xroute.routing.preferences import Strategy
from xroute.upstream.auth import model_target
from xroute.wire.http import Timeouts

MAX_LINEUPS = 4096  # names remembered; every client may write them in its own way

_SUFFIXES: dict[str, Strategy] = {"floor": "price", "nitro": "throughput"}


@dataclass(frozen=True, slots=True)
class Lineup:
    """What a name stands for: deployments model by model, and how a route orders them."""

    groups: tuple[tuple[Deployment, ...], ...]
    strategy: Strategy | None = None  # None = as configured
    timeouts: PartialTimeouts | None = None


class Fleet:
    """Deployments are made when a model is first asked for, and keep their health through `update`."""

    def __init__(
        self, settings: Settings, catalog: Catalog, hosts: Iterable[Host], prices: PriceBook
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.prices = prices
        self.hosts: dict[str, Host] = {host.provider.id: host for host in hosts}
        self.base_timeouts = Timeouts(**settings.timeouts.model_dump())
        self._rules = BreakerRules(**settings.routing.breaker.model_dump())
        self._credentials: dict[str, Credential] = {}
        self._made: dict[str, Deployment] = {}
        self._by_model: dict[str, tuple[Deployment, ...]] = {}
        self._lineups: dict[str, Lineup] = {}
        self._own = _by_model(settings, catalog)
        self.version = 0  # counts updates, for those who keep something made from the fleet

    def update(self, catalog: Catalog, hosts: Iterable[Host]) -> None:
        """Takes a new catalog and new hosts; deployments that stay keep their health."""
        self.catalog = catalog
        self.hosts = {host.provider.id: host for host in hosts}
        self._own = _by_model(self.settings, catalog)
        self.version += 1
        self._by_model = {}
        self._lineups = {}

    def lineup(self, name: str) -> Lineup:
        """What a model name stands for; NotFound says what is near, or which key is missing."""
        found = self._lineups.get(name)
        if found is None:
            found = self._find(name)
            if len(self._lineups) < MAX_LINEUPS:
                self._lineups[name] = found
        return found

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        """Every deployment of a model, one for each provider in use and credential."""
        found = self._by_model.get(model_id)
        if found is None:
            model = self.catalog.models[model_id]
            offers = self.catalog.offers(model_id)
            found = tuple(d for offer in offers for d in self._deploy(model, offer))
            self._by_model[model_id] = found
        return found

    def served(self) -> list[Model]:
        """Models that can be called now."""
        return [
            m for m in self.catalog.models.values() if any(self._usable(o) for o in self.catalog.offers(m.id))
        ]

    def made(self) -> Sequence[Deployment]:
        """Deployments that calls have been planned for so far: those with a health to show."""
        return list(self._made.values())

    def price(self, deployment: Deployment) -> Price | None:
        """The price now: some change with the hour or the date."""
        if not deployment.is_timed:
            return deployment.price
        deployment.price = self.prices.price(deployment.provider, deployment.upstream, deployment.model)
        return deployment.price

    def _find(self, name: str) -> Lineup:
        """A route by its name, a name with a suffix, or a model, for which a route of its id may hold."""
        route = self.settings.models.get(name)
        if route is not None and route.fallback:
            return self._route(name, route)
        base, _, suffix = name.rpartition(":")
        if suffix in _SUFFIXES and not _has_suffix(base) and self.catalog.resolve(name) is None:
            return replace(self.lineup(base), strategy=_SUFFIXES[suffix])
        resolved = self.catalog.resolve(name)
        if resolved is None:
            raise self._unknown(name)
        own = self._own.get(resolved.model.id)
        if own is not None and own[1].fallback and resolved.provider is None:
            return self._route(*own)
        group = self._group(resolved)
        if not group:
            raise self._unserved(name, [name])
        return Lineup((group,), own[1].strategy, own[1].timeouts) if own else Lineup((group,))

    def _route(self, name: str, route: RouteSettings) -> Lineup:
        found = [resolved for wanted in route.fallback if (resolved := self.catalog.resolve(wanted))]
        groups = tuple(group for resolved in found if (group := self._group(resolved)))
        if not groups:
            raise self._unserved(name, route.fallback)
        return Lineup(groups, route.strategy, route.timeouts)

    def _group(self, resolved: Resolved) -> tuple[Deployment, ...]:
        """The deployments of a model, or those of one provider where the name pins it."""
        found = self.deployments(resolved.model.id)
        if resolved.provider is None:
            return found
        return tuple(d for d in found if d.provider == resolved.provider)

    def _usable(self, offer: Offer) -> bool:
        host = self.hosts.get(offer.provider)
        return host is not None and not host.problem

    def _deploy(self, model: Model, offer: Offer) -> list[Deployment]:
        """One deployment for each credential of the provider."""
        if not self._usable(offer):
            return []
        host = self.hosts[offer.provider]
        return [
            self._made.get(id_) or self._make(id_, model, offer, host, place)
            for place in range(len(host.keys))
            if (id_ := f"{model.id}@{offer.provider}" + (f"#{place + 1}" if len(host.keys) > 1 else ""))
        ]

    def _make(self, id_: str, model: Model, offer: Offer, host: Host, place: int) -> Deployment:
        provider = host.provider
        name, key, weight = host.keys[place]
        signer = host.signers[place]
        sent = None if signer else key
        context, output = offer.limits(model)
        dialect = offer.dialect or provider.dialect
        paths = operations.paths(dialect, provider, offer.upstream)
        credential_id = f"{provider.id}/{name}"
        credential = self._credentials.get(credential_id) or Credential(credential_id, weight, self._rules)
        self._credentials[credential_id] = credential
        made = Deployment(
            id=id_,
            provider=provider.id,
            model=model.id,
            upstream=offer.upstream,
            dialect=dialect,
            targets={
                operation: model_target(provider, path, offer.upstream, sent, host.variables)
                for operation, path in paths.items()
            },
            operations=operations.of_model(model, offer.without) & paths.keys(),
            refused=operations.refused(dialect, provider.quirks),
            signer=signer,
            credential=credential,
            health=Health(self._rules),
            price=self.prices.price(provider.id, offer.upstream, model.id),
            family=model.family or model.maker,
            context=context,
            output=output,
            abilities=None if model.abilities == ANY else model.abilities - offer.without,
            weight=host.settings.weight,
            is_timed=self.prices.is_timed(provider.id, offer.upstream),
            quirks=provider.quirks,
            timeouts=with_changes(self.base_timeouts, host.settings.timeouts),
        )
        self._made[id_] = made
        return made

    def _unknown(self, name: str) -> NotFound:
        shown = name[:100]
        near = self.catalog.near(name)
        text = f"No model `{shown}` is known." + (f" Did you mean {', '.join(near)}?" if near else "")
        return NotFound(
            text, code="model_not_found", param="model", metadata={"near": near} if near else None
        )

    def _unserved(self, name: str, wanted: Sequence[str]) -> NotFound:
        """The model is known and nobody in use serves it: say whose key would do."""
        ways: list[str] = []
        for item in wanted:
            resolved = self.catalog.resolve(item)
            if resolved is None:
                continue
            if resolved.model.retired and resolved.model.use_instead:
                text = f"`{item}` was retired on {resolved.model.retired}; use {resolved.model.use_instead}."
                return NotFound(text, code="model_deprecated", param="model")
            offers = self.catalog.offers(resolved.model.id)
            ways += [self._way(o) for o in offers if resolved.provider in (None, o.provider)]
        hint = "; ".join(dict.fromkeys(ways)) or "no provider of the catalog serves it"
        return NotFound(
            f"No configured provider serves `{name}`. Providers that do: {hint}.",
            code="no_endpoints",
            param="model",
        )

    def _way(self, offer: Offer) -> str:
        provider = self.catalog.providers[offer.provider]
        return f"{provider.id} (set {provider.env[0]})" if provider.env else provider.id


def _has_suffix(name: str) -> bool:
    return name.rpartition(":")[2] in _SUFFIXES


def _by_model(settings: Settings, catalog: Catalog) -> dict[str, tuple[str, RouteSettings]]:
    """Sections of `models` that stand under a model's own name, by its id: they hold for its aliases too."""
    found = ((name, route, catalog.resolve(name)) for name, route in settings.models.items())
    return {known.model.id: (name, route) for name, route, known in found if known and not known.provider}


def with_changes(base: Timeouts, changes: PartialTimeouts | Mapping[str, float] | None) -> Timeouts:
    """Timeouts with those named over them."""
    if not changes:
        return base
    named = changes.changes() if isinstance(changes, PartialTimeouts) else dict(changes)
    return replace(base, **named) if named else base
