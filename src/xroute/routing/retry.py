"""What comes after a failed attempt: another deployment, the same one later, or the end. Pure."""

from dataclasses import dataclass
from typing import Literal

from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure, Kind

# The caller's fault: every provider would say the same, so the first answer is the last.
FINAL: frozenset[Kind] = frozenset({"rejected"})
# Not this model, but perhaps another of the list.
OTHER_MODEL: frozenset[Kind] = frozenset({"content_policy", "context_length"})
# Not this deployment or credential again in this call.
NOT_AGAIN: frozenset[Kind] = frozenset({"credentials", "payment", "not_found"}) | OTHER_MODEL
# Says something about the health of the deployment.
BREAKS: frozenset[Kind] = frozenset(
    {"overloaded", "timeout", "connect", "malformed", "cut", "server", "not_found"}
)
# Says something about the credential.
BREAKS_CREDENTIAL: frozenset[Kind] = frozenset({"credentials", "payment"})

BASE_S = 0.2
CAP_S = 8.0


@dataclass(frozen=True, slots=True)
class Next:
    """`other`: the next candidate now. `again`: a candidate of before, after `wait_s`. `stop`: the end."""

    what: Literal["other", "again", "stop"]
    wait_s: float = 0.0


STOP = Next("stop")
OTHER = Next("other")


def after(
    failure: Failure, *, attempts: int, max_attempts: int, others: int, left_s: float, dice: float
) -> Next:
    """What next. `attempts` made so far, `others` = candidates not tried yet, `left_s` until the deadline.

    1. the caller's fault, no attempts or no time left: stop
    2. somebody else can be tried: at once
    3. everybody was tried: the same again with full jitter, no earlier than Retry-After, if that fits
    """
    if failure.kind in FINAL or attempts >= max_attempts or left_s <= 0:
        return STOP
    if others:
        return OTHER
    if failure.kind in NOT_AGAIN:
        return STOP
    wait_s = dice * min(CAP_S, BASE_S * 2 ** (attempts - 1))
    if failure.retry_after_s is not None:
        wait_s += failure.retry_after_s
    return Next("again", wait_s) if wait_s < left_s else STOP


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
