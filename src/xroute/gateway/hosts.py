"""The providers in use: the catalog's entries with the config's keys set over them, and their credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xroute.catalog.book import Catalog
from xroute.catalog.entries import DataPolicy, Model, Offer, Provider
from xroute.config.settings import CredentialSettings, ModelSettings, ProviderSettings, Settings
from xroute.errors import ConfigError
from xroute.upstream.auth import models_target
from xroute.upstream.head import make_head, split_url
from xroute.upstream.signers import signer_of
from xroute.wire.http import Signer, Target

KEYLESS = "has no credential in the config: it is called with those stored through the API"

# Fields of a provider that a config section may set over the catalog's.
_PLAIN = ("name", "dialect", "base_url", "auth", "auth_name", "prices", "local", "models_path")


@dataclass(frozen=True, slots=True)
class Host:
    """A provider in use. `keys` are (name, secret, weight); one with secret None sends no credential."""

    provider: Provider
    keys: tuple[tuple[str, str | None, float], ...]
    variables: dict[str, str]
    settings: ProviderSettings
    origin: str  # "config", or the variable in which the key was found
    problem: str = ""  # why it cannot be used, for people; "" = it can
    signers: tuple[Signer | None, ...] = ()  # beside `keys`: None where the key itself is sent
    credential: str = ""  # id of the stored credential that this host is called with; "" = the config's
    workspace: str = ""  # whose that credential is; "" = ours
    fallback: bool = True  # where a workspace's own fails, ours may be tried
    origins: frozenset[str] = frozenset()  # the only ones it may be sent to; empty = wherever the config says

    def __repr__(self) -> str:
        return f"Host({self.provider.id}, {len(self.keys)} credentials, from {self.origin})"


def merge(known: Provider | None, id_: str, section: ProviderSettings) -> Provider:
    """The catalog's entry with the section's keys over it; a new provider where the catalog has none."""
    if known is None:
        if section.base_url is None:
            raise ConfigError(
                "is not in the catalog, so it needs a base_url (and its dialect, if that is not openai)",
                f"providers.{id_}",
            )
        known = Provider(id=id_, name=id_, dialect="openai", base_url=section.base_url)
    given = {name: value for name in _PLAIN if (value := getattr(section, name)) is not None}
    quirks: dict[str, Any] = section.quirks.changes() if section.quirks else {}
    # What is known of a provider is not known of whoever stands at another address.
    promised = known.data if section.base_url in (None, known.base_url) else DataPolicy()
    data: dict[str, Any] = section.data.changes() if section.data else {}
    return replace(
        known,
        **given,
        headers=known.headers | {name: value.reveal() for name, value in section.headers.items()},
        query=known.query | {name: value.reveal() for name, value in section.query.items()},
        paths=known.paths | section.paths,
        token=known.token | section.token,
        quirks=replace(known.quirks, **quirks) if quirks else known.quirks,
        data=replace(promised, **data, open_only=False, source="config") if data else promised,
    )


def find_host(provider: Provider, section: ProviderSettings, environ: Mapping[str, str], origin: str) -> Host:
    """The provider with what it takes to call it: credentials and the placeholders of its address."""
    variables = variables_of(provider, section, environ)
    keys = () if section.keyless else _keys(provider, section.credentials, environ)
    if keys and keys[0][0] in provider.env and keys[0][0] != origin:
        origin = f"{origin}, {keys[0][0]}"
    problem = KEYLESS if section.keyless else _problem(provider, keys, variables)
    signers = () if problem else tuple(signer_of(provider, key, variables) for _, key, _ in keys)
    return Host(provider, keys, variables, section, origin, problem, signers)


def variables_of(provider: Provider, section: ProviderSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """The placeholders of the provider's address, as far as they have a value."""
    return {
        name: value
        for name, known in provider.vars.items()
        if (value := section.vars.get(name) or _first(environ, known.split("|")))
    }


