"""In which order the usable deployments of one model are tried."""

from collections.abc import Callable, Sequence

from xroute.routing.deployment import Deployment
from xroute.routing.preferences import Strategy

Dice = Callable[[], float]  # uniform in [0, 1)
_FAR = float("inf")
SHORTEST_S = 0.001  # seconds; what a deployment is taken for while none is measured


def rank(
    deployments: Sequence[Deployment], strategy: Strategy, dice: Dice, now: float = 0.0
) -> list[Deployment]:
    """Best first; never adds, drops or repeats one. Latencies fade until `now`; 0 = as last measured."""
    if len(deployments) < 2 or strategy == "order":
        return list(deployments)
    if strategy == "balanced":
        return _two_choices(deployments, dice, now)
    if strategy == "weighted":
        return _weighted(deployments, dice)
    key = _KEYS[strategy]
    loads = _loads(deployments, now)
    return [deployments[n] for n in sorted(range(len(loads)), key=lambda n: (key(deployments[n]), loads[n]))]


def _two_choices(deployments: Sequence[Deployment], dice: Dice, now: float) -> list[Deployment]:
    """Power of two choices: of two drawn at random the less loaded is first; the rest follow by load."""
    count = len(deployments)
    loads = _loads(deployments, now)
    first = min(int(dice() * count), count - 1)
    second = min(int(dice() * (count - 1)), count - 2)
    second += second >= first
    best = first if loads[first] <= loads[second] else second
    rest = sorted((n for n in range(count) if n != best), key=loads.__getitem__)
    return [deployments[n] for n in (best, *rest)]


def _loads(deployments: Sequence[Deployment], now: float) -> list[float]:
    """Expected wait of one more call at each. One never measured is taken to be as quick as the quickest,
    so that it is tried, and not by everybody at once."""
    waits = [d.health.wait(now) for d in deployments]
    unknown = min((wait for wait in waits if wait), default=SHORTEST_S)
    return [
        (wait or unknown) * (d.health.in_flight + 1) / max(_weight(d), 1e-9)
        for d, wait in zip(deployments, waits, strict=True)
    ]


def _weighted(deployments: Sequence[Deployment], dice: Dice) -> list[Deployment]:
    """Weighted random order without replacement (Efraimidis and Spirakis, 2006)."""
    return sorted(deployments, key=lambda d: -(max(dice(), 1e-12) ** (1 / max(_weight(d), 1e-9))))


def _weight(deployment: Deployment) -> float:
    return deployment.weight * deployment.credential.weight


def _by_price(d: Deployment) -> float:
    return d.price.blended() if d.price else _FAR  # an unknown price comes last


def _by_latency(d: Deployment) -> float:
    return d.health.first_token.seconds or d.health.answer.seconds


def _by_throughput(d: Deployment) -> float:
    return -(d.health.tokens_per_s or _FAR)  # one never measured goes first, once


_KEYS: dict[Strategy, Callable[[Deployment], float]] = {
    "price": _by_price,
    "latency": _by_latency,
    "throughput": _by_throughput,
}
