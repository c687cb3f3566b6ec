"""Which gate of a call that does not fit refuses it, and when it opens."""

from xroute.limits.counters import SOON_S, Counter, Purse
from xroute.limits.gate import Gate, Refused
from xroute.limits.plans import Needs, Plan

NEVER = float("inf")


def refusal(plan: Plan, needed: Needs, now: float) -> Refused:
    """By the strictest gate without room, the one that opens last: never, then the latest, then when calls
    under way give back what they hold, which nobody can foretell. Asked for only where one has no room."""
    shut = [
        _by(gate, counter, needed[of], limit, now)
        for counter, limit, of, gate in plan.checks
        if not counter.has_room(needed[of], limit, now)
    ]
    gate, left, after_s, is_held = max(shut, key=_strictness)
    return Refused(gate, left, after_s, is_held, plan.levels(now))


Shut = tuple[Gate, int, float | None, bool]  # the fields of Refused


def _by(gate: Gate, counter: Counter, amount: int, limit: int, now: float) -> Shut:
    left = counter.left(limit, now)
    if isinstance(counter, Purse) and gate.measure != "requests" and counter.spent + amount <= limit:
        return gate, left, SOON_S, True  # a request is one however it ends, the rest may turn out to be less
    return gate, left, counter.retry_after_s(amount, limit, now), False


def _strictness(shut: Shut) -> float:
    _, _, after_s, is_held = shut
    if is_held:
        return -1.0
    return NEVER if after_s is None else after_s
