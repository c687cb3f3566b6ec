"""In which order the usable deployments of one model are tried."""

from collections.abc import Callable, Sequence

from xroute.routing.deployment import Deployment
from xroute.routing.preferences import Strategy

Dice = Callable[[], float]  # uniform in [0, 1)
_FAR = float("inf")


def rank(deployments: Sequence[Deployment], strategy: Strategy, dice: Dice) -> list[Deployment]:
    """Best first; never adds, drops or repeats one."""
    if len(deployments) < 2:
        return list(deployments)
    match strategy:
        case "balanced":
            return _two_choices(deployments, dice)
        case "weighted":
            return _weighted(deployments, dice)
        case "price":
            return sorted(deployments, key=lambda d: (d.price.blended() if d.price else _FAR, _load(d)))
        case "latency":
            return sorted(deployments, key=lambda d: (d.health.ttft_s, _load(d)))
        case "throughput":
            # One never measured goes first once, else it would never be measured.
            return sorted(deployments, key=lambda d: (-(d.health.tokens_per_s or _FAR), _load(d)))
        case "order":
            return list(deployments)


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
