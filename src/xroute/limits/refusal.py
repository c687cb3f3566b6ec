"""Which gate of a call that does not fit refuses it, and when it opens."""

from xroute.limits.counters import SOON_S, Counter, Purse
from xroute.limits.gate import OF, Amounts, Gate, Refused
from xroute.limits.plans import Plan

NEVER = float("inf")


def refusal(plan: Plan, amounts: Amounts, now: float) -> Refused:
    """By the strictest gate without room, the one that opens last: never, then the latest, then when calls
    under way give back what they hold, which nobody can foretell. Asked for only where one has no room."""
    shut = [
        _by(gate, counter, amount, now)
        for gate, counter in plan.hard
        if not counter.has_room(amount := amounts[OF[gate.measure]], gate.limit, now)
    ]
    gate, left, after_s, is_held = max(shut, key=_strictness)
    return Refused(gate, left, after_s, is_held, plan.standing(now))


Shut = tuple[Gate, int, float | None, bool]  # the fields of Refused


def _by(gate: Gate, counter: Counter, amount: int, now: float) -> Shut:
    limit = gate.limit
    left = counter.left(limit, now)
    if isinstance(counter, Purse) and gate.measure != "requests" and counter.spent + amount <= limit:
        return gate, left, SOON_S, True  # a request is one however it ends, the rest may turn out to be less
    return gate, left, counter.retry_after_s(amount, limit, now), False


def _strictness(shut: Shut) -> float:
    _, _, after_s, is_held = shut
    if is_held:
        return -1.0
    return NEVER if after_s is None else after_s
