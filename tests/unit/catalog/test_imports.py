"""An import is planned, shown, written, read by the loader, and taken back."""

import json
import lzma
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog import toml
from xroute.catalog.imports import plan_import, revert
from xroute.catalog.load import load
from xroute.errors import ConfigError

SHARED = Path(__file__).parents[4] / "shared/data/models-dev.json.xz"
TEXT = {"input": ["text", "pdf"], "output": ["text"]}


def provider(name: str, **models: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name.title(),
        "npm": "@ai-sdk/openai-compatible",
        "api": f"https://{name}.test/v1/",
        "env": [f"{name.upper()}_KEY"],
        "doc": f"https://{name}.test/docs",
        "models": {key.replace("__", "/"): {"modalities": TEXT, **model} for key, model in models.items()},
    }


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.toml")}


NEW = {
    "limit": {"context": 4096, "output": 512},
    "tool_call": True,
    "name": "New",
    "release_date": "2026-01-02",
}
DOCUMENT = {"acme": provider("acme", acme__new=NEW, **{"gpt-4o": {}})}


def test_a_new_provider_and_model_are_planned() -> None:
    plan = plan_import(DOCUMENT, load())
    assert plan.providers["acme"]["base_url"] == "https://acme.test/v1"
    assert [model["id"] for model in plan.models] == ["acme/new"]
    assert plan.offers == {"acme": {"openai/gpt-4o": "gpt-4o"}}


def test_the_diff_names_everything_that_would_be_new() -> None:
    lines = plan_import(DOCUMENT, load()).diff().splitlines()
    assert lines == [
        "+ provider acme: https://acme.test/v1, key from ACME_KEY",
        "+ model acme/new, 4096 tokens, on acme",
        "+ offer acme serves openai/gpt-4o as gpt-4o",
        "1 providers, 1 models, 1 further offers",
    ]


def test_both_shapes_of_the_document_mean_the_same() -> None:
    assert plan_import({"providers": DOCUMENT, "models": {}}, load()) == plan_import(DOCUMENT, load())


def test_planning_writes_nothing_and_changes_nothing(tmp_path: Path) -> None:
    catalog = load()
    before = json.dumps(DOCUMENT)
    plan_import(DOCUMENT, catalog)
    assert json.dumps(DOCUMENT) == before
    assert "acme" not in catalog.providers
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_what_the_loader_reads(tmp_path: Path) -> None:
    written = plan_import(DOCUMENT, load()).apply(tmp_path)
    assert written.is_file()
    catalog = load([tmp_path])
    model = catalog.models["acme/new"]
    assert (model.context, model.output, model.released) == (4096, 512, "2026-01-02")
    assert model.abilities == {"tools", "file", "streaming"}
    found = catalog.resolve("acme/gpt-4o")
    assert found is not None
    assert (found.model.id, found.provider) == ("openai/gpt-4o", "acme")


def test_reverting_brings_the_folder_back(tmp_path: Path) -> None:
    mine = tmp_path / "providers/mine.toml"
    mine.parent.mkdir()
    mine.write_text('base_url = "https://mine.test/v1"\n', "utf-8")
    before = snapshot(tmp_path)
    plan_import(DOCUMENT, load()).apply(tmp_path)
    assert snapshot(tmp_path) != before
    assert revert(tmp_path)
    assert snapshot(tmp_path) == before
    assert not revert(tmp_path)


def test_a_second_import_adds_to_the_first_and_is_reverted_alone(tmp_path: Path) -> None:
    plan_import(DOCUMENT, load()).apply(tmp_path)
    before = snapshot(tmp_path)
    both = {**DOCUMENT, "beta": provider("beta", beta__x={})}
    plan_import(both, load([tmp_path])).apply(tmp_path)
    assert {"acme", "beta"} <= load([tmp_path]).providers.keys()
    assert revert(tmp_path)
    assert snapshot(tmp_path) == before


def test_an_import_planned_without_the_first_takes_its_place(tmp_path: Path) -> None:
    plan_import(DOCUMENT, load()).apply(tmp_path)
    again = {"acme": provider("acme", acme__newer=NEW)}
    plan_import(again, load()).apply(tmp_path)
    catalog = load([tmp_path])
    assert "acme/newer" in catalog.models
    assert "acme/new" not in catalog.models


