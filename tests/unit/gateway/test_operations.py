"""What a deployment can be asked for, and which fields get lost on the way to it."""

from xroute.catalog.entries import Quirks
from xroute.gateway import operations


def test_what_goes_into_the_address_is_not_lost():
    """Claude on Vertex AI and InvokeModel have the model in the address: nothing is lost."""
    lost = operations.refused("anthropic", Quirks(drop=frozenset({"model", "stream", "service_tier"})))
    assert "service_tier" in lost
    assert lost.isdisjoint({"model", "stream"})
