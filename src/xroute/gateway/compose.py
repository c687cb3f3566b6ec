"""Settings, catalog and environment become a fleet."""

from dataclasses import dataclass

from xroute.catalog.book import Catalog
from xroute.catalog.entries import Model, Offer, Provider
from xroute.catalog.load import load as load_catalog
from xroute.config.load import Loaded
from xroute.config.settings import ProviderSettings
from xroute.config.wanted import wanted_providers
from xroute.errors import ConfigError
from xroute.gateway.fleet import Fleet
from xroute.gateway.hosts import ANY, Host, check_names, find_host, merge, served
from xroute.money.book import PriceBook
from xroute.upstream.discovery import Found, entries

SIM = Provider(
    id="sim", name="Simulator", dialect="openai", base_url="sim:", auth="none", local=True, source="built in"
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a configuration comes to. `simulated`: nobody else is there, so the simulator serves all."""

    fleet: Fleet
    loaded: Loaded
    simulated: bool


def compose(loaded: Loaded) -> Scene:
    """The fleet of a configuration; ConfigError names file, line and key of what cannot be."""
    catalog = load_catalog([loaded.catalog_dir])
    catalog = catalog.extended(providers=[SIM])
    loaded = loaded.with_found({p.id: p.env for p in catalog.providers.values()})
    try:
        return _compose(loaded, catalog)
    except ConfigError as error:
        raise loaded.locate(error) from error


def discovered(scene: Scene, found: list[Found]) -> bool:
    """Adds model servers that were found on this machine; says whether anything changed.

    Once a real server is there, the simulator steps back.
    """
    fleet = scene.fleet
    if not found:
        return False
    providers, models, offers = entries(found)
    simulated = scene.simulated and SIM.id not in scene.loaded.settings.providers
    hosts = [host for host in fleet.hosts.values() if not (simulated and host.provider.id == SIM.id)]
    known = {host.provider.id for host in hosts}
    hosts += [
        find_host(provider, ProviderSettings(), scene.loaded.environ, f"port {provider.port}")
        for provider in providers
        if provider.id not in known
    ]
    if {h.provider.id for h in hosts} == fleet.hosts.keys() and all(
        m.id in fleet.catalog.models for m in models
    ):
        return False
    fleet.update(fleet.catalog.extended(providers, models, offers), hosts)
    return True


def _compose(loaded: Loaded, catalog: Catalog) -> Scene:
    settings = loaded.settings
    hosts = [_host(catalog, id_, loaded) for id_ in wanted_providers(settings, loaded.found)]
    for host in hosts:
        catalog = catalog.extended(providers=[host.provider])
        models, offers = served(catalog, host.provider, host.settings.models)
        catalog = catalog.extended(models=models, offers=offers)
    simulated = all(host.problem or host.provider.id == SIM.id for host in hosts)
    if simulated or any(host.provider.id == SIM.id for host in hosts):
        catalog = _with_sim(catalog, everything=simulated)
    if simulated and not any(host.provider.id == SIM.id for host in hosts):
        hosts.append(find_host(SIM, ProviderSettings(), {}, "built in"))
    check_names(settings, catalog)
    return Scene(Fleet(settings, catalog, hosts, PriceBook(catalog, settings.prices)), loaded, simulated)


def _host(catalog: Catalog, id_: str, loaded: Loaded) -> Host:
    """A provider in use. What the config names must be usable; what the environment holds need not."""
    section = loaded.settings.providers.get(id_)
    origin = loaded.found.get(id_, "") if section is None else "config"
    provider = merge(catalog.providers.get(id_), id_, section or ProviderSettings())
    host = find_host(provider, section or ProviderSettings(), loaded.environ, origin)
    if host.problem and section is not None and not section.keyless:
        raise ConfigError(host.problem, f"providers.{id_}")
    return host


def _with_sim(catalog: Catalog, *, everything: bool) -> Catalog:
    """The simulator serves a model of its own and, where nobody else is there, every model."""
    own = Model("sim/sim", "Simulator", "sim", abilities=ANY, aliases=("sim",), source="built in")
    catalog = catalog.extended(models=[own])
    names = list(catalog.models) if everything else [own.id]
    served = {name for name in names if any(o.provider == SIM.id for o in catalog.offers(name))}
    return catalog.extended(offers=[Offer(SIM.id, name, name) for name in names if name not in served])
