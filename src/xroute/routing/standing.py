"""What the end of an attempt says of the health of a deployment and its credential."""

from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.routing.retry import BREAKS, BREAKS_CREDENTIAL

REST_S = 1.0  # pause after a 429 that does not say how long
BAD_CREDENTIAL_S = 60.0  # pause of a credential that a provider does not accept
MIN_SPEED_TOKENS = 16  # a shorter answer says little of the speed


def praise(deployment: Deployment, now: float, began: float | None = None) -> None:
    """It answered an attempt that began then."""
    deployment.health.breaker.success(now, began)
    deployment.credential.breaker.success(now, began)


def note_speed(deployment: Deployment, tokens: int, seconds: float) -> None:
    """A stream of so many tokens took so long after its first one."""
    if tokens >= MIN_SPEED_TOKENS and seconds > 0:
        deployment.health.speed(tokens / seconds)


def blame(deployment: Deployment, failure: Failure, now: float, began: float | None = None) -> None:
    """It failed. What the caller is to blame for shows that the deployment is well, or nothing."""
    if failure.is_impatience:
        return
    if failure.kind == "rate_limit":
        _pause(deployment, failure, now)
    elif failure.kind in BREAKS:
        _break(deployment, failure, now, began)
    elif failure.kind in BREAKS_CREDENTIAL:
        _refuse(deployment, failure, now, began)
    else:
        deployment.health.breaker.success(now, began)
        return
    deployment.health.failures += 1


def _pause(deployment: Deployment, failure: Failure, now: float) -> None:
    for_s = REST_S if failure.retry_after_s is None else failure.retry_after_s
    deployment.health.breaker.pause(now, for_s, failure.kind)


def _break(deployment: Deployment, failure: Failure, now: float, began: float | None) -> None:
    deployment.health.breaker.failure(now, failure.kind, began)
    if failure.retry_after_s:
        deployment.health.breaker.pause(now, failure.retry_after_s, failure.kind)


def _refuse(deployment: Deployment, failure: Failure, now: float, began: float | None) -> None:
    """A 403 is often about one model only, so the others may go on with the credential."""
    if failure.status == 403:
        deployment.health.breaker.open(now, BAD_CREDENTIAL_S, failure.kind)
        deployment.credential.breaker.failure(now, failure.kind, began)
    else:
        deployment.credential.breaker.open(now, BAD_CREDENTIAL_S, failure.kind)
