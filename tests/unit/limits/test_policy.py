"""limits.policy: from where, and on what."""

from dataclasses import dataclass, replace

import pytest

from xroute.errors import InvalidRequest
from xroute.limits.policy import networks, objection, refusal
from xroute.wire.who import ANYTHING, Policy


@dataclass(frozen=True)
class Facts:
    provider: str = "openai"
    model: str = "openai/gpt-4o-mini"
    local: bool = False
    zdr: bool = False
    regions: frozenset[str] = frozenset()


HOSTED = Facts()
LOCAL = Facts("vllm", "meta/llama-3.3-70b", local=True)


def test_no_policy_objects_to_nothing():
    assert objection(ANYTHING, HOSTED) is None
    assert refusal(ANYTHING, None) is None


@pytest.mark.parametrize(
    ("policy", "facts", "word"),
    [
        (Policy(models=("anthropic/*", "openai/gpt-4o")), HOSTED, "model"),
        (Policy(providers=("groq", "azure")), HOSTED, "provider"),
        (Policy(local_only=True), HOSTED, "local"),
        (Policy(zdr=True), HOSTED, "retention"),
        (Policy(regions=("eu",)), HOSTED, "eu"),
        (Policy(regions=("eu", "ch")), replace(HOSTED, regions=frozenset({"us"})), "eu, ch"),
        (Policy(regions=("eu",)), replace(HOSTED, regions=frozenset({"eu", "us"})), "eu"),
        (Policy(regions=("eu",)), replace(LOCAL, regions=frozenset({"us"})), "eu"),
    ],
)
def test_an_objection_says_why(policy: Policy, facts: Facts, word: str):
    found = objection(policy, facts)
    assert found is not None
    assert found.startswith("the key may")
    assert word in found


@pytest.mark.parametrize(
    ("policy", "facts"),
    [
        (Policy(models=("anthropic/*", "openai/*")), HOSTED),
        (Policy(models=("openai/gpt-4o-mini",)), HOSTED),
        (Policy(providers=("groq", "openai")), HOSTED),
        (Policy(local_only=True), LOCAL),
        (Policy(zdr=True), replace(HOSTED, zdr=True)),
        (Policy(zdr=True), LOCAL),
        (Policy(regions=("eu", "us")), replace(HOSTED, regions=frozenset({"us"}))),
        (Policy(regions=("eu",)), LOCAL),
    ],
)
def test_what_a_policy_allows_it_does_not_object_to(policy: Policy, facts: Facts):
    assert objection(policy, facts) is None


def test_everything_a_policy_says_must_hold():
    policy = Policy(models=("openai/*",), providers=("openai",), zdr=True, regions=("eu",))
    good = replace(HOSTED, zdr=True, regions=frozenset({"eu"}))
    assert objection(policy, good) is None
    for spoilt in (
        replace(good, model="x/y"),
        replace(good, provider="azure"),
        replace(good, zdr=False),
        replace(good, regions=frozenset({"us"})),
    ):
        assert objection(policy, spoilt)


INSIDE = Policy(addresses=("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"))


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.1.2.3", "2001:db8::1%eth0"]
)
def test_an_address_inside_one_of_the_networks_may(address: str):
    assert refusal(INSIDE, address) is None


@pytest.mark.parametrize(
    "address",
    ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::ffff:11.0.0.1", "", "unix:", "10.1.2.3, 1.1.1.1", None],
)
def test_any_other_address_and_what_is_none_may_not(address: str | None):
    assert refusal(INSIDE, address) == "This key may not be used from this address."


def test_a_key_with_a_network_that_nobody_can_read_is_for_nobody():
    assert refusal(Policy(addresses=("10.0.0.0/8", "10.0.0.0/99")), "10.0.0.1") is not None


def test_a_network_with_bits_of_a_host_is_the_network():
    assert [str(network) for network in networks(("10.1.2.3/8", "::1"))] == ["10.0.0.0/8", "::1/128"]


def test_what_is_no_network_is_named():
    with pytest.raises(
        InvalidRequest, match=r"'10\.0\.0\.0/99' is no network: write it as 10\.0\.0\.0/8"
    ) as caught:
        networks(("10.0.0.0/8", "10.0.0.0/99"))
    assert caught.value.param == "addresses"
