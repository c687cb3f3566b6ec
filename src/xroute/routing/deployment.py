"""A deployment: one provider serving one model, at a price, with limits, through one credential."""

from dataclasses import dataclass, field
from math import exp

from xroute.catalog.entries import DataPolicy, Quirks
from xroute.money.price import Price
from xroute.routing.breaker import Breaker, BreakerRules
from xroute.wire.http import Signer, Target, Timeouts

TAU_S = 10.0  # how fast an old latency gives way to newer ones
FADE_S = 60.0  # how fast it is forgotten when none come
LEAST_S = 0.001  # and what it never falls below


class Credential:
    """Ours at a provider: its name and state. The secret itself is only in the deployments' targets."""

    __slots__ = ("breaker", "id", "weight")

    def __init__(self, id_: str, weight: float, rules: BreakerRules) -> None:
        self.id = id_
        self.weight = weight
        self.breaker = Breaker(rules)


class PeakEwma:
    """Seconds: a slower time counts at once, a faster one only bit by bit; 0 = never measured."""

    __slots__ = ("_at", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._at = 0.0

    def note(self, now: float, seconds: float) -> None:
        slower = self.seconds - seconds
        self.seconds = seconds if slower < 0 else seconds + slower * exp((self._at - now) / TAU_S)
        self._at = now

    def faded(self, now: float) -> float:
        """The time as it counts now: who is not called must not be shunned for ever for one slow answer."""
        if not self.seconds or now <= self._at:
            return self.seconds
        return max(self.seconds * exp((self._at - now) / FADE_S), LEAST_S)


class Health:
    """What a deployment has shown lately: speed, load, failures."""

    __slots__ = ("answer", "breaker", "calls", "failures", "first_token", "in_flight", "tokens_per_s")

    def __init__(self, rules: BreakerRules) -> None:
        self.breaker = Breaker(rules)
        self.first_token = PeakEwma()  # of streams
        self.answer = PeakEwma()  # of whole answers
        self.tokens_per_s = 0.0  # EWMA of output; 0 = never measured
        self.in_flight = 0
        self.calls = 0
        self.failures = 0

    def speed(self, tokens_per_s: float) -> None:
        """Output speed of one finished stream, after its first token."""
        self.tokens_per_s = (
            0.8 * self.tokens_per_s + 0.2 * tokens_per_s if self.tokens_per_s else tokens_per_s
        )

    def wait(self, now: float) -> float:
        """Seconds a call is expected to wait, in flight ones aside; 0 = never measured."""
        return max(self.first_token.faded(now), self.answer.faded(now))


@dataclass(slots=True, eq=False)
class Deployment:
    """Facts, fixed for a configuration, and the health that changes."""

    id: str  # "openai/gpt-4o-mini@openai" or "...@openai#2" for the second credential
    provider: str
    model: str  # our id
    upstream: str  # the provider's name for the model
    dialect: str
    targets: dict[str, Target]  # by operation; one for streams is under "<operation>_stream" where it differs
    credential: Credential
    health: Health
    price: Price | None = None  # None = unknown
    is_timed: bool = False  # the price changes with the hour or the date
    family: str = ""
    context: int | None = None
    output: int | None = None
    abilities: frozenset[str] | None = None  # None = not known, so nothing is ruled out
    weight: float = 1.0
    workspace: str = ""  # whose credential it is called with; "" = ours, for everybody
    operations: frozenset[str] = frozenset({"chat"})  # that the model is made for and the provider has
    refused: frozenset[str] = frozenset()  # request fields that get lost there
    signer: Signer | None = None
    quirks: Quirks = field(default_factory=Quirks)
    data: DataPolicy = field(default_factory=DataPolicy)
    local: bool = False  # on the user's own machines
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __repr__(self) -> str:
        return f"Deployment({self.id})"

    @property
    def target(self) -> Target:
        """Where chat goes, or whatever comes first for one that is not made for it."""
        return self.targets.get("chat") or next(iter(self.targets.values()))

    @property
    def zdr(self) -> bool:
        """It is known to keep neither requests nor answers."""
        return self.local or self.data.zdr is True

    @property
    def trains_never(self) -> bool:
        """It is known not to train models on what it is sent; who keeps nothing cannot."""
        return self.zdr or self.data.trains is False

    @property
    def regions(self) -> frozenset[str]:
        """All the regions where it may process data; empty = not known."""
        return self.data.regions
