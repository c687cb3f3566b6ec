"""Deployments with just the facts that a test is about."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.money.price import Price, Rates
from xroute.routing.able import Bar, find_able
from xroute.routing.balance import Dice as Throws
from xroute.routing.breaker import BreakerRules
from xroute.routing.deployment import Credential, Deployment, Health
from xroute.routing.plan import Plan, Ratios, plan_call
from xroute.routing.preferences import NONE, Preferences, Strategy
from xroute.wire.http import Target

RULES = BreakerRules()
NOWHERE = Target("https://provider.test/v1/chat/completions", ())


def deployment(
    provider: str = "alpha",
    model: str = "maker/model",
    *,
    credential: Credential | None = None,
    rules: BreakerRules = RULES,
    drop: Iterable[str] = (),
    **facts: Any,
) -> Deployment:
    """One deployment; `facts` are further fields of it."""
    made = Deployment(
        id=facts.pop("id", f"{model}@{provider}"),
        provider=provider,
        model=model,
        upstream=model.partition("/")[2],
        dialect="openai",
        targets={"chat": NOWHERE},
        credential=credential or Credential(f"{provider}/1", 1.0, rules),
        health=Health(rules),
        refused=frozenset(drop),
        quirks=Quirks(drop=frozenset(drop)),
    )
    return replace(made, **facts)


@dataclass(frozen=True)
class Needs:
    """What a call asks of a deployment."""

    abilities: frozenset[str] = frozenset()
    body_bytes: int = 0
    max_tokens: int = 0
    parameters: frozenset[str] = frozenset()  # that must not be dropped
    operation: str = "chat"


def plan_of(
    groups: Sequence[Sequence[Deployment]],
    needs: Needs,
    ratios: Ratios,
    now: float,
    dice: Throws,
    strategy: Strategy = "balanced",
    preferences: Preferences = NONE,
    workspace: str = "",
    bar: Bar | None = None,
) -> Plan:
    """The plan of a call for a list of models: who is able, then who takes this one and in which order."""
    able = find_able(groups, needs.operation, needs.abilities, workspace, bar)
    size, most, parameters = needs.body_bytes, needs.max_tokens, needs.parameters
    return plan_call(able, size, most, parameters, ratios, now, dice, strategy, preferences, workspace)


def price(input_: int = 0, output: int = 0, request: int = 0) -> Price:
    """A plain price in nano-dollars per million tokens."""
    return Price(Rates(input=input_, output=output), request=request)


def ids(deployments: Iterable[Deployment]) -> list[str]:
    """What to compare: names, not objects."""
    return [d.id for d in deployments]


class Dice:
    """Gives the numbers it was made with, in turn and over again."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = numbers or (0.0,)
        self._next: Iterator[float] = iter(())

    def __call__(self) -> float:
        for number in self._next:
            return number
        self._next = iter(self._numbers)
        return next(self._next)
