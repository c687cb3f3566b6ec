"""The list of models: OpenAI's fields, then limits, abilities, prices and deployments."""

import orjson
import pytest
from tests.unit.routing.making import price
from tests.unit.web.dialogue import ask

from xroute.catalog.entries import Model
from xroute.errors import NotFound
from xroute.money.price import Price, Rates
from xroute.web.listing import MOST_MADE, Listing, entry, per_token, pricing
from xroute.wire.who import Policy, Who

OPENAI = {"id", "object", "created", "owned_by"}


async def models(app):
    return (await ask(app, "GET", "/v1/models")).json


async def test_the_list_has_every_model_that_can_be_called_and_the_routes(app):
    listed = await models(app)
    assert listed["object"] == "list"
    ids = [each["id"] for each in listed["data"]]
    assert ids[0] == "smart"
    assert set(ids[1:]) == {m.id for m in app.scene.fleet.served()}
    assert len(ids) == len(set(ids))
    assert all(each.keys() >= OPENAI and each["object"] == "model" for each in listed["data"])


async def test_a_model_is_told_whole(app):
    told = (await ask(app, "GET", "/v1/models/gpt-4o")).json
    assert told["id"] == "openai/gpt-4o"
    assert told["context_length"] == 128_000
    assert told["created"] > 1_700_000_000
    assert {"tools", "image"} <= set(told["abilities"])
    assert [d["provider"] for d in told["deployments"]] == ["sim"]
    assert told in (await models(app))["data"]


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o", "GPT-4o", "gpt-4o:floor"])
async def test_any_name_finds_it(app, name):
    assert (await ask(app, "GET", f"/v1/models/{name}")).json["id"] == "openai/gpt-4o"


async def test_a_route_is_told_with_what_it_stands_for(app):
    told = (await ask(app, "GET", "/v1/models/smart")).json
    assert (told["id"], told["route"], told["owned_by"]) == ("smart", True, "xroute")
    assert [d["id"] for d in told["deployments"]] == ["openai/gpt-4o@sim", "openai/gpt-4o-mini@sim"]


@pytest.mark.parametrize("name", ["gpt-4oo", "../models", "x" * 5000, "%2e", "smart/x"])
async def test_an_unknown_model_is_not_found(app, name):
    answer = await ask(app, "GET", f"/v1/models/{name}")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


async def test_the_list_is_made_anew_when_the_fleet_changes(app):
    listing, fleet = Listing(app.scene.fleet), app.scene.fleet
    before = listing._body(None)
    assert listing._body(None) is before
    fleet.update(fleet.catalog, fleet.hosts.values())
    assert listing._body(None) is not before


def ids_for(app, who):
    return [each["id"] for each in orjson.loads(Listing(app.scene.fleet)._body(who))["data"]]


async def test_a_key_sees_what_it_may_use(app):
    some = Who("some", policy=Policy(models=("openai/gpt-4o*",)))
    ids = ids_for(app, some)
    assert ids[0] == "smart"
    assert set(ids[1:]) == {m.id for m in app.scene.fleet.served() if m.id.startswith("openai/gpt-4o")}
    other = Who("other", policy=Policy(models=("anthropic/*",)))
    assert "smart" not in ids_for(app, other)
    assert ids_for(app, Who("none", policy=Policy(providers=("groq",)))) == []
    assert ids_for(app, Who("all")) == ids_for(app, None)


@pytest.mark.parametrize("name", ["openai/gpt-4o", "smart"])
async def test_what_a_key_may_not_use_is_told_to_be_so(app, name):
    listing = Listing(app.scene.fleet)
    with pytest.raises(NotFound) as caught:
        listing._find(name, Who("other", policy=Policy(models=("anthropic/*",))))
    assert (caught.value.code, caught.value.param) == ("not_allowed", "model")
    assert listing._find(name, Who("some", policy=Policy(models=("openai/gpt-4o",))))[2]