def test_a_file_of_the_users_own_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "providers/acme.toml"
    mine.parent.mkdir()
    mine.write_text('base_url = "https://mine.test/v1"\n', "utf-8")
    before = snapshot(tmp_path)
    with pytest.raises(ConfigError, match=r"acme\.toml: is a file of your own"):
        plan_import(DOCUMENT, load()).apply(tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"npm": "@ai-sdk/anthropic"}, "not OpenAI-compatible"),
        ({"api": None}, "no http"),
        ({"api": "ftp://acme.test"}, "no http"),
        ({"api": "https://api.openai.com/v1"}, "known already"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_its_reason(change: dict[str, Any], reason: str) -> None:
    plan = plan_import({"acme": {**DOCUMENT["acme"], **change}}, load())
    assert plan.providers == {}
    assert reason in plan.skipped["acme"]
    assert f"left out acme: {plan.skipped['acme']}" in plan.diff()


def test_an_id_cannot_lead_out_of_the_folder() -> None:
    plan = plan_import({"../evil": DOCUMENT["acme"]}, load())
    assert plan.skipped == {"../evil": "its id cannot be a file name"}


def test_a_variable_in_an_address_becomes_a_placeholder() -> None:
    entry = {**DOCUMENT["acme"], "api": "https://${ACME_HOST}/v1", "env": ["ACME_HOST", "ACME_KEY"]}
    table = plan_import({"acme": entry}, load()).providers["acme"]
    assert (table["base_url"], table["vars"]) == ("https://{acme_host}/v1", {"acme_host": "ACME_HOST"})
    assert table["env"] == ["ACME_KEY"]


def test_equal_names_at_two_new_providers_are_one_model() -> None:
    data = {"acme": provider("acme", shared=NEW), "beta": provider("beta", Maker__Shared=NEW)}
    (model,) = plan_import(data, load()).models
    assert model["on"] == {"acme": "shared", "beta": "Maker/Shared"}


def test_a_model_that_gives_no_text_is_left_out() -> None:
    picture = {"modalities": {"input": ["text"], "output": ["image"]}}
    assert plan_import({"acme": provider("acme", draw=picture)}, load()).models == ()


@pytest.mark.parametrize("data", [{}, {"acme": 5}, {"acme": {"name": "x"}}, {"providers": []}])
def test_a_document_of_another_kind_is_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"models\.dev"):
        plan_import(data, load())


def test_nothing_new_is_said_so(tmp_path: Path) -> None:
    plan = plan_import({"openai": provider("openai")}, load())
    with pytest.raises(ConfigError, match="nothing to import"):
        plan.apply(tmp_path)


def test_the_whole_of_models_dev_can_be_imported_and_taken_back(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip("the snapshot of models.dev is not here")
    with lzma.open(SHARED) as file:
        plan = plan_import(json.load(file), load())
    plan.apply(tmp_path)
    catalog = load([tmp_path])
    assert len(catalog.providers) >= len(load().providers) + 50
    assert len(catalog.models) == len(load().models) + len(plan.models)
    assert revert(tmp_path)
    assert snapshot(tmp_path) == {}


LEAVES = st.one_of(st.text(), st.booleans(), st.integers(min_value=-(2**63), max_value=2**63 - 1))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_whatever_is_written_is_read_back_the_same(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dumps(document)) == document


def test_a_value_that_toml_has_no_place_for_is_an_error() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        toml.dumps({"key": None})


def test_a_key_that_belongs_to_another_host_is_not_sent_to_an_imported_one(tmp_path):
    entry = {**DOCUMENT["acme"], "env": ["OPENAI_API_KEY"]}
    plan = plan_import(
        {"acme": entry, "twin": {**entry, "api": "https://twin.test/v1", "env": ["T"]}}, load()
    )
    assert plan.providers["acme"]["env"] == []
    assert plan.providers["twin"]["env"] == ["T"]
    assert "+ provider acme: https://acme.test/v1, key from the config" in plan.diff()
