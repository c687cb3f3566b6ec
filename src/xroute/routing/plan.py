"""The plan of a call: which deployments may take it, in which order, and why each other one may not.

Pure: the clock and the dice are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xroute.routing.able import Able, Excluded
from xroute.routing.balance import Dice, rank
from xroute.routing.deployment import Deployment
from xroute.routing.preferences import NONE, Preferences, Strategy


@dataclass(slots=True)
class Plan:
    """Candidates in the order in which they are tried, and what was left out."""

    candidates: list[Deployment]
    excluded: Sequence[Excluded]
    strict: bool = False  # no parameter may get lost

    def __repr__(self) -> str:
        left_out = ", ".join(f"{e.deployment.id}: {e.reason}" for e in self.excluded)
        return f"Plan({[d.id for d in self.candidates]}; left out: {left_out or 'none'})"


# Tokens per byte when nothing is known: low, so that nobody is turned away by a bad guess.
DEFAULT_RATIO = 0.2
MAX_FAMILIES = 1000
NO_PARAMETERS = frozenset[str]()


class Ratios:
    """Tokens per byte of each model family, corrected by what providers report.

    Two figures: the usual one prices an answer whose provider does not count; the least one seen decides
    what does not fit, as languages differ fivefold and nobody is to be turned away by another's.
    """

    __slots__ = ("_least", "_usual")

    def __init__(self) -> None:
        self._usual: dict[str, float] = {}
        self._least: dict[str, float] = {}

    def tokens(self, family: str, size: int) -> int:
        """Estimated tokens of so many bytes of request text."""
        return int(size * self._usual.get(family, DEFAULT_RATIO))

    def least(self, family: str, size: int) -> int:
        """Tokens that so many bytes have at the very least."""
        return int(size * self._least.get(family, DEFAULT_RATIO))

    def learn(self, family: str, size: int, tokens: int) -> None:
        """A provider counted `tokens` for a request of `size` bytes; short ones say little."""
        if size < 400 or tokens <= 0 or (family not in self._usual and len(self._usual) >= MAX_FAMILIES):
            return
        seen = min(tokens / size, 1.0)
        self._usual[family] = 0.9 * self._usual.get(family, DEFAULT_RATIO) + 0.1 * seen
        # The least comes down at once and goes up very slowly, and never above the default.
        least = self._least.get(family, DEFAULT_RATIO)
        self._least[family] = min(seen, 0.999 * least + 0.001 * seen, DEFAULT_RATIO)


def plan_call(
    able: Able,
    size: int,
    most: int,
    parameters: frozenset[str],
    ratios: Ratios,
    now: float,
    dice: Dice,
    strategy: Strategy = "balanced",
    preferences: Preferences = NONE,
    workspace: str = "",
) -> Plan:
    """The plan for a request of `size` bytes of text, for an answer of `most` tokens (0 = not said), and with
    `parameters` that must not be dropped.

    1. of those who are able, who has no room for it or is not wanted is left out, with the reason;
    2. within a model, the workspace's own first, then `preferences.order`, then the strategy's order;
    3. one that is half-open goes first as a probe (a failure moves on unseen), unless the caller said whom
       it wants first, or the workspace has one of its own; who is open goes last;
    4. without `allow_fallbacks` a model keeps the providers of `order`, or else its first one.
    """
    groups, excluded = able.groups, able.excluded
    if parameters or preferences is not NONE or size * DEFAULT_RATIO + most > able.window:
        groups, excluded = _fitting(able, size, most, parameters, ratios, preferences)
    if len(groups) == 1 and len(groups[0]) < 2:
        candidates = list(groups[0])  # who is alone needs no order
    else:
        candidates = _ordered(groups, now, dice, strategy, preferences, workspace)
    return Plan(candidates, excluded, bool(parameters))


def _fitting(
    able: Able, size: int, most: int, parameters: frozenset[str], ratios: Ratios, preferences: Preferences
) -> tuple[list[list[Deployment]], list[Excluded]]:
    """(those who can and may take this very request, what is left out)."""
    found: list[list[Deployment]] = []
    excluded = list(able.excluded)
    for group in able.groups:
        found.append([])
        for d in group:
            lack = _lack(d, size, most, parameters, ratios) or _unwanted(d, preferences)
            if lack is None:
                found[-1].append(d)
            else:
                excluded.append(Excluded(d, *lack))
    return found, excluded


def _ordered(
    groups: Sequence[Sequence[Deployment]],
    now: float,
    dice: Dice,
    strategy: Strategy,
    preferences: Preferences,
    workspace: str,
) -> list[Deployment]:
    """Deployments, model by model, in the order in which they are tried."""
    ready: list[Deployment] = []
    resting: list[Deployment] = []
    probes: list[Deployment] = []
    for group in groups:
        well, half, tired = _sorted(group, now)
        probes += half
        ranked = rank(well, preferences.sort or strategy, dice, now) + half
        ranked = _prefer(ranked, preferences.order)
        if workspace:
            ranked.sort(key=_is_ours)
        if not preferences.allow_fallbacks and not preferences.order:
            ranked, tired = (ranked[:1], []) if ranked else ([], tired[:1])
        ready += ranked
        resting += tired
    resting.sort(key=rests_until)
    if workspace and any(d.workspace for d in ready):
        probes = [d for d in probes if d.workspace]
    if probes and preferences.allow_fallbacks and not preferences.order and not preferences.sort:
        ready.remove(probes[0])
        ready.insert(0, probes[0])
    return ready + resting


def _is_ours(deployment: Deployment) -> bool:
    return not deployment.workspace


def rests_until(deployment: Deployment) -> float:
    """When a deployment may be called again, 0 for at once."""
    return max(deployment.health.breaker.until, deployment.credential.breaker.until)


def _sorted(
    usable: Sequence[Deployment], now: float
) -> tuple[list[Deployment], list[Deployment], list[Deployment]]:
    """(those that are well, those that are half-open and may be probed, those that rest)."""
    well: list[Deployment] = []
    half: list[Deployment] = []
    resting: list[Deployment] = []
    for deployment in usable:
        own, shared = deployment.health.breaker, deployment.credential.breaker
        if not own.until and not shared.until:
            well.append(deployment)
        elif own.allows(now) and shared.allows(now):
            half.append(deployment)
        else:
            resting.append(deployment)
    return well, half, resting


def _prefer(ranked: list[Deployment], order: tuple[str, ...]) -> list[Deployment]:
    """Providers named in `order` first, in that order; the rest as ranked."""
    if not order:
        return ranked
    places = {provider: place for place, provider in enumerate(order)}
    return sorted(ranked, key=lambda d: places.get(d.provider.lower(), len(places)))


def _lack(
    d: Deployment, size: int, most: int, parameters: frozenset[str], ratios: Ratios
) -> tuple[str, str] | None:
    """Why this deployment cannot take the request: (reason, detail), or None."""
    if d.context is not None and (tokens := ratios.least(d.family, size)) + most > d.context:
        detail = f"at least {tokens} tokens in and {most} out do not fit the {d.context} of {d.model}"
        return "context_length", detail
    if parameters and (dropped := parameters & d.refused):
        return "require_parameters", f"{d.provider} does not take: {', '.join(sorted(dropped))}"
    return None


def _unwanted(d: Deployment, p: Preferences) -> tuple[str, str] | None:
    provider = d.provider.lower()
    if p.only and provider not in p.only:
        return "not_allowed", f"{d.provider} is not in provider.only"
    if provider in p.ignore:
        return "ignored", f"{d.provider} is in provider.ignore"
    if p.order and not p.allow_fallbacks and provider not in p.order:
        return "not_allowed", f"{d.provider} is not in provider.order, and allow_fallbacks is false"
    if p.zdr and not d.zdr:
        return "data_policy:zdr", f"{d.provider} is not known to keep no data"
    if p.no_training and not d.trains_never:
        return "data_policy:training", f"{d.provider} is not known to refrain from training on its data"
    return _too_dear(d, p)


def _too_dear(d: Deployment, p: Preferences) -> tuple[str, str] | None:
    if p.max_input is None and p.max_output is None and p.max_request is None:
        return None
    if d.price is None:
        return "max_price", f"the price of {d.model} at {d.provider} is not known"
    limits = ((p.max_input, d.price.input), (p.max_output, d.price.output), (p.max_request, d.price.request))
    if any(limit is not None and price > limit for limit, price in limits):
        return "max_price", f"{d.model} at {d.provider} costs more than provider.max_price"
    return None