async def test_lists_of_other_policies_are_kept_apart_and_are_not_many(app):
    listing = Listing(app.scene.fleet)
    for n in range(MOST_MADE + 5):
        listing._body(Who("key", policy=Policy(models=(f"nobody/{n}",))))
    assert len(listing._made) <= MOST_MADE
    assert orjson.loads(listing._body(Who("key")))["data"] != []


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (1, "0.000000000000001"),
        (150_000_000, "0.00000015"),
        (2_500_000_000, "0.0000025"),
        (10**15, "1"),
        (12 * 10**15 + 5 * 10**14, "12.5"),
    ],
)
def test_a_price_per_token_is_in_plain_digits(rate, text):
    assert per_token(rate) == text


def test_an_unknown_price_is_null_and_a_free_one_is_not():
    assert pricing(None) is None
    assert pricing(price()) == {"prompt": "0", "completion": "0"}


def test_every_rate_that_the_provider_has_is_told():
    rates = Rates(input=10**9, output=2 * 10**9, cached_input=0, cache_write=3 * 10**9, reasoning=4 * 10**9)
    assert pricing(Price(rates, request=5_000_000)) == {
        "prompt": "0.000001",
        "completion": "0.000002",
        "input_cache_read": "0",
        "input_cache_write": "0.000003",
        "internal_reasoning": "0.000004",
        "request": "0.005",
    }


@pytest.mark.parametrize(
    ("released", "created"),
    [("2024-07-18", 1_721_260_800), ("2024-07", 1_719_792_000), ("", 0), ("soon", 0), ("1970-01-01", 0)],
)
def test_a_release_is_seconds_or_nought_where_nobody_knows(released, created):
    assert entry(Model("m/x", "X", "m", released=released), [])["created"] == created


def test_a_model_of_unknown_abilities_lists_none():
    told = entry(Model("m/x", "X", "m", abilities=frozenset({"*"})), [])
    assert (told["abilities"], told["pricing"], told["context_length"]) == ([], None, None)


async def test_anthropics_clients_get_anthropics_list(app):
    listed = (await ask(app, "GET", "/v1/models", anthropic_version="2023-06-01")).json
    assert {entry["type"] for entry in listed["data"]} == {"model"}
    assert (listed["first_id"], listed["last_id"]) == (listed["data"][0]["id"], listed["data"][-1]["id"])


async def test_googles_clients_get_googles_list_without_what_cannot_chat(app):
    listed = (await ask(app, "GET", "/v1beta/models")).json["models"]
    names = {entry["name"] for entry in listed}
    assert "models/openai/gpt-4o" in names and "models/openai/text-embedding-3-small" not in names


async def test_google_lists_at_the_address_of_openais_list_for_its_own_clients(app):
    """google-genai 3 asks /v1/models, with its key in a header that no other client has."""
    listed = (await ask(app, "GET", "/v1/models", x_goog_api_key="any")).json
    assert listed == (await ask(app, "GET", "/v1beta/models")).json
    assert "models/smart" in {entry["name"] for entry in listed["models"]}


async def test_one_model_is_told_in_the_words_of_who_asks(app):
    told = (await ask(app, "GET", "/v1/models/gpt-4o", anthropic_version="2023-06-01")).json
    assert (told["type"], told["id"], told["display_name"]) == ("model", "openai/gpt-4o", "GPT-4o")
    for path, headers in (("/v1/models/gpt-4o", {"x_goog_api_key": "any"}), ("/v1beta/models/gpt-4o", {})):
        told = (await ask(app, "GET", path, **headers)).json
        assert (told["name"], told["inputTokenLimit"]) == ("models/openai/gpt-4o", 128_000)


async def test_an_unknown_model_is_told_in_googles_shape_at_googles_address(app):
    answer = await ask(app, "GET", "/v1beta/models/gpt-4oo")
    assert (answer.status, answer.json["error"]["status"]) == (404, "NOT_FOUND")
