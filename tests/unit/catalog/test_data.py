"""The shipped files: enough of them, sourced, linked, and in agreement with what others wrote down."""

import datetime
import json
import lzma
import tomllib
from pathlib import Path
from typing import Any

import pytest

from xroute.catalog.book import Catalog
from xroute.catalog.entries import ABILITIES
from xroute.catalog.load import SHIPPED, load

SHARED = Path(__file__).parents[4] / "shared/data/models-dev.json.xz"

NAMED = [
    "gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4o", "gpt-4o-2024-11-20", "gpt-4o-mini", "gpt-4-turbo", "gpt-4",
    "gpt-3.5-turbo", "o1", "o1-mini", "o1-preview", "o3", "o4-mini", "claude-3-haiku", "claude-3-opus",
    "claude-3-5-sonnet", "claude-3-5-sonnet-latest", "claude-3-5-haiku-latest", "claude-3-7-sonnet",
    "claude-sonnet-4", "claude-opus-4", "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5",
    "claude-sonnet-4.6", "gemini-1.5-pro", "gemini-1.5-flash", "gemini-2.0-flash", "gemini-2.0-flash-lite",
    "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3-pro-preview",
    "gemini-3-flash-preview", "gemini-3.1-flash-lite", "llama-2-70b", "llama-2-7b", "llama-3-8b",
    "llama-3-70b", "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b", "llama-3.3-70b", "llama-4-scout",
    "llama-4-maverick", "mistral-large", "mistral-medium", "mistral-small", "mixtral-8x7b", "mixtral-8x22b",
    "codestral", "deepseek-v3", "deepseek-r1", "qwen2.5-72b", "qwen2.5-7b", "qwen3-32b", "qwen3-235b-a22b",
    "grok-4", "grok-3", "grok-4.3", "command-r", "command-r-plus", "command-a", "phi-4", "phi-3.5-mini",
    "gemma-2-9b", "gemma-3-27b", "gpt-oss-20b", "gpt-oss-120b", "kimi-k2", "glm-4.5", "glm-4.6", "sonar",
    "sonar-pro", "nova-pro", "nova-lite", "nova-micro",
]  # fmt: skip
HOSTS = [
    "openai", "azure", "groq", "together", "fireworks", "deepseek", "xai", "mistral", "perplexity",
    "openrouter", "cerebras", "sambanova", "nvidia", "huggingface", "cloudflare", "deepinfra", "novita",
    "nebius", "hyperbolic", "moonshot", "zai", "zhipu", "alibaba", "minimax", "siliconflow", "baseten",
    "scaleway", "ovhcloud", "github", "databricks", "ollama", "vllm", "llamacpp", "lmstudio", "sglang",
    "litellm",
]  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def test_at_least_45_providers_speak_the_openai_dialect(catalog: Catalog) -> None:
    assert sum(provider.dialect == "openai" for provider in catalog.providers.values()) >= 45


def test_at_least_150_models_are_known(catalog: Catalog) -> None:
    assert len(catalog.models) >= 150


@pytest.mark.parametrize("name", NAMED)
def test_a_model_that_users_ask_for_is_known_by_its_short_name(catalog: Catalog, name: str) -> None:
    assert catalog.resolve(name) is not None


@pytest.mark.parametrize("name", HOSTS)
def test_a_provider_that_users_ask_for_is_known(catalog: Catalog, name: str) -> None:
    assert catalog.providers[name].dialect == "openai"


def test_the_dialects_to_come_have_their_files(catalog: Catalog) -> None:
    assert {name: catalog.providers[name].dialect for name in ("bedrock", "vertex")} == {
        "bedrock": "bedrock",
        "vertex": "gemini",
    }
    assert {"anthropic", "google", "cohere"} <= catalog.providers.keys()


def test_every_entry_has_a_source_and_the_date_it_was_read(catalog: Catalog) -> None:
    for entry in (*catalog.providers.values(), *catalog.models.values()):
        assert entry.source.startswith("https://"), entry.id
        assert datetime.date.fromisoformat(entry.checked) <= datetime.date(2026, 11, 21), entry.id


def test_quirks_have_their_source_beside_them() -> None:
    for path in sorted((SHIPPED / "providers").glob("*.toml")):
        text = path.read_text("utf-8")
        if "[quirks]" in text:
            assert "https://" in text.partition("[quirks]")[2], path.name


def test_an_address_is_https_unless_it_is_this_machine(catalog: Catalog) -> None:
    for provider in catalog.providers.values():
        expected = f"http://127.0.0.1:{provider.port}/" if provider.local else "https://"
        assert provider.base_url.startswith(expected), provider.id


def test_a_hosted_provider_names_the_variable_of_its_key(catalog: Catalog) -> None:
    assert [item.id for item in catalog.providers.values() if not item.local and not item.env] == []


def test_no_two_providers_read_the_same_key_first(catalog: Catalog) -> None:
    first = [provider.env[0] for provider in catalog.providers.values() if provider.env]
    assert len(first) == len(set(first))


def test_local_ports_do_not_collide(catalog: Catalog) -> None:
    ports = [provider.port for provider in catalog.providers.values() if provider.local]
    assert len(ports) == len(set(ports))
    assert {11434, 8000, 8080, 1234, 30000} <= set(ports)


