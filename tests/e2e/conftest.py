"""One gateway for the clients: each call goes over a socket to it, and over another to a simulator."""

from importlib.util import find_spec

import pytest
from tests.e2e.servers import gateway as running_gateway
from tests.e2e.servers import simulator

# These need packages that cannot share an environment with the project's: `make clients` runs them.
collect_ignore = [] if find_spec("langchain_openai") else ["clients"]

FAULTS = {
    # So long that the gateway never waits for the rest of it.
    "rehearsal/limited": "sim#fault=status_429&retry_after=3600",
    "rehearsal/broken": "sim#fault=status_500",
    "rehearsal/down": "sim#fault=status_503",
    "rehearsal/cut": "sim#fault=cut_mid_stream",
    "rehearsal/long": "sim#tokens=400",
}
# A model for each dialect that its provider speaks.
MODELS = {
    "openai": "gpt-4o-mini",
    "openai_responses": "gpt-5.5",
    "anthropic": "claude-sonnet-4-6",
    "gemini": "gemini-3.5-flash",
    "bedrock": "rehearsal/nova",
    "cohere": "command-a",
    "ollama": "rehearsal/llama",
}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """xroute with the models of several makers and a few that fail, all of them served by a simulator."""
    folder = tmp_path_factory.mktemp("e2e")
    with (
        simulator(folder / "sim") as sim,
        running_gateway(folder / "xroute", {"providers": providers(sim)}) as server,
    ):
        yield server


@pytest.fixture(params=MODELS)
def model(request):
    """A model at a provider of each dialect."""
    return MODELS[request.param]


def providers(sim):
    """The section of the config: all of them are the one simulator."""
    key = "sk-upstream"
    models = [{"id": name, "serves": serves} for serves, name in FAULTS.items()]
    nova = {"id": "amazon.nova-pro-v1:0", "serves": "rehearsal/nova"}
    llama = {"id": "llama", "serves": "rehearsal/llama", "output": 4096}
    return {
        "openai": {"api_key": key, "base_url": sim.url},
        "anthropic": {"api_key": key, "base_url": sim.url},
        "google": {"api_key": key, "base_url": f"{sim.origin}/v1beta"},
        "cohere": {"api_key": key, "base_url": f"{sim.origin}/v2"},
        "rehearsal": {"base_url": sim.url, "local": True, "models": models},
        "novas": {"base_url": sim.origin, "local": True, "dialect": "bedrock", "models": [nova]},
        "llamas": {"base_url": sim.origin, "local": True, "dialect": "ollama", "models": [llama]},
    }
