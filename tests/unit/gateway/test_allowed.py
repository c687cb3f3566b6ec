"""A key's policy, in a plan: who is left out, and in which words."""

import pytest
from tests.unit.routing.making import deployment

from xroute.catalog.entries import DataPolicy
from xroute.gateway.allowed import bar_of
from xroute.wire.who import ANYTHING, Policy, Who

EU = DataPolicy(regions=frozenset({"eu"}))
BOTH = DataPolicy(regions=frozenset({"eu", "us"}))


def judged(policy: Policy, **facts):
    bar = bar_of(Who("key", policy=policy))
    assert bar is not None
    found = bar(deployment(**facts))
    return found and found[0]


@pytest.mark.parametrize(
    ("policy", "facts", "reason"),
    [
        (Policy(models=("maker/*",)), {}, None),
        (Policy(models=("other/*",)), {}, "not_allowed"),
        (Policy(providers=("alpha",)), {}, None),
        (Policy(providers=("beta",)), {}, "allowed_providers"),
        (Policy(local_only=True), {}, "local_only"),
        (Policy(local_only=True), {"local": True}, None),
        (Policy(zdr=True), {}, "data_policy:zdr"),
        (Policy(zdr=True), {"data": DataPolicy(zdr=False)}, "data_policy:zdr"),
        (Policy(zdr=True), {"data": DataPolicy(zdr=True)}, None),
        (Policy(zdr=True), {"local": True}, None),
        (Policy(regions=("eu",)), {}, "data_region"),
        (Policy(regions=("eu",)), {"data": EU}, None),
        (Policy(regions=("eu",)), {"data": BOTH}, "data_region"),
        (Policy(regions=("us", "eu")), {"data": BOTH}, None),
        (Policy(models=("other/*",), zdr=True), {}, "not_allowed"),
    ],
)
def test_what_a_policy_rules_out_is_told_in_a_word(policy, facts, reason):
    assert judged(policy, **facts) == reason


@pytest.mark.parametrize("policy", [ANYTHING, Policy(), Policy(addresses=("10.0.0.0/8",))])
def test_a_policy_that_rules_out_no_deployment_costs_nothing(policy):
    assert bar_of(Who("key", policy=policy)) is None
    assert bar_of(None) is None