def test_what_is_gone_or_going_says_what_to_use_and_that_is_not_gone(catalog: Catalog) -> None:
    for model in catalog.models.values():
        if model.retired or model.deprecated:
            assert model.use_instead, model.id
        if model.use_instead:
            assert catalog.models[model.use_instead].retired == "", model.id


def test_a_retirement_lies_in_the_past(catalog: Catalog) -> None:
    late = [model.id for model in catalog.models.values() if model.retired > "2026-11-21"]
    assert late == []


@pytest.mark.parametrize(
    "name", ["o1-preview", "o1-mini", "gemini-1.5-pro", "claude-3-opus", "claude-3-5-sonnet"]
)
def test_a_model_long_gone_is_listed_as_retired(catalog: Catalog, name: str) -> None:
    found = catalog.resolve(name)
    assert found is not None
    assert found.model.retired


def test_a_snapshot_belongs_to_an_undated_model_of_the_same_maker(catalog: Catalog) -> None:
    snapshots = [model for model in catalog.models.values() if model.snapshot_of]
    assert len(snapshots) >= 8
    for model in snapshots:
        assert catalog.models[model.snapshot_of].maker == model.maker


def test_limits_make_sense(catalog: Catalog) -> None:
    for model in catalog.models.values():
        least = 2048 if "text" in model.output_modalities else 512  # vectors are made of short texts
        if model.context is None:  # what draws, speaks or hears is seldom measured in tokens
            assert model.abilities & {"images", "speech", "transcription"}, model.id
            continue
        assert model.context >= least, model.id
        assert model.output is None or model.output <= model.context, model.id
        for offer in catalog.offers(model.id):
            # A provider may serve more than the maker does, as aggregators do with a beta window.
            assert offer.context is None or 2048 <= offer.context <= 10_000_000, (model.id, offer.provider)


def test_abilities_are_written_in_the_known_words(catalog: Catalog) -> None:
    for model in catalog.models.values():
        assert model.abilities <= ABILITIES, model.id
        assert "json_mode" in model.abilities or "json_schema" not in model.abilities, model.id


def test_most_models_that_live_can_be_had_somewhere(catalog: Catalog) -> None:
    orphans = {
        model.id for model in catalog.models.values() if not model.retired and not catalog.offers(model.id)
    }
    # Open weights that no provider of ours lists now, and Grok 2, of which no retirement date is known.
    assert orphans <= {
        "google/gemma-2-9b",
        "meta/llama-2-70b",
        "meta/llama-2-13b",
        "meta/llama-2-7b",
        "nvidia/llama-3.1-nemotron-70b",
        "xai/grok-2-1212",
    }


def test_one_name_at_a_provider_means_one_model(catalog: Catalog) -> None:
    seen: dict[tuple[str, str], str] = {}
    for model in catalog.models:
        for offer in catalog.offers(model):
            assert seen.setdefault((offer.provider, offer.upstream), model) == model


def test_no_local_server_has_offers_in_the_files(catalog: Catalog) -> None:
    local = {provider.id for provider in catalog.providers.values() if provider.local}
    assert not any(offer.provider in local for model in catalog.models for offer in catalog.offers(model))


def test_every_price_id_is_one_of_genai_prices(catalog: Catalog) -> None:
    from genai_prices.data import providers  # slow to import, needed here alone

    known = {provider.id for provider in providers}
    assert {provider.prices for provider in catalog.providers.values()} - known == {""}


def test_the_files_are_small_enough_to_read() -> None:
    for path in (SHIPPED / "providers").glob("*.toml"):
        assert len(tomllib.loads(path.read_text("utf-8"))) <= 16, path.name
        assert len(path.read_text("utf-8").splitlines()) <= 30, path.name


@pytest.fixture(scope="module")
def models_dev() -> dict[str, Any]:
    if not SHARED.exists():
        pytest.skip("the snapshot of models.dev is not here")
    with lzma.open(SHARED) as file:
        return json.load(file)["providers"]


@pytest.mark.parametrize(
    "provider, theirs",
    [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("google", "google"),
        ("mistral", "mistral"),
        ("xai", "xai"),
        ("cohere", "cohere"),
        ("moonshot", "moonshotai"),
        ("groq", "groq"),
    ],
)
def test_limits_agree_with_models_dev(
    catalog: Catalog, models_dev: dict[str, Any], provider: str, theirs: str
) -> None:
    entries, compared = models_dev[theirs]["models"], 0
    for model in catalog.models.values():
        for offer in catalog.offers(model.id):
            entry = entries.get(offer.upstream) if offer.provider == provider else None
            if entry and (limit := entry["limit"].get("context")):
                compared += 1
                assert (offer.context or model.context) == pytest.approx(limit, rel=0.05), model.id
    assert compared >= 3


def test_addresses_agree_with_models_dev(catalog: Catalog, models_dev: dict[str, Any]) -> None:
    """Hosts, not whole addresses: both spell some paths with and some without a /v1."""
    compared = 0
    for provider in catalog.providers.values():
        address = models_dev.get(provider.id, {}).get("api")
        if address and "{" not in provider.base_url and provider.id != "inference":
            compared += 1
            assert provider.base_url.split("/")[2] in address, provider.id
    assert compared >= 15
