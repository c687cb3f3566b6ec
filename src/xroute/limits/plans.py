"""The counters of every gate, found once for all gates of a call, and forgotten when nobody needs them.

Which users a request names is up to the client, so what is kept of them is bounded. Counters that say nothing
any more (a rate after a quiet minute, a purse after its window) go first, and nothing is lost. A purse whose
window is over stays for a day where there is room: a clock that is set back asks for it again. Where there
are too many for all that, what a user has spent is forgotten, of those rules that have more users than their
share; `forgotten` counts them. What is spent of a rule that is not for each user is never forgotten.
"""

from collections import OrderedDict

from xroute.limits.counters import NEVER, Counter, Purse, Slots
from xroute.limits.gate import OF, Amounts, Gate, Level, purses_of
from xroute.limits.rate import Rate

IDLE_S = 60.0  # after which a plan may go
MOST_PLANS = 20_000
MOST_RESTING = 200_000
LOOKS = 4  # at the oldest, for each that is new
KEPT_S = 24 * 3600.0  # after its window, as Redis and the database keep a purse too


class Plan:
    """The counters behind the gates of a call: what is checked, and what is taken of each once."""

    __slots__ = (
        "charged",
        "counters",
        "gates",
        "groups",
        "hard",
        "purses",
        "rates",
        "shown",
        "slots",
        "under_way",
        "used_s",
    )

    def __init__(self, gates: tuple[Gate, ...], counters: list[Counter]) -> None:
        found = list(zip(gates, counters, strict=True))
        self.gates = gates
        self.charged = purses_of(gates)
        self.hard = tuple((gate, c) for gate, c in found if gate.hard)
        limits: dict[int, float] = {}  # of a counter, the least of its gates
        for gate, counter in self.hard:
            limits[id(counter)] = min(gate.limit, limits.get(id(counter), gate.limit))
        once = {id(c): (c, OF[gate.measure]) for gate, c in found}.values()
        self.counters = tuple((c, limits.get(id(c), NEVER), of) for c, of in once)
        self.rates = tuple((c, of) for c, of in once if isinstance(c, Rate))
        self.purses = tuple((c, of) for c, of in once if isinstance(c, Purse))
        self.slots = tuple(c for c, _ in once if isinstance(c, Slots))
        rates = [(gate, c) for gate, c in self.hard if isinstance(c, Rate)]
        of_requests = [each for each in rates if each[0].measure == "requests"]
        of_tokens = [each for each in rates if each[0].measure != "requests"]
        self.groups = tuple(each for each in (of_requests, of_tokens) if each)
        is_clear = all(len(each) == 1 for each in self.groups)  # which of a group is the strictest
        self.shown = tuple(each[0] for each in self.groups) if is_clear else ()
        self.under_way = 0
        self.used_s = 0.0

    def put_back(self, shut: Counter, amounts: Amounts) -> None:
        """Nothing was taken of the counters before this one."""
        for counter, _, of in self.counters:
            if counter is shut:
                return
            counter.used -= amounts[of]

    def standing(self, now: float) -> tuple[Level, ...]:
        """The levels where nothing was taken."""
        for rate, _ in self.rates:
            rate.forget(now)
        return self.levels(now)

    def levels(self, now: float) -> tuple[Level, ...]:
        """After something was taken: the rate of requests of which the least is left, and that of tokens."""
        levels: list[Level] = []
        for gate, rate in self.shown or [min(group, key=_left) for group in self.groups]:
            left, reset_s = gate.limit - rate.used, rate.last + rate.period_s - now
            levels.append(Level(gate, left if left > 0 else 0, reset_s if reset_s > 0 else 0.0))
        return tuple(levels)


def _left(each: tuple[Gate, Rate]) -> int:
    gate, rate = each
    return gate.limit - rate.used


