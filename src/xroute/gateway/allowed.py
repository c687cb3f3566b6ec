"""What a key's policy leaves of a plan, and the words in which it is told what was left out."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from xroute.limits.policy import objection
from xroute.routing.able import Bar
from xroute.routing.deployment import Deployment
from xroute.wire.who import ANYTHING, Policy, Who

# What stands in `excluded_by`, by the field of the policy that rules a deployment out.
REASONS = {
    "models": "not_allowed",
    "providers": "allowed_providers",
    "local_only": "local_only",
    "zdr": "data_policy:zdr",
    "regions": "data_region",
}


def bar_of(who: Who | None) -> Bar | None:
    """What a key may not use; None where it may use everything."""
    return None if who is None or who.policy is ANYTHING else _bar(who.policy)


def allowed(deployments: Sequence[Deployment], who: Who | None) -> Sequence[Deployment]:
    """Those that a key may use."""
    bar = bar_of(who)
    return deployments if bar is None else [d for d in deployments if bar(d) is None]


@lru_cache(4096)
def _bar(policy: Policy) -> Bar | None:
    parts = [
        (reason, part) for field, reason in REASONS.items() if (part := _alone(policy, field)) != ANYTHING
    ]
    if not parts:
        return None

    def bar(deployment: Deployment) -> tuple[str, str] | None:
        for reason, part in parts:
            if (text := objection(part, deployment)) is not None:
                return reason, f"{deployment.model} at {deployment.provider}: {text}"
        return None

    return bar


def _alone(policy: Policy, field: str) -> Policy:
    """The policy with one of its conditions only."""
    given: dict[str, Any] = {field: getattr(policy, field)}
    return Policy(**given)
