"""A breaker under any interleaving of calls, against a naive model that remembers everything."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from xroute.routing.breaker import Breaker, BreakerRules

RULES = st.builds(
    BreakerRules,
    window_s=st.floats(0.5, 20),
    min_calls=st.integers(1, 8),
    error_rate=st.floats(0.1, 1),
    consecutive=st.integers(1, 6),
    cooldown_s=st.floats(0.5, 8),
    max_cooldown_s=st.floats(8, 60),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from((0.0, 0.1, 0.7, 3.0, 11.0, 40.0)),  # seconds since the step before
        st.sampled_from(("success", "failure", "failure", "open", "pause", "ask", "ask", "ask", "ask")),
        st.sampled_from((0.0, 0.05, 2.0, 30.0)),  # for how long, where the step names a time
    ),
    min_size=8,
    max_size=60,
)


@dataclass
class Naive:
    """What the breaker's docstring says, done the long way."""

    rules: BreakerRules
    calls: list[tuple[float, bool]] = field(default_factory=list)  # since it last closed
    in_row: int = 0
    openings: int = 0
    until: float = 0.0
    asked: float = 0.0

    def seen(self, now):
        return [bad for at, bad in self.calls if now - at <= self.rules.window_s]

    def success(self, now):
        if self.until and now >= self.asked:
            self.calls, self.until, self.asked = [], 0.0, 0.0
        self.calls.append((now, False))
        self.in_row = self.openings = 0

    def failure(self, now):
        self.calls.append((now, True))
        self.in_row += 1
        seen, rules = self.seen(now), self.rules
        often = len(seen) >= rules.min_calls and sum(seen) >= rules.error_rate * len(seen)
        if now < self.until:
            return
        if self.until or self.in_row >= rules.consecutive or often:
            self.open(now, min(rules.cooldown_s * 2**self.openings, rules.max_cooldown_s))

    def open(self, now, for_s):
        self.openings += now >= self.until
        self.until = max(self.until, now + for_s)

    def pause(self, now, for_s):
        self.asked = max(self.asked, now + for_s)
        self.open(now, for_s)


@given(RULES, STEPS, st.sampled_from((0.001, 1.0, 5000.0)))
def test_it_counts_and_opens_as_the_naive_model_does(rules, steps, now):
    breaker, naive = Breaker(rules), Naive(rules)
    for after_s, step, for_s in steps:
        now += after_s
        match step:
            case "success":
                breaker.success(now)
                naive.success(now)
            case "failure":
                breaker.failure(now, "server")
                naive.failure(now)
            case "open":
                breaker.open(now, for_s, "named")
                naive.open(now, for_s)
            case "pause":
                breaker.pause(now, for_s, "named")
                naive.pause(now, for_s)
            case _:
                breaker.begin(now)
        assert (breaker.until, breaker.asked) == (naive.until, naive.asked)
        if step in ("success", "failure"):
            seen = naive.seen(now)
            counts = f"{len(seen)} calls, {sum(seen)} bad, {naive.in_row} in a row"
            assert repr(breaker) == f"Breaker({counts}, until {naive.until:g})"


@given(RULES, STEPS, st.sampled_from((0.001, 1.0, 5000.0)))
def test_one_probe_passes_in_a_cooldown_and_until_never_shrinks_while_it_is_open(rules, steps, now):
    breaker = Breaker(rules)
    probe = None  # when one began whose end has not been told
    for after_s, step, for_s in steps:
        now += after_s
        until, asked = breaker.until, breaker.asked
        match step:
            case "success":
                breaker.success(now)
                assert breaker.until == (until if now < asked else 0.0)
            case "failure":
                breaker.failure(now, "server")
                assert breaker.until >= until
                if until and now < until:
                    assert breaker.until == until  # a last resort that failed
                elif until:
                    assert breaker.until >= now + rules.cooldown_s
            case "open":
                breaker.open(now, for_s, "named")
                assert breaker.until == max(until, now + for_s)
            case "pause":
                breaker.pause(now, for_s, "named")
                assert breaker.until == max(until, now + for_s)
            case _ if breaker.allows(now):
                if breaker.state(now) == "half_open":
                    assert probe is None or now - probe >= rules.cooldown_s
                    probe = now
                breaker.begin(now)
                assert breaker.state(now) != "open"
            case _:
                assert breaker.state(now) == "open" or probe is not None
        probe = None if step in ("success", "failure", "open", "pause") else probe


@given(RULES, STEPS)
def test_state_and_permission_agree(rules, steps):
    breaker, now = Breaker(rules), 100.0
    for after_s, step, for_s in steps:
        now += after_s
        if step == "success":
            breaker.success(now)
        elif step == "failure":
            breaker.failure(now, "server")
        elif step != "ask":
            breaker.pause(now, for_s, "named")
        state = breaker.state(now)
        assert (state == "closed") == (breaker.until == 0.0) == (breaker.reason == "")
        assert breaker.allows(now) == (state != "open")  # nobody probes here