def _first(environ: Mapping[str, str], names: list[str]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _problem(
    provider: Provider, keys: tuple[tuple[str, str | None, float], ...], variables: dict[str, str]
) -> str:
    if not keys:
        return f"has no credential: set api_key in the config, or {' or '.join(provider.env)}"
    try:
        for name, key, _ in keys:
            try_head(models_target(provider, key, variables), name)
    except ConfigError as error:
        return error.message.removeprefix(f"{error.where}: ")
    return ""


def try_head(target: Target, name: str) -> None:
    """ConfigError for an address or a credential that no request can carry."""
    if target.url.startswith("sim:"):
        return
    try:
        origin, uri = split_url(target.url)
        make_head("GET", uri, origin.authority, target, ())
    except ValueError as error:
        raise ConfigError(f"cannot be called with the credential {name}: {error}") from None


def _keys(
    provider: Provider, credentials: tuple[CredentialSettings, ...], environ: Mapping[str, str]
) -> tuple[tuple[str, str | None, float], ...]:
    if credentials:
        return tuple(
            (credential.name or str(place), credential.key.reveal(), credential.weight)
            for place, credential in enumerate(credentials, 1)
        )
    for variable in provider.env:
        if value := environ.get(variable, "").strip():
            return ((variable, value, 1.0),)
    if provider.local or provider.auth in ("none", "aws", "google_cloud") or not provider.env:
        return (("none", None, 1.0),)
    return ()


def served(
    catalog: Catalog, provider: Provider, entries: list[ModelSettings]
) -> tuple[list[Model], list[Offer]]:
    """What a section's `models` add: offers, and models that exist through this config alone."""
    models: dict[str, Model] = {}
    offers: list[Offer] = []
    for entry in entries:
        name = entry.serves or f"{provider.id}/{entry.id}"
        known = catalog.resolve(name)
        model = known.model if known else models.get(name)
        if model is None:
            model = _own_model(name, provider, entry)
            models[name] = model
        lacks = entry.without
        if entry.abilities is not None:
            lacks = lacks | (model.abilities - entry.abilities)
        offers.append(Offer(provider.id, model.id, entry.id, entry.context, entry.output, frozenset(lacks)))
    return list(models.values()), offers


def _own_model(name: str, provider: Provider, entry: ModelSettings) -> Model:
    """A model the catalog does not know. Without `abilities` nothing is ruled out for it."""
    maker = name.partition("/")[0] if "/" in name else provider.id
    return Model(
        id=name,
        name=name,
        maker=maker,
        context=entry.context,
        output=entry.output,
        abilities=frozenset(entry.abilities) if entry.abilities is not None else ANY,
        aliases=(entry.id,) if entry.serves is None else (),
        source="config",
    )


# Marks a model whose abilities nobody has written down: no call is kept from it.
ANY = frozenset({"*"})


def check_names(settings: Settings, catalog: Catalog) -> None:
    """Every model that a route or a price names must exist; ConfigError says which does not."""
    for name, route in settings.models.items():
        if not route.fallback and ((known := catalog.resolve(name)) is None or known.provider):
            raise ConfigError("is no model of the catalog, so it needs a fallback list", f"models.{name}")
        for place, wanted in enumerate(route.fallback):
            where = f"models.{name}.fallback[{place}]"
            if wanted != name and wanted in settings.models and settings.models[wanted].fallback:
                raise ConfigError(f"{wanted!r} is a route itself; a route lists models", where)
            if wanted.endswith((":floor", ":nitro")) and catalog.resolve(wanted) is None:
                raise ConfigError(f"{wanted!r} has a suffix; give the route a strategy instead", where)
            _check_model(wanted, catalog, where)
    for name in settings.prices:
        provider = catalog.providers.get(name.partition("/")[0])
        if provider is None or not provider.local:  # a local server's models are found later
            _check_model(name, catalog, f"prices.{name}")


def _check_model(name: str, catalog: Catalog, where: str) -> None:
    if catalog.resolve(name) is None:
        near = ", ".join(catalog.near(name))
        raise ConfigError(f"no model {name!r} is known" + (f"; near it: {near}" if near else ""), where)
