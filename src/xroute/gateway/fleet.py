"""Every deployment that can be called, found by any name a client may use."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xroute.catalog.book import Catalog, Resolved
from xroute.catalog.entries import Model, Offer
from xroute.config.settings import PartialTimeouts, RouteSettings, Settings
from xroute.errors import NotFound
from xroute.gateway import operations
from xroute.gateway.hosts import ANY, Host
from xroute.money.book import TIERS, PriceBook
from xroute.money.price import Price
from xroute.routing.able import Able, Bar, find_able
from xroute.routing.breaker import BreakerRules
from xroute.routing.deployment import Credential, Deployment, Health
from xroute.routing.preferences import Strategy
from xroute.upstream.auth import model_target
from xroute.upstream.head import origin_of
from xroute.wire.http import Timeouts

MAX_LINEUPS = 4096  # names remembered; every client may write them in its own way
MAX_KINDS = 16  # of calls, for each of them
FOREVER = float("inf")

_SUFFIXES: dict[str, Strategy] = {"floor": "price", "nitro": "throughput"}


@dataclass(frozen=True, slots=True)
class Lineup:
    """What names stand for: deployments model by model, and how a route orders them."""

    groups: tuple[tuple[Deployment, ...], ...]
    strategy: Strategy | None = None  # None = as configured
    timeouts: PartialTimeouts | None = None
    total_s: float = FOREVER  # for the whole of a call that names no time itself
    owner: str = ""  # the workspace some of them belong to
    _able: dict[tuple[str, frozenset[str], Bar | None], Able] = field(
        init=False, default_factory=dict[tuple[str, frozenset[str], Bar | None], Able], compare=False
    )

    def able(self, operation: str, abilities: frozenset[str], bar: Bar | None) -> Able:
        """Who of them can and may take calls of a kind, worked out once: an update makes new lineups."""
        kind = (operation, abilities, bar)
        found = self._able.get(kind)
        if found is None:
            if len(self._able) >= MAX_KINDS:
                self._able.clear()
            found = self._able[kind] = find_able(self.groups, operation, abilities, self.owner, bar)
        return found


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
        self._made_for: dict[str, Host] = {}  # by deployment, where its credential is a stored one
        self._stored: dict[str, tuple[Host, ...]] = {}  # by provider: one host for each stored credential
        self._owners: frozenset[str] = frozenset()  # workspaces with credentials of their own
        self._by_model: dict[tuple[str, str], tuple[Deployment, ...]] = {}
        self._lineups: dict[tuple[tuple[str, ...], str], Lineup] = {}
        self._own = _by_model(settings, catalog)
        self.version = 0  # counts updates, for those who keep something made from the fleet

    def update(self, catalog: Catalog, hosts: Iterable[Host], stored: Sequence[Host] | None = None) -> None:
        """Takes a new catalog, new hosts, and those of the stored credentials if they are other ones.

        Deployments that stay keep their health. Those of a stored credential stay as long as its host is the
        same object.
        """
        self.catalog = catalog
        self.hosts = {host.provider.id: host for host in hosts}
        if stored is not None:
            self._take(stored)
        self._own = _by_model(self.settings, catalog)
        self.version += 1
        self._by_model = {}
        self._lineups = {}

    def _take(self, stored: Sequence[Host]) -> None:
        """The stored credentials as they are now; nothing is kept of those that are gone."""
        self._stored = {}
        for host in stored:
            self._stored[host.provider.id] = (*self._stored.get(host.provider.id, ()), host)
        self._owners = frozenset(host.workspace for host in stored if host.workspace)
        here = {id(host) for host in stored}
        gone = [(name, host) for name, host in self._made_for.items() if id(host) not in here]
        for name, host in gone:
            del self._made[name], self._made_for[name]
            self._credentials.pop(host.credential, None)

    def owner(self, workspace: str) -> str:
        """The workspace if it has credentials of its own, else "": for all those the fleet is the same."""
        return workspace if workspace in self._owners else ""

    def lineup(self, name: str, workspace: str = "") -> Lineup:
        """What a name stands for in a workspace; NotFound says what is near, or which key is missing."""
        return self.lineup_of((name,), workspace)

    def lineup_of(self, names: tuple[str, ...], workspace: str = "") -> Lineup:
        """What several names stand for, one after the other; strategy and timeouts are those of the first.

        One that nobody serves is passed over if another is served.
        """
        owner = workspace if workspace in self._owners else ""
        found = self._lineups.get((names, owner))
        if found is None:
            found = self._find(names[0], owner) if len(names) == 1 else self._join(names, owner)
            if len(self._lineups) < MAX_LINEUPS:
                self._lineups[names, owner] = found
        return found

    def deployments(self, model_id: str, workspace: str = "") -> tuple[Deployment, ...]:
        """Every deployment of a model that a workspace may use, one for each provider and credential."""
        owner = self.owner(workspace)
        found = self._by_model.get((model_id, owner))
        if found is None:
            model = self.catalog.models[model_id]
            offers = self.catalog.offers(model_id)
            found = tuple(d for offer in offers for d in self._deploy(model, offer, owner))
            if len(self._by_model) < MAX_LINEUPS:
                self._by_model[model_id, owner] = found
        return found

    def served(self, workspace: str = "") -> list[Model]:
        """Models that a workspace can call now."""
        owner, catalog = self.owner(workspace), self.catalog
        usable = {id_ for id_ in catalog.providers if any(not h.problem for h in self.hosts_of(id_, owner))}
        return [m for m in catalog.models.values() if any(o.provider in usable for o in catalog.offers(m.id))]

    def hosts_of(self, provider: str, owner: str = "") -> list[Host]:
        """What calls of a workspace may go to at a provider: with its own credentials, then with ours.

        Without ours where it wants no fallback, whatever becomes of its own.
        """
        stored = self._stored.get(provider, ())
        own = [host for host in stored if owner and host.workspace == owner]
        if any(not host.fallback for host in own):
            return own
        host = self.hosts.get(provider)
        return own + ([host] if host else []) + [host for host in stored if not host.workspace]

    def made(self, workspace: str = "") -> Sequence[Deployment]:
        """Deployments that calls have been planned for so far: ours, and those of a workspace."""
        return [d for d in self._made.values() if d.workspace in ("", workspace)]

    def secrets(self) -> list[str]:
        """Every credential in use, for those who take them out of what is written down."""
        stored = (host for hosts in self._stored.values() for host in hosts)
        return [key for host in (*self.hosts.values(), *stored) for _, key, _ in host.keys if key]

    def price(self, deployment: Deployment, tier: object = None) -> Price | None:
        """The price now, in a service tier: some change with the hour or the date."""
        if isinstance(tier, str) and tier in TIERS:
            return self.prices.price(deployment.provider, deployment.upstream, deployment.model, tier)
        if not deployment.is_timed:
            return deployment.price
        deployment.price = self.prices.price(deployment.provider, deployment.upstream, deployment.model)
        return deployment.price

    def _join(self, names: tuple[str, ...], owner: str) -> Lineup:
        found: list[Lineup] = []
        unserved: NotFound | None = None
        for name in names:
            try:
                found.append(self.lineup(name, owner))
            except NotFound as error:
                if error.code == "model_not_found":
                    raise
                unserved = unserved or error
        if unserved is not None and not found:
            raise unserved
        return replace(found[0], groups=tuple(group for lineup in found for group in lineup.groups))

    def _find(self, name: str, owner: str) -> Lineup:
        """A route by its name, a name with a suffix, or a model, for which a route of its id may hold."""
        route = self.settings.models.get(name)
        if route is not None and route.fallback:
            return self._route(name, route, owner)
        base, _, suffix = name.rpartition(":")
        if suffix in _SUFFIXES and not _has_suffix(base) and self.catalog.resolve(name) is None:
            return replace(self.lineup(base, owner), strategy=_SUFFIXES[suffix])
        resolved = self.catalog.resolve(name)
        if resolved is None:
            raise self._unknown(name)
        own = self._own.get(resolved.model.id)
        if own is not None and own[1].fallback and resolved.provider is None:
            return self._route(*own, owner)
        group = self._group(resolved, owner)
        if not group:
            raise self._unserved(name, [name], owner)
        return self._lineup((group,), own[1] if own else None, owner)

    def _route(self, name: str, route: RouteSettings, owner: str) -> Lineup:
        found = [resolved for wanted in route.fallback if (resolved := self.catalog.resolve(wanted))]
        groups = tuple(group for resolved in found if (group := self._group(resolved, owner)))
        if not groups:
            raise self._unserved(name, route.fallback, owner)
        return self._lineup(groups, route, owner)

    def _lineup(
        self, groups: tuple[tuple[Deployment, ...], ...], route: RouteSettings | None, owner: str
    ) -> Lineup:
        strategy, timeouts = (route.strategy, route.timeouts) if route else (None, None)
        total_s = with_changes(self.base_timeouts, timeouts).total
        return Lineup(groups, strategy, timeouts, total_s or FOREVER, owner)

    def _group(self, resolved: Resolved, owner: str) -> tuple[Deployment, ...]:
        """The deployments of a model, or those of one provider where the name pins it."""
        found = self.deployments(resolved.model.id, owner)
        if resolved.provider is None:
            return found
        return tuple(d for d in found if d.provider == resolved.provider)

    def _deploy(self, model: Model, offer: Offer, owner: str) -> list[Deployment]:
        """One deployment for each credential of the provider."""
        return [
            deployment
            for host in self.hosts_of(offer.provider, owner)
            if not host.problem
            for deployment in self._of_host(model, offer, host)
        ]

    def _of_host(self, model: Model, offer: Offer, host: Host) -> Iterator[Deployment]:
        for place in range(len(host.keys)):
            id_ = f"{model.id}@{offer.provider}"
            if host.credential:
                id_ += f"#{host.credential}"
            elif len(host.keys) > 1:
                id_ += f"#{place + 1}"
            made = self._made.get(id_) or self._make(id_, model, offer, host, place)
            if not host.origins or all(origin_of(t.url) in host.origins for t in made.targets.values()):
                yield made

    def _make(self, id_: str, model: Model, offer: Offer, host: Host, place: int) -> Deployment:
        provider = host.provider
        name, key, weight = host.keys[place]
        signer = host.signers[place]
        sent = None if signer else key
        context, output = offer.limits(model)
        dialect = offer.dialect or provider.dialect
        paths = operations.paths(dialect, provider, offer.upstream)
        credential_id = host.credential or f"{provider.id}/{name}"
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
            data=provider.data.of(model),
            local=provider.local,
            workspace=host.workspace,
            timeouts=with_changes(self.base_timeouts, host.settings.timeouts),
        )
        self._made[id_] = made
        if host.credential:
            self._made_for[id_] = host
        return made

    def _unknown(self, name: str) -> NotFound:
        shown = name[:100]
        near = self.catalog.near(name)
        text = f"No model `{shown}` is known." + (f" Did you mean {', '.join(near)}?" if near else "")
        return NotFound(
            text, code="model_not_found", param="model", metadata={"near": near} if near else None
        )

    def _unserved(self, name: str, wanted: Sequence[str], owner: str) -> NotFound:
        """The model is known and nobody in use serves it: say whose key would do, or is of no use."""
        ways: list[str] = []
        for item in wanted:
            resolved = self.catalog.resolve(item)
            if resolved is None:
                continue
            if resolved.model.retired and resolved.model.use_instead:
                text = f"`{item}` was retired on {resolved.model.retired}; use {resolved.model.use_instead}."
                return NotFound(text, code="model_deprecated", param="model")
            offers = self.catalog.offers(resolved.model.id)
            ways += [self._way(o, owner) for o in offers if resolved.provider in (None, o.provider)]
        hint = "; ".join(dict.fromkeys(ways)) or "no provider of the catalog serves it"
        return NotFound(
            f"No configured provider serves `{name}`. Providers that do: {hint}.",
            code="no_endpoints",
            param="model",
        )

    def _way(self, offer: Offer, owner: str) -> str:
        provider = self.catalog.providers[offer.provider]
        for host in self.hosts_of(provider.id, owner):
            if host.problem and host.workspace:
                return f"{provider.id} (your credential {host.keys[0][0]} {host.problem})"
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