class Plans:
    """Plans by their gates, which are known by being the same tuple, and counters by their keys."""

    def __init__(self, most_plans: int = MOST_PLANS, most_resting: int = MOST_RESTING) -> None:
        self.known: dict[int, Plan] = {}
        self.loaded: dict[str, int] = {}  # spent, of purses that nobody has asked for yet
        self.forgotten = 0
        self._most_plans = most_plans
        self._most_resting = most_resting
        self._ages: OrderedDict[int, Plan] = OrderedDict()  # `known`, oldest look first
        self._counters: dict[str, Counter] = {}
        self._resting: OrderedDict[str, Counter] = OrderedDict()  # those that are in no plan
        self._shares: dict[str, int] = {}  # how many of them a rule has
        self._over: OrderedDict[str, Purse] = OrderedDict()  # purses that rested until their window was over

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._counters)

    def make(self, gates: tuple[Gate, ...], now: float) -> Plan:
        """The plan of gates that have none yet. Some of the oldest are looked through for it."""
        for _ in range(LOOKS):
            self._look_at_plan(now)
        for _ in range(LOOKS * len(gates)):
            self._look_at_resting(now)
            self._look_at_over(now)
        plan = Plan(gates, [self._counter(gate) for gate in gates])
        plan.used_s = now
        for key in {gate.key for gate in gates}:
            self._counters[key].plans += 1
        self.known[id(gates)] = self._ages[id(gates)] = plan
        return plan

    def find(self, key: str) -> Counter | None:
        return self._counters.get(key)

    def load(self, key: str, spent: int) -> None:
        """What was spent of a purse before anything was counted here; what is counted is never made less."""
        purse = self._counters.get(key)
        if isinstance(purse, Purse):
            purse.load(spent)
        else:
            self.loaded[key] = spent

    def _counter(self, gate: Gate) -> Counter:
        counter = self._counters.get(gate.key)
        if counter is None:
            counter = self._counters[gate.key] = self._new(gate)
        elif gate.key in self._resting:
            self._wake(gate.key)
        else:
            self._over.pop(gate.key, None)
        return counter

    def _new(self, gate: Gate) -> Counter:
        if gate.kind == "rate":
            return Rate(gate.period_s)
        return Slots() if gate.kind == "slots" else Purse(gate.until, self.loaded.pop(gate.key, 0))

    def _look_at_plan(self, now: float) -> None:
        if not self._ages:
            return
        key, plan = next(iter(self._ages.items()))
        is_quiet = now - plan.used_s >= IDLE_S or now < plan.used_s or len(self._ages) >= self._most_plans
        if plan.under_way or not is_quiet:
            self._ages.move_to_end(key)
            return
        del self._ages[key], self.known[key]
        for name in {gate.key for gate in plan.gates}:
            counter = self._counters[name]
            counter.plans -= 1
            if not counter.plans:
                self._rest(name, counter)

    def _rest(self, key: str, counter: Counter) -> None:
        self._resting[key] = counter
        rule = key.partition(":")[0]
        self._shares[rule] = self._shares.get(rule, 0) + 1

    def _wake(self, key: str) -> None:
        del self._resting[key]
        rule = key.partition(":")[0]
        self._shares[rule] -= 1
        if not self._shares[rule]:
            del self._shares[rule]

    def _look_at_over(self, now: float) -> None:
        if not self._over:
            return
        key, purse = next(iter(self._over.items()))
        if now >= purse.until + KEPT_S or len(self._over) + len(self._resting) > self._most_resting:
            del self._over[key], self._counters[key]

    def _look_at_resting(self, now: float) -> None:
        if not self._resting:
            return
        key, counter = next(iter(self._resting.items()))
        is_idle = counter.is_idle(now)
        if not is_idle and not self._is_too_many(key):
            self._resting.move_to_end(key)
            return
        self.forgotten += not is_idle
        self._wake(key)
        if is_idle and isinstance(counter, Purse) and counter.spent:
            self._over[key] = counter
        else:
            del self._counters[key]

    def _is_too_many(self, key: str) -> bool:
        """Whether a user's purse may be forgotten: `rule:measure:user:window`."""
        if len(self._resting) < self._most_resting or key.count(":") < 3:
            return False
        return self._shares[key.partition(":")[0]] > max(self._most_resting // len(self._shares), 1)
