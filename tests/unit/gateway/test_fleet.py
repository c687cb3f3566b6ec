"""What a model's name stands for: every way of writing it, and what is said of one that nobody serves."""

from dataclasses import replace

import pytest
from tests.unit.gateway.composing import OPENAI

from xroute.config.settings import PartialTimeouts
from xroute.errors import NotFound
from xroute.gateway.fleet import MAX_KINDS, MAX_LINEUPS, with_changes
from xroute.wire.http import Timeouts


@pytest.fixture
def fleet(desk):
    return desk.scene(
        OPENAI.replace("}}", "}, groq: {api_key: gsk-1}}")
        + "models: {smart: {fallback: [gpt-4o, groq/llama-3.3-70b-versatile], strategy: order}}"
    ).fleet


def ids(lineup):
    return [[d.id for d in group] for group in lineup.groups]


def refusal(fleet, name):
    with pytest.raises(NotFound) as caught:
        fleet.lineup(name)
    return caught.value


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o", "GPT-4o", "OpenAI/GPT-4O"])
def test_a_model_has_many_names_and_one_deployment(fleet, name):
    assert ids(fleet.lineup(name)) == [["openai/gpt-4o@openai"]]
    assert fleet.lineup(name).strategy is None


def test_a_provider_before_the_name_pins_it(fleet):
    assert ids(fleet.lineup("groq/llama-3.3-70b-versatile")) == [["meta/llama-3.3-70b@groq"]]
    assert ids(fleet.lineup("groq/meta/llama-3.3-70b")) == [["meta/llama-3.3-70b@groq"]]


@pytest.mark.parametrize(("suffix", "strategy"), [("floor", "price"), ("nitro", "throughput")])
def test_a_suffix_says_how_to_choose(fleet, suffix, strategy):
    for name in ("gpt-4o", "openai/gpt-4o", "smart"):
        lineup = fleet.lineup(f"{name}:{suffix}")
        assert ids(lineup) == ids(fleet.lineup(name))
        assert lineup.strategy == strategy


def test_a_route_is_its_models_in_order(fleet):
    lineup = fleet.lineup("smart")
    assert ids(lineup) == [["openai/gpt-4o@openai"], ["meta/llama-3.3-70b@groq"]]
    assert lineup.strategy == "order"


def test_a_route_skips_models_that_nobody_serves(desk):
    fleet = desk.scene(OPENAI + "models: {a: {fallback: [groq/llama-3.3-70b-versatile, gpt-4o]}}").fleet
    assert ids(fleet.lineup("a")) == [["openai/gpt-4o@openai"]]


def test_a_route_that_nobody_serves_says_which_keys_would_do(desk):
    fleet = desk.scene(OPENAI + "models: {a: {fallback: [groq/llama-3.3-70b-versatile]}}").fleet
    error = refusal(fleet, "a")
    assert error.code == "no_endpoints"
    assert "groq (set GROQ_API_KEY)" in error.message


def test_deployments_are_made_once(fleet):
    assert fleet.made() == []
    [[first]] = fleet.lineup("gpt-4o").groups
    [[again]] = fleet.lineup("openai/gpt-4o:floor").groups
    assert first is again
    assert fleet.made() == [first]


@pytest.mark.parametrize("name", ["gpt-4oo", "openai/gpt4o", "gpt-4o:cheap"])
def test_an_unknown_model_is_told_with_what_is_near(fleet, name):
    error = refusal(fleet, name)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert f"No model `{name}` is known. Did you mean " in error.message
    assert error.metadata is not None
    assert any("gpt-4o" in near for near in error.metadata["near"])


@pytest.mark.parametrize("name", ["zzzzzzzzzz", "", "x" * 100_000, ":floor", "://", "gpt-4o:", "smart:free"])
def test_nonsense_is_not_found_and_not_repeated_at_length(fleet, name):
    error = refusal(fleet, name)
    assert error.code == "model_not_found"
    assert len(error.message) < 400


