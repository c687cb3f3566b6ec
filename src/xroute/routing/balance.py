"""In which order the usable deployments of one model are tried."""

from collections.abc import Callable, Sequence

from xroute.routing.deployment import Deployment
from xroute.routing.preferences import Strategy

Dice = Callable[[], float]  # uniform in [0, 1)
_FAR = float("inf")


def rank(deployments: Sequence[Deployment], strategy: Strategy, dice: Dice) -> list[Deployment]:
    """Best first; never adds, drops or repeats one."""
    if len(deployments) < 2 or strategy == "order":
        return list(deployments)
    if strategy == "balanced":
        return _two_choices(deployments, dice)
    if strategy == "weighted":
        return _weighted(deployments, dice)
    return sorted(deployments, key=_KEYS[strategy])


def _two_choices(deployments: Sequence[Deployment], dice: Dice) -> list[Deployment]:
    """Power of two choices: of two drawn at random the less loaded is first; the rest follow by load."""
    count = len(deployments)
    first = min(int(dice() * count), count - 1)
    second = min(int(dice() * (count - 1)), count - 2)
    second += second >= first
    a, b = deployments[first], deployments[second]
    best = a if _load(a) <= _load(b) else b
    if count == 2:
        return [best, b if best is a else a]
    return [best, *sorted((d for d in deployments if d is not best), key=_load)]


def _weighted(deployments: Sequence[Deployment], dice: Dice) -> list[Deployment]:
    """Weighted random order without replacement (Efraimidis and Spirakis, 2006)."""
    return sorted(deployments, key=lambda d: -(max(dice(), 1e-12) ** (1 / max(_weight(d), 1e-9))))


def _load(deployment: Deployment) -> float:
    return deployment.health.load() / max(_weight(deployment), 1e-9)


def _weight(deployment: Deployment) -> float:
    return deployment.weight * deployment.credential.weight


def _by_price(d: Deployment) -> tuple[float, float]:
    return (d.price.blended() if d.price else _FAR), _load(d)  # an unknown price comes last


def _by_latency(d: Deployment) -> tuple[float, float]:
    return d.health.first_token.seconds or d.health.answer.seconds, _load(d)


def _by_throughput(d: Deployment) -> tuple[float, float]:
    return -(d.health.tokens_per_s or _FAR), _load(d)  # one never measured goes first, once


_KEYS: dict[Strategy, Callable[[Deployment], tuple[float, float]]] = {
    "price": _by_price,
    "latency": _by_latency,
    "throughput": _by_throughput,
}
