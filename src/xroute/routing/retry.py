"""What comes after a failed attempt: another deployment, the same one later, or the end. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from xroute.routing.balance import Dice
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure, Kind

# The caller's fault: every provider would say the same, so the first answer is the last.
FINAL: frozenset[Kind] = frozenset({"rejected"})
# Not this deployment again in this call; another credential, model or window may do.
NOT_AGAIN: frozenset[Kind] = frozenset(
    {"credentials", "payment", "not_found", "content_policy", "context_length", "unsupported"}
)
# Says something about the health of the deployment.
BREAKS: frozenset[Kind] = frozenset(
    {"overloaded", "timeout", "connect", "malformed", "cut", "server", "not_found"}
)
# Says something about the credential.
BREAKS_CREDENTIAL: frozenset[Kind] = frozenset({"credentials", "payment"})

BASE_S = 0.2
CAP_S = 8.0


@dataclass(slots=True)  # not frozen, as one is made for each attempt
class Turn:
    """Whose turn it is, and after which pause."""

    deployment: Deployment
    wait_s: float = 0.0


def next_turn(
    failed: Sequence[tuple[Deployment, Failure]],
    untried: Sequence[Deployment],
    attempts: int,
    max_attempts: int,
    left_s: float,
    now: float,
    dice: Dice,
) -> Turn | None:
    """The next attempt of a call, or None for the end.

    1. the caller's fault, no attempts or no time left: the end
    2. somebody who was not tried yet: at once, or when its Retry-After has passed
    3. or, if that is sooner, whoever of the tried may recover, the one that failed longest ago first, with
       full jitter, no earlier than its Retry-After
    """
    if attempts >= max_attempts or left_s <= 0 or (failed and failed[-1][1].kind in FINAL):
        return None
    for fresh in untried:
        if fresh.health.breaker.asked <= now:
            return Turn(fresh)
    longest_ago = reversed(dict.fromkeys(d for d, _ in reversed(failed)))
    again = [d for d in longest_ago if _may_again(d, failed)]
    turns = [Turn(each, _rest(each, now)) for each in untried]
    if again:
        deployment = min(again, key=lambda d: _rest(d, now))
        jitter = dice() * min(CAP_S, BASE_S * 2 ** (attempts - 1))
        turns.append(Turn(deployment, _rest(deployment, now) + jitter))
    return min(turns, key=lambda turn: turn.wait_s, default=None)


def _may_again(deployment: Deployment, failed: Sequence[tuple[Deployment, Failure]]) -> bool:
    """Whether no failure of this call, its own or another's, rules a deployment out."""
    return all(
        failure.kind not in NOT_AGAIN if other is deployment else may_follow(failure, other, deployment)
        for other, failure in failed
    )


def _rest(deployment: Deployment, now: float) -> float:
    """Seconds that the provider asked us to wait; a breaker that we opened ourselves is no such wish."""
    return max(0.0, deployment.health.breaker.asked - now)


def may_follow(failure: Failure, failed: Deployment, candidate: Deployment) -> bool:
    """Whether a candidate is worth a try after this failure of another.

    Too long for one window: only a larger one helps. Refused by a safety rule: only another model does.
    A credential that is not accepted fails for all that use it.
    """
    if failure.kind == "context_length":
        return failed.context is None or candidate.context is None or candidate.context > failed.context
    if failure.kind == "content_policy":
        return candidate.model != failed.model
    if failure.kind in BREAKS_CREDENTIAL:
        return candidate.credential is not failed.credential
    return True
