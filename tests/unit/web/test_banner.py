"""What a person reads at the start: address, key, providers, and a line that works when pasted."""

import json
import re
import shlex

import pytest

from xroute.web.banner import PLACEHOLDER, banner


def pasted(text):
    """The curl line's words, as a shell would read them."""
    return shlex.split(text[text.index("curl ") :])


def asked(text):
    return json.loads(pasted(text)[-1])


def test_it_shows_the_address_the_new_key_and_that_it_is_shown_once(desk):
    text = banner(desk.scene(OPENAI_API_KEY="sk-openai-1"), "xr-new-key")
    assert "http://127.0.0.1:8790/v1" in text
    assert "xr-new-key" in text
    assert "shown this once" in text
    assert "Authorization: Bearer xr-new-key" in pasted(text)


def test_without_a_new_key_it_says_which_there_are(desk):
    scene = desk.scene("keys: [{name: bench, key: sk-bench}]\nproviders: {openai: {api_key: sk-1}}")
    text = banner(scene, None)
    assert "those of the config (bench)" in text
    assert f"Authorization: Bearer {PLACEHOLDER}" in pasted(text)
    assert "sk-bench" not in text


def test_it_shows_providers_how_they_were_found_and_no_credential(desk):
    text = banner(desk.scene(OPENAI_API_KEY="sk-openai-1", CLOUDFLARE_API_TOKEN="cf-1"), None)
    assert re.search(r"openai +https://api\.openai\.com/v1 +\(OPENAI_API_KEY\)", text)
    assert re.search(
        r"cloudflare +found \(CLOUDFLARE_API_TOKEN\) but not used: set CLOUDFLARE_ACCOUNT_ID", text
    )
    assert "sk-openai-1" not in text
    assert "cf-1" not in text


def test_several_credentials_are_counted(desk):
    text = banner(desk.scene("providers: {openai: {api_keys: [sk-1, sk-2]}}"), None)
    assert "(config, 2 credentials)" in text


def test_the_simulator_says_that_it_is_one(desk):
    text = banner(desk.scene(), "xr-1")
    assert "built-in SIMULATOR" in text
    assert "made up" in text
    assert "Set a provider's key" in text
    assert "found by itself" in text
    assert "found by itself" not in banner(desk.scene("discover: false"), "xr-1")


@pytest.mark.parametrize(
    "config",
    [
        None,
        "providers: {openai: {api_key: sk-1}}",
        "providers: {groq: {api_key: sk-1}}",
        "providers: {sim: {}}",
        "providers: {mine: {base_url: 'http://h.test/v1', models: [{id: x, serves: me/x}]}}",
        "providers: {groq: {api_key: sk-1}}\nmodels: {a: {fallback: [openai/gpt-4o]}}",
        "providers: {groq: {api_key: sk-1}}\nmodels: {a: {fallback: [groq/llama-3.3-70b-versatile]}}",
    ],
)
def test_the_line_to_paste_asks_for_a_model_that_answers_here(desk, config):
    scene = desk.scene(config)
    name = asked(banner(scene, "xr-1"))["model"]
    assert any(scene.fleet.lineup(name).groups)


def test_an_address_of_version_6_has_brackets(desk):
    assert "http://[::1]:9/v1" in banner(desk.scene("host: '::1'\nport: 9"), None)
