"""The user's own folders are read after the shipped files, and a mistake in them is named."""

from pathlib import Path

import pytest

from xroute.catalog.load import load
from xroute.errors import ConfigError

PROVIDER = 'base_url = "https://mine.test/v1"\n'
MODEL = '[[model]]\nid = "new"\nmaker = "mine"\n'


def write(folder: Path, **files: str) -> Path:
    """providers_x = text becomes providers/x.toml."""
    for name, text in files.items():
        room, _, stem = name.partition("_")
        path = folder / room / f"{stem}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_a_folder_adds_a_provider_and_a_model(tmp_path: Path) -> None:
    model = MODEL + 'on = {mine = {as = "new-1", context = 4096, without = ["tools"]}}\n'
    catalog = load([write(tmp_path, providers_mine=PROVIDER, models_mine=model)])
    assert catalog.providers["mine"].name == "mine"
    (offer,) = catalog.offers("mine/new")
    assert (offer.upstream, offer.context, offer.without) == ("new-1", 4096, {"tools"})


def test_a_folder_offers_a_shipped_model(tmp_path: Path) -> None:
    offers = '[offers.mine]\n"openai/gpt-4o" = "my-gpt"\n'
    catalog = load([write(tmp_path, providers_mine=PROVIDER, models_mine=offers)])
    found = catalog.resolve("mine/my-gpt")
    assert found is not None
    assert (found.model.id, found.provider) == ("openai/gpt-4o", "mine")
    assert "openai" in {offer.provider for offer in catalog.offers("openai/gpt-4o")}


def test_a_folder_overrides_what_is_shipped(tmp_path: Path) -> None:
    text = 'base_url = "https://proxy.test/v1"\nenv = ["PROXY_KEY"]\n'
    model = '[[model]]\nid = "openai/gpt-4o"\nmaker = "openai"\ncontext = 1000\n'
    catalog = load([write(tmp_path, providers_openai=text, models_openai=model)])
    assert catalog.providers["openai"].base_url == "https://proxy.test/v1"
    assert catalog.models["openai/gpt-4o"].context == 1000
    assert catalog.offers("openai/gpt-4o")


def test_the_later_of_two_folders_wins(tmp_path: Path) -> None:
    one = write(tmp_path / "one", providers_mine=PROVIDER)
    two = write(tmp_path / "two", providers_mine=PROVIDER.replace("mine", "yours"))
    assert load([one, two]).providers["mine"].base_url == "https://yours.test/v1"


def test_what_a_model_takes_and_gives_are_abilities_too(tmp_path: Path) -> None:
    text = MODEL + 'input_modalities = ["text", "image"]\noutput_modalities = ["text", "audio"]\n'
    model = load([write(tmp_path, models_mine=text)]).models["mine/new"]
    assert model.abilities == {"streaming", "image", "audio_out"}
    assert model.aliases == ("new",)


def test_what_a_provider_does_with_data_is_told_with_its_source(tmp_path: Path) -> None:
    text = PROVIDER + '[data]\nzdr = true\nregions = ["eu"]\nsource = "https://mine.test/privacy"\n'
    with pytest.raises(ConfigError, match=r"data\.checked: is missing"):
        load([write(tmp_path, providers_mine=text)])
    data = load([write(tmp_path, providers_mine=text + 'checked = "2026-11-21"\n')]).providers["mine"].data
    assert (data.zdr, data.trains, data.regions) == (True, None, {"eu"})


def test_a_promise_for_open_models_holds_for_no_other() -> None:
    catalog = load()
    data = catalog.providers["fireworks"].data
    assert data.of(catalog.models["openai/gpt-oss-120b"]).zdr is True
    assert data.of(catalog.models["qwen/qwen3.7-plus"]).zdr is None


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert len(load([tmp_path / "nothing"]).models) == len(load().models)


