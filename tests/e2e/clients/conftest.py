"""The clients' own habits: no telemetry, no downloads, and their old ways with libraries are theirs."""

import os

import pytest
from tests.e2e.conftest import MODELS


def pytest_configure(config):
    """Before any of them is imported, as they read the environment then."""
    os.environ.update(
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # else litellm fetches its price list at import
        LANGSMITH_TRACING="false",
        PYDANTIC_AI_TELEMETRY="false",
        OPENAI_AGENTS_DISABLE_TRACING="1",
    )
    # litellm's types, and its streams, do what pydantic warns of; google-genai does what aiohttp warns of.
    for text in (
        "Item 'summary' on TypedDict",
        "Accessing the 'model_.*fields' attribute",
        "Inheritance class AiohttpClientSession",
    ):
        config.addinivalue_line("filterwarnings", f"ignore:{text}")


@pytest.fixture(params=["openai", "openai_responses", "anthropic", "gemini"])
def model(request):
    """A model at a provider of each dialect that clients speak; the makers' own clients meet them all."""
    return MODELS[request.param]
