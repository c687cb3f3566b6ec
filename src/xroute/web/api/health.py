"""GET /api/v1/health/deployments: what each deployment and credential has shown lately."""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from xroute.gateway.fleet import Fleet
from xroute.routing.breaker import Breaker
from xroute.routing.deployment import Deployment
from xroute.wire.who import Who


class BreakerState(BaseModel):
    """A circuit breaker now."""

    state: Literal["closed", "open", "half_open"]
    reason: str | None = Field(description="Kind of the failure that opened it.")
    opens_again_in_s: float | None = Field(description="Seconds until a probe is let through.")


class DeploymentHealth(BaseModel):
    """One deployment that calls were planned for."""

    id: str
    provider: str
    model: str
    credential: str = Field(description="The credential's name, never the credential.")
    breaker: BreakerState
    credential_breaker: BreakerState
    in_flight: int
    calls: int
    failures: int
    ttft_ms: float | None = Field(description="Peak EWMA of the time to first token; null = never measured.")


class Deployments(BaseModel):
    """Every deployment in use."""

    data: list[DeploymentHealth]


def router(fleet: Fleet, clock: Callable[[], float]) -> APIRouter:
    """The health routes over a fleet; `clock` is the one its breakers are told the time by."""
    routes = APIRouter(prefix="/api/v1/health", tags=["health"])

    @routes.get("/deployments")
    async def deployments(request: Request) -> Deployments:  # pyright: ignore[reportUnusedFunction]
        """The state of every deployment that calls were planned for."""
        now = clock()
        who: Who | None = request.scope["state"]["who"]
        made = fleet.made(who.workspace if who else "")
        return Deployments(data=[_shown(d, now) for d in made])

    return routes


def _shown(d: Deployment, now: float) -> DeploymentHealth:
    health = d.health
    return DeploymentHealth(
        id=d.id,
        provider=d.provider,
        model=d.model,
        credential=d.credential.id,
        breaker=_breaker(health.breaker, now),
        credential_breaker=_breaker(d.credential.breaker, now),
        in_flight=health.in_flight,
        calls=health.calls,
        failures=health.failures,
        ttft_ms=round(health.first_token.seconds * 1000, 1) or None,
    )


def _breaker(breaker: Breaker, now: float) -> BreakerState:
    left = breaker.until - now
    return BreakerState(
        state=breaker.state(now),
        reason=breaker.reason or None,
        opens_again_in_s=round(left, 1) if left > 0 else None,
    )
