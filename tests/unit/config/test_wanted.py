"""A `providers` section is the whole list; without one, the environment is asked."""

from xroute.config.environ import found_providers
from xroute.config.load import load
from xroute.config.settings import ProviderSettings, Settings
from xroute.config.wanted import wanted_providers

ENVS = {"openai": ("OPENAI_API_KEY",), "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "ollama": ()}


def test_the_first_variable_with_a_key_is_found():
    environ = {"OPENAI_API_KEY": " ", "GEMINI_API_KEY": "", "GOOGLE_API_KEY": "k"}
    assert found_providers(ENVS, environ) == {"google": "GOOGLE_API_KEY"}
    assert found_providers(ENVS, environ | {"GEMINI_API_KEY": "g"}) == {"google": "GEMINI_API_KEY"}


def test_without_a_section_the_found_ones_are_used():
    assert wanted_providers(Settings(), {"openai": "OPENAI_API_KEY"}) == ["openai"]


def test_a_section_is_the_whole_list():
    settings = Settings(providers={"groq": ProviderSettings(), "xai": ProviderSettings(disabled=True)})
    assert wanted_providers(settings, {"openai": "OPENAI_API_KEY"}) == ["groq"]


def test_an_empty_section_means_no_provider():
    assert wanted_providers(Settings(providers={}), {"openai": "OPENAI_API_KEY"}) == []


def test_loaded_settings_find_the_providers_of_a_catalog():
    assert load(None, {"HOME": "/", "OPENAI_API_KEY": "k"}).with_found(ENVS).found == {
        "openai": "OPENAI_API_KEY"
    }