BAD_PROVIDERS = {
    "base_urll = 1\n" + PROVIDER: "base_urll: unknown key",
    'name = "x"\n': "base_url: is missing",
    "name = 5\n" + PROVIDER: "name: needs a text, not 5",
    'port = "80"\n' + PROVIDER: "port: needs a whole number",
    "port = true\n" + PROVIDER: "port: needs a whole number",
    "local = 1\n" + PROVIDER: "local: needs true or false",
    'env = "KEY"\n' + PROVIDER: "env: needs a list",
    'vars = ["x"]\n' + PROVIDER: "vars: needs a table",
    'dialect = "basic"\n' + PROVIDER: "dialect: 'basic' is no dialect",
    'auth = "magic"\n' + PROVIDER: "auth: 'magic' is no form",
    'auth = "header"\n' + PROVIDER: "auth_name: needed",
    'base_url = "ftp://mine.test"\n': "base_url: needs an http",
    'base_url = "https://mine.test/"\n': "base_url: ends with a slash",
    'base_url = "https://{account}.test"\n': "vars: has no variable for account",
    PROVIDER + "[quirks]\nrenamed = {}\n": "quirks.renamed: unknown key",
    PROVIDER + "[quirks]\ndrop = [1]\n": "quirks.drop: needs a text",
    "base_url =": "cannot be read",
}
BAD_MODELS = {
    "models = []\n": "models: unknown key",
    "model = 5\n": "model: write \\[\\[model\\]\\]",
    '[[model]]\nmaker = "mine"\n': "id: is missing",
    '[[model]]\nid = "new"\n': "maker: is missing",
    MODEL + "contxt = 1\n": "model\\[new\\].contxt: unknown key",
    MODEL + 'context = "8k"\n': "model\\[new\\].context: needs a whole number",
    MODEL + "context = -1\n": "context: needs a whole number",
    MODEL + 'abilities = ["magic"]\n': "abilities: no ability: magic",
    MODEL + 'input_modalities = ["smell"]\n': "smell",
    MODEL + 'released = "last year"\n': "released: 'last year' is no ISO date",
    MODEL + 'use_instead = "mine/gone"\n': "use_instead: 'mine/gone' is no known model",
    MODEL + 'on = {nobody = "x"}\n': "on.nobody: 'nobody' is no known provider",
    MODEL + "on = {openai = {context = 5}}\n": "on.openai.as: is missing",
    MODEL + 'on = {openai = {as = "x", contex = 5}}\n': "on.openai.contex: unknown key",
    MODEL + "on = {openai = 5}\n": "on.openai: needs a table",
    MODEL + 'on = {openai = {as = "x", without = ["magic"]}}\n': "without: no ability: magic",
    '[offers.openai]\n"mine/gone" = "x"\n': "offers.openai.mine/gone: 'mine/gone' is no known model",
    MODEL + MODEL: "'mine/new' already means a model",
    MODEL + '[[model]]\nid = "newer"\nmaker = "mine"\naliases = ["new"]\n': "'new' already means a model",
}


@pytest.mark.parametrize("text", BAD_PROVIDERS)
def test_a_bad_provider_file_is_an_error_with_file_and_key(tmp_path: Path, text: str) -> None:
    write(tmp_path, providers_mine=text)
    with pytest.raises(ConfigError, match=BAD_PROVIDERS[text]) as caught:
        load([tmp_path])
    assert str(tmp_path / "providers/mine.toml") in str(caught.value)


@pytest.mark.parametrize("text", BAD_MODELS)
def test_a_bad_model_file_is_an_error_with_file_and_key(tmp_path: Path, text: str) -> None:
    write(tmp_path, models_mine=text)
    with pytest.raises(ConfigError, match=BAD_MODELS[text]) as caught:
        load([tmp_path])
    assert str(tmp_path / "models/mine.toml") in str(caught.value)


def test_bytes_that_are_no_text_are_an_error_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bad\.toml: cannot be read"):
        load([tmp_path])
