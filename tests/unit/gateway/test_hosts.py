"""A provider in use: the catalog's entry, what the config sets over it, and its credentials."""

from dataclasses import replace

import pytest

from xroute.catalog.book import Catalog
from xroute.catalog.entries import DataPolicy, Model, Provider, Quirks
from xroute.config.secret import Secret
from xroute.config.settings import DataSettings, ModelSettings, ProviderSettings, QuirkSettings
from xroute.errors import ConfigError
from xroute.gateway.hosts import ANY, KEYLESS, find_host, merge, served

KNOWN = Provider(
    id="p",
    name="P",
    dialect="openai",
    base_url="https://{account}.p.test/v1",
    env=("P_KEY", "P_TOKEN"),
    vars={"account": "P_ACCOUNT"},
    headers={"x-a": "1"},
    quirks=Quirks(drop=frozenset({"seed"}), developer_role=True),
)
PLAIN = ProviderSettings()


def host(environ: dict[str, str], section: ProviderSettings = PLAIN, provider: Provider = KNOWN):
    return find_host(provider, section, environ, "here")


def test_without_a_section_the_catalog_holds():
    assert merge(KNOWN, "p", PLAIN) == KNOWN


def test_what_a_section_names_goes_over_the_catalog_and_the_rest_stays():
    section = ProviderSettings(
        base_url="http://own.test/v1",
        auth="header",
        auth_name="x-key",
        headers={"x-b": Secret("2")},
        quirks=QuirkSettings(rename={"a": "b"}),
    )
    merged = merge(KNOWN, "p", section)
    assert (merged.base_url, merged.auth, merged.auth_name) == ("http://own.test/v1", "header", "x-key")
    assert merged.headers == {"x-a": "1", "x-b": "2"}
    assert merged.quirks == Quirks(rename={"a": "b"}, drop=frozenset({"seed"}), developer_role=True)
    assert (merged.env, merged.name) == (KNOWN.env, "P")


def test_an_agreement_of_ones_own_goes_over_what_is_known_of_a_providers_data():
    known = replace(KNOWN, data=DataPolicy(zdr=False, trains=False, open_only=True, source="https://p.test"))
    section = ProviderSettings(data=DataSettings(zdr=True, regions=frozenset({"eu"})))
    merged = merge(known, "p", section).data
    assert (merged.zdr, merged.trains, merged.regions) == (True, False, {"eu"})
    assert (merged.open_only, merged.source) == (False, "config")


def test_what_is_known_of_a_provider_is_not_known_of_another_address():
    known = replace(KNOWN, data=DataPolicy(zdr=True, source="https://p.test"))
    assert merge(known, "p", PLAIN).data.zdr is True
    assert merge(known, "p", ProviderSettings(base_url=KNOWN.base_url)).data.zdr is True
    assert merge(known, "p", ProviderSettings(base_url="https://proxy.test/v1")).data == DataPolicy()


def test_a_section_without_a_credential_takes_none_from_the_environment():
    found = host({"P_KEY": "k", "P_ACCOUNT": "a"}, ProviderSettings(keyless=True))
    assert (found.keys, found.problem) == ((), KEYLESS)


def test_a_provider_of_ones_own_needs_an_address():
    own = merge(None, "mine", ProviderSettings(base_url="http://h.test/v1"))
    assert (own.id, own.dialect, own.base_url) == ("mine", "openai", "http://h.test/v1")
    with pytest.raises(ConfigError, match="needs a base_url") as caught:
        merge(None, "mine", PLAIN)
    assert caught.value.where == "providers.mine"


def test_the_first_variable_that_holds_a_key_wins():
    assert host({"P_KEY": "k", "P_TOKEN": "t"}).keys == (("P_KEY", "k", 1.0),)
    assert host({"P_KEY": "  ", "P_TOKEN": " t\n"}).keys == (("P_TOKEN", "t", 1.0),)


def test_a_configured_key_beats_the_environment():
    section = ProviderSettings.model_validate(
        {"api_key": "c1", "api_keys": ["c2", {"key": "c3", "name": "n"}]}
    )
    assert host({"P_KEY": "k"}, section).keys == (("1", "c1", 1.0), ("2", "c2", 1.0), ("n", "c3", 1.0))


def test_without_a_key_the_problem_names_the_variables():
    assert (
        host({"P_ACCOUNT": "a"}).problem
        == "has no credential: set api_key in the config, or P_KEY or P_TOKEN"
    )


def test_a_missing_placeholder_is_a_problem_that_names_its_variable():
    assert host({"P_KEY": "k"}).problem.startswith("set P_ACCOUNT, or vars.account in the config")
    assert host({"P_KEY": "k", "P_ACCOUNT": "a"}).problem == ""
    configured = ProviderSettings(vars={"account": "b"})
    assert host({"P_KEY": "k", "P_ACCOUNT": "a"}, configured).variables == {"account": "b"}


@pytest.mark.parametrize("facts", [{"local": True}, {"auth": "none"}, {"env": ()}])
def test_who_needs_no_key_is_called_without(facts):
    provider = Provider(
        **{"id": "l", "name": "L", "dialect": "openai", "base_url": "http://l.test", "env": ("K",)} | facts
    )
    assert host({}, provider=provider).keys == (("none", None, 1.0),)


def test_a_host_shows_no_credential():
    shown = repr(host({"P_KEY": "sk-secret", "P_ACCOUNT": "a"}))
    assert shown == "Host(p, 1 credentials, from here, P_KEY)"


def test_a_served_model_is_the_catalogs_where_it_knows_it():
    catalog = Catalog(
        [KNOWN], [Model("m/one", "One", "m", aliases=("one",), abilities=frozenset({"tools", "image"}))]
    )
    entries = [
        ModelSettings(id="up-1", serves="one", abilities=frozenset({"tools"})),
        ModelSettings(id="up-2", serves="new/two"),
        ModelSettings(id="up-3", serves="new/two", context=9),
        ModelSettings(id="four"),
    ]
    models, offers = served(catalog, KNOWN, entries)
    assert [(m.id, m.aliases, m.abilities) for m in models] == [
        ("new/two", (), ANY),
        ("p/four", ("four",), ANY),
    ]
    assert [(o.model, o.upstream, o.without) for o in offers] == [
        ("m/one", "up-1", frozenset({"image"})),
        ("new/two", "up-2", frozenset()),
        ("new/two", "up-3", frozenset()),
        ("p/four", "four", frozenset()),
    ]
