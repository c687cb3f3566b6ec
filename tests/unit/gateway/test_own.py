"""A section of `models` under a model's own name: what is different for it, however it is asked for."""

import pytest
from tests.unit.gateway.composing import OPENAI

from xroute.errors import ConfigError

BOTH = OPENAI.replace("}}", "}, groq: {api_key: gsk-1}}")
LLAMA = "groq/llama-3.3-70b-versatile"


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o", "openai/gpt-4o:nitro"])
def test_a_models_own_timeouts_hold_for_each_of_its_names(desk, name):
    fleet = desk.scene(OPENAI + "models: {gpt-4o: {timeouts: {first_token: 7}}}").fleet
    assert fleet.lineup(name).timeouts.first_token == 7
    assert fleet.lineup("gpt-4o-mini").timeouts is None


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o"])
def test_a_route_under_a_models_name_holds_for_each_of_its_names(desk, name):
    fleet = desk.scene(BOTH + f"models: {{openai/gpt-4o: {{fallback: [openai/gpt-4o, {LLAMA}]}}}}").fleet
    found = [[d.id for d in group] for group in fleet.lineup(name).groups]
    assert found == [["openai/gpt-4o@openai"], ["meta/llama-3.3-70b@groq"]]


def test_a_name_that_pins_a_provider_means_that_provider_alone(desk):
    fleet = desk.scene(BOTH + f"models: {{openai/gpt-4o: {{fallback: [{LLAMA}]}}}}").fleet
    resolved = fleet.catalog.resolve("openai/openai/gpt-4o")
    assert resolved is not None and resolved.provider == "openai"
    assert [d.id for d in fleet.lineup("openai/openai/gpt-4o").groups[0]] == ["openai/gpt-4o@openai"]


def test_another_route_may_list_a_model_that_has_a_section_of_its_own(desk):
    fleet = desk.scene(
        OPENAI + "models: {openai/gpt-4o: {strategy: price}, smart: {fallback: [openai/gpt-4o]}}"
    ).fleet
    assert [[d.id for d in g] for g in fleet.lineup("smart").groups] == [["openai/gpt-4o@openai"]]
    assert fleet.lineup("gpt-4o").strategy == "price"


@pytest.mark.parametrize("section", ["{}", "{fallback: []}", "{timeouts: {total: 3}}"])
def test_a_name_that_is_no_model_needs_a_fallback_list(desk, section):
    with pytest.raises(
        ConfigError, match=r"models\.smart: is no model of the catalog, so it needs a fallback"
    ):
        desk.scene(OPENAI + f"models: {{smart: {section}}}")
