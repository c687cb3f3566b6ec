"""Names lead to models, and a catalog can be extended without being changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.book import Catalog
from xroute.catalog.entries import Model, Offer, Provider
from xroute.catalog.load import load
from xroute.errors import ConfigError

HOST = Provider(id="host", name="Host", dialect="openai", base_url="https://host.test/v1")
OTHER = Provider(id="other", name="Other", dialect="openai", base_url="https://other.test/v1")
MODEL = Model(id="maker/small", name="Small", maker="maker", aliases=("small", "tiny"))


@pytest.fixture
def catalog() -> Catalog:
    return Catalog([HOST, OTHER], [MODEL], [Offer("host", "maker/small", "vendor/Small-1B")])


@pytest.mark.parametrize("name", ["maker/small", "small", "tiny", "Maker/SMALL", "TINY"])
def test_a_model_is_found_by_id_and_alias_in_any_case(catalog: Catalog, name: str) -> None:
    found = catalog.resolve(name)
    assert found is not None
    assert (found.model, found.provider) == (MODEL, None)


@pytest.mark.parametrize(
    "name", ["host/vendor/Small-1B", "host/vendor/small-1b", "host/maker/small", "host/tiny"]
)
def test_a_provider_in_the_name_pins_it(catalog: Catalog, name: str) -> None:
    found = catalog.resolve(name)
    assert found is not None
    assert (found.model, found.provider) == (MODEL, "host")


@pytest.mark.parametrize("name", ["", "/", "host/", "other/small", "vendor/Small-1B", "nobody/small", "big"])
def test_what_nobody_serves_under_that_name_is_not_found(catalog: Catalog, name: str) -> None:
    assert catalog.resolve(name) is None


def test_an_id_wins_over_a_providers_own_name_for_another_model() -> None:
    model = Model(id="host/small", name="Theirs", maker="host")
    catalog = Catalog([HOST], [MODEL, model], [Offer("host", "maker/small", "small")])
    found = catalog.resolve("host/small")
    assert found is not None
    assert (found.model, found.provider) == (model, None)


def test_well_known_spellings_reach_the_shipped_models() -> None:
    catalog = load()
    names = {
        "openai/gpt-4o": ("openai/gpt-4o", None),
        "GPT-4o": ("openai/gpt-4o", None),
        "groq/llama-3.3-70b-versatile": ("meta/llama-3.3-70b", "groq"),
        "openrouter/openai/gpt-4o": ("openai/gpt-4o", "openrouter"),
        "azure/gpt-4o": ("openai/gpt-4o", "azure"),
        "together/meta-llama/Llama-3.3-70B-Instruct-Turbo": ("meta/llama-3.3-70b", "together"),
    }
    for name, (model, provider) in names.items():
        found = catalog.resolve(name)
        assert found is not None, name
        assert (found.model.id, found.provider) == (model, provider)


def test_a_misspelt_name_has_near_ones() -> None:
    catalog = load()
    assert "gpt-4o" in catalog.near("gpt4o")
    assert "claude-3-5-sonnet" in catalog.near("claude-3.5-sonet")
    assert "gpt-4o-mini" in catalog.near("GPT-4o-mni")
    assert len(catalog.near("llama", limit=3)) <= 3


@pytest.mark.parametrize("name", ["", "x" * 100_000, "zzzzzzzzzzzzzzz"])
def test_nothing_is_near_to_nonsense(name: str) -> None:
    assert load().near(name) == []


@given(st.text(max_size=60))
def test_any_text_is_answered(name: str) -> None:
    catalog = Catalog([HOST], [MODEL], [Offer("host", "maker/small", "s")])
    found = catalog.resolve(name)
    assert found is None or found.model is MODEL
    assert set(catalog.near(name)) <= {"maker/small", "small", "tiny"}


def test_an_extended_catalog_has_more_and_the_old_one_stays(catalog: Catalog) -> None:
    more = catalog.extended(
        providers=[Provider(id="mine", name="Mine", dialect="openai", base_url="http://127.0.0.1:1/v1")],
        models=[Model(id="mine/new", name="New", maker="mine")],
        offers=[Offer("mine", "mine/new", "new"), Offer("mine", "maker/small", "small")],
    )
    assert [offer.provider for offer in more.offers("maker/small")] == ["host", "mine"]
    assert more.resolve("mine/new") is not None
    assert catalog.resolve("mine/new") is None
    assert "mine" not in catalog.providers


def test_a_later_entry_of_the_same_name_replaces_the_earlier(catalog: Catalog) -> None:
    newer = Model(id="maker/small", name="Newer", maker="maker", aliases=("small",))
    more = catalog.extended([HOST], [newer], [Offer("host", "maker/small", "renamed", context=9)])
    assert more.models["maker/small"].name == "Newer"
    assert more.offers("maker/small") == (Offer("host", "maker/small", "renamed", context=9),)
    assert more.resolve("tiny") is None
    assert more.resolve("host/vendor/Small-1B") is None


def test_an_alias_goes_to_the_model_that_claims_it_last(catalog: Catalog) -> None:
    more = catalog.extended(models=[Model(id="mine/small", name="Mine", maker="mine", aliases=("small",))])
    found = more.resolve("small")
    assert found is not None
    assert found.model.id == "mine/small"


def test_an_offer_lacks_what_its_provider_lacks() -> None:
    host = Provider(
        id="host",
        name="Host",
        dialect="openai",
        base_url="https://host.test/v1",
        without=frozenset({"tools"}),
    )
    catalog = Catalog([host], [MODEL], [Offer("host", "maker/small", "s", without=frozenset({"image"}))])
    assert catalog.offers("maker/small")[0].without == {"tools", "image"}


@pytest.mark.parametrize("offer", [Offer("nobody", "maker/small", "x"), Offer("host", "maker/none", "x")])
def test_an_offer_of_something_unknown_is_an_error(catalog: Catalog, offer: Offer) -> None:
    with pytest.raises(ConfigError, match="no known"):
        catalog.extended(offers=[offer])


def test_the_maps_cannot_be_changed(catalog: Catalog) -> None:
    with pytest.raises(TypeError):
        catalog.models["x"] = MODEL  # type: ignore[index]


def test_a_providers_own_limits_stand_and_the_models_where_it_has_none():
    model = Model("m/a", "A", "m", context=1000, output=100)
    assert Offer("p", "m/a", "a").limits(model) == (1000, 100)
    assert Offer("p", "m/a", "a", context=500, output=200).limits(model) == (500, 200)
    assert Offer("p", "m/a", "a", context=2000).limits(model) == (2000, 100)