@pytest.mark.parametrize("times", [2, 5000])
def test_suffixes_do_not_pile_up(fleet, times):
    assert refusal(fleet, "gpt-4o" + ":floor" * times).code == "model_not_found"


def test_a_model_of_a_provider_without_a_key_says_which_to_set(fleet):
    error = refusal(fleet, "deepseek/deepseek-chat")
    assert error.code == "no_endpoints"
    assert "deepseek (set DEEPSEEK_API_KEY)" in error.message


def test_a_retired_model_says_what_to_use_instead(fleet):
    retired = [
        m
        for m in fleet.catalog.models.values()
        if m.retired and m.use_instead and not fleet.deployments(m.id)
    ]
    assert len(retired) > 5
    for model in retired:
        error = refusal(fleet, model.id)
        assert error.code == "model_deprecated"
        assert f"was retired on {model.retired}; use {model.use_instead}." in error.message


def test_names_that_are_remembered_are_bounded(fleet):
    for place in range(2**13):
        letters = f"{place:013b}"
        name = "".join(
            c.upper() if bit == "1" else c for c, bit in zip("openai/gpt-4o", letters, strict=True)
        )
        assert len(fleet.lineup(name).groups) == 1
    assert len(fleet._lineups) <= MAX_LINEUPS


def test_several_names_stand_for_their_models_in_order_without_those_that_nobody_serves(fleet):
    names = ("gpt-4o", "claude-haiku-4-5", "groq/llama-3.3-70b-versatile")
    assert ids(fleet.lineup_of(names)) == [["openai/gpt-4o@openai"], ["meta/llama-3.3-70b@groq"]]
    assert fleet.lineup_of(names) is fleet.lineup_of(names)
    with pytest.raises(NotFound):
        fleet.lineup_of(names[1:2])


def test_who_is_able_is_worked_out_once_for_each_kind_of_call_and_anew_after_an_update(fleet):
    kinds = [("chat", frozenset({str(number)}), None) for number in range(3 * MAX_KINDS)]
    lineup = fleet.lineup("gpt-4o")
    assert lineup.able(*kinds[0]) is lineup.able(*kinds[0]) is not lineup.able(*kinds[1])
    for kind in kinds:
        lineup.able(*kind)
    assert len(lineup._able) <= MAX_KINDS
    assert fleet.lineup("gpt-4o:floor")._able == {}
    fleet.update(fleet.catalog, fleet.hosts.values())
    assert fleet.lineup("gpt-4o")._able == {}


def test_an_update_keeps_the_health_of_those_that_stay(fleet):
    [[before]] = fleet.lineup("gpt-4o").groups
    before.health.breaker.open(1.0, 60.0, "server")
    fleet.update(fleet.catalog, [host for id_, host in fleet.hosts.items() if id_ == "openai"])
    assert fleet.lineup("gpt-4o").groups == ((before,),)
    assert refusal(fleet, "groq/llama-3.3-70b-versatile").code == "no_endpoints"
    assert fleet.version == 1


def test_a_limit_is_the_narrower_of_the_model_and_the_offer(fleet):
    for model in fleet.served():
        for deployment in fleet.deployments(model.id):
            [offer] = [o for o in fleet.catalog.offers(model.id) if o.provider == deployment.provider]
            for limit in ("context", "output"):
                known = [n for n in (getattr(model, limit), getattr(offer, limit)) if n is not None]
                assert getattr(deployment, limit) == (min(known) if known else None)


def test_only_models_of_usable_providers_are_served(fleet):
    assert {d.provider for m in fleet.served() for d in fleet.deployments(m.id)} == {"openai", "groq"}


def test_timeouts_that_are_named_go_over_the_others():
    base = Timeouts(connect=1, total=10)
    assert with_changes(base, None) is base
    assert with_changes(base, {}) is base
    assert with_changes(base, {"total": 3.0}) == replace(base, total=3.0)
    assert with_changes(base, PartialTimeouts()) == base
    assert with_changes(base, PartialTimeouts(connect=None)) == replace(base, connect=None)
