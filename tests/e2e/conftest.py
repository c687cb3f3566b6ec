"""One gateway for the clients: each call goes over a socket to it, and over another to a simulator."""

from importlib.util import find_spec

import pytest
from tests.e2e.servers import gateway as running_gateway
from tests.e2e.servers import simulator

# These need packages that cannot share an environment with the project's: `make clients` runs them.
collect_ignore = [] if find_spec("langchain_openai") else ["clients"]

FAULTS = {
    "rehearsal/limited": "sim#fault=status_429&retry_after=60",
    "rehearsal/broken": "sim#fault=status_500",
    "rehearsal/cut": "sim#fault=cut_mid_stream",
    "rehearsal/long": "sim#tokens=400",
}
# A model for each dialect that its deployment speaks.
MODELS = {"openai": "gpt-4o-mini"}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """xroute with OpenAI's models and a few that fail, all of them served by a simulator."""
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
    models = [{"id": name, "serves": serves} for serves, name in FAULTS.items()]
    return {
        "openai": {"api_key": "sk-upstream", "base_url": sim.url},
        "rehearsal": {"base_url": sim.url, "local": True, "models": models},
    }
