"""limits: no minute above its limit, no purse above its own, every hold ends once, Retry-After is true."""

import asyncio
from bisect import bisect_left
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from xroute.limits.calendar import window
from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.limits.memory import Memory
from xroute.limits.pattern import is_match
from xroute.limits.rate import Rate
from xroute.limits.rules import BudgetRule, Credit, LimitRule, Rules, gate_key

NOW = 1_795_435_200.0  # 2026-11-23T12:00:00Z
TOTAL = "budget:money:total"

steps = st.one_of(
    st.just(0.0), st.floats(0, 12), st.sampled_from([0.001, 4.5, 4.999, 5.0, 5.001, 55.5, 59.999, 60.0])
)
arrivals = st.lists(st.tuples(steps, st.integers(0, 6)), min_size=1, max_size=120)


def most_in_a_minute(taken: list[tuple[float, int]]) -> int:
    """The most in any span [t, t + 60): one that begins with something taken has as much as any."""
    times = [at for at, _ in taken]
    sums = [0]
    for _, amount in taken:
        sums.append(sums[-1] + amount)
    return max(
        (sums[bisect_left(times, at + 60)] - sums[n] for n, at in enumerate(times)),
        default=0,
    )


@given(arrivals, st.integers(1, 20))
@example([(0.0, 1), (4.5, 5), (55.6, 6)], 6)  # the newest of a bucket is younger than its oldest
def test_no_sixty_seconds_have_more_than_the_limit(arrivals: list[tuple[float, int]], limit: int):
    engine, gates = Memory(), (Gate("r", "rate", "tokens", limit, "key"),)
    now, taken = NOW, []
    for step, tokens in arrivals:
        now += step
        found = engine.admit("c", gates, Amounts(1, tokens), now)
        if isinstance(found, Hold):
            engine.settle(found, Amounts(1, tokens), now)
            taken.append((now, tokens))
    assert most_in_a_minute(taken) <= limit


@given(arrivals, st.integers(1, 20), st.lists(st.tuples(st.floats(0, 90), st.integers(0, 6)), max_size=60))
def test_what_is_given_back_makes_no_room_but_its_own(
    arrivals: list[tuple[float, int]], limit: int, ends: list[tuple[float, int]]
):
    """Calls that end later with less: what is let in counts from then on as what it was in truth."""
    engine, gates = Memory(), (Gate("r", "rate", "tokens", limit, "key"),)
    now, taken = NOW, {}
    open_: list[tuple[float, Hold, int]] = []
    lengths = iter(ends)
    for n, (step, tokens) in enumerate(arrivals):
        now += step
        for item in [item for item in open_ if item[0] <= now]:
            open_.remove(item)
            until, hold, actual = item
            engine.settle(hold, Amounts(1, actual), max(until, now))
            taken[hold.id] = (hold.taken_s, actual)
        found = engine.admit(str(n), gates, Amounts(1, tokens), now)
        if isinstance(found, Hold):
            after_s, actual = next(lengths, (0.0, tokens))
            open_.append((now + after_s, found, min(actual, tokens)))
            taken[found.id] = (now, tokens)
    true = [(at, amount) for at, amount in taken.values()]
    for _, hold, actual in open_:
        true.remove((hold.taken_s, taken[hold.id][1]))
        true.append((hold.taken_s, actual))
    assert most_in_a_minute(sorted(true)) <= limit


@given(arrivals, st.integers(1, 20), st.integers(1, 6))
def test_waiting_as_long_as_retry_after_says_lets_the_call_in_and_no_shorter_time_does(
    arrivals: list[tuple[float, int]], limit: int, wanted: int
):
    engine = Memory()
    gates = (Gate("r", "rate", "tokens", limit, "key"), Gate("q", "rate", "requests", limit, "key"))
    now = NOW
    for step, tokens in arrivals:
        now += step
        engine.admit("c", gates, Amounts(1, tokens), now)
    found = engine.admit("c", gates, Amounts(1, wanted), now)
    if isinstance(found, Hold):
        return
    after_s = found.retry_after_s
    if after_s is None:
        assert wanted > limit
        return
    assert 0 < after_s <= 60
    just_before = now + after_s * 0.999
    assert isinstance(engine.admit("c", gates, Amounts(1, wanted), just_before), Refused)
    assert isinstance(engine.admit("c", gates, Amounts(1, wanted), now + after_s), Hold)


@given(
    st.integers(0, 50),
    st.integers(1, 40),
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]),
    st.integers(0, 2**31),
)
def test_a_spent_budget_opens_when_retry_after_says(spent: int, wanted: int, name: str, tz: str, now: int):
    limit = 40
    engine = Memory()
    rules = Rules(budgets=[BudgetRule("bud", "key", "key", "k", nano=limit, window=name, tz=tz)])
    gates = rules.gates("m", "", now)
    engine.load({gates[0].key: spent})
    found = engine.admit("c", gates, Amounts(nano=wanted), now)
    if isinstance(found, Hold):
        assert spent + wanted <= limit
        return
    assert spent + wanted > limit
    assert found.retry_after_s is not None
    then = now + found.retry_after_s
    assert isinstance(engine.admit("c", rules.gates("m", "", then), Amounts(nano=wanted), then), Hold)


@given(st.floats(0, 2**32), st.sampled_from(["day", "week", "month"]), st.data())
def test_every_moment_is_in_one_window_and_windows_meet(now: float, name: str, data: st.DataObject):
    zones = ["UTC", "America/St_Johns", "America/Havana", "Asia/Beirut", "Pacific/Apia", "Africa/Cairo"]
    tz = data.draw(st.sampled_from(zones))
    found = window(name, now, tz)
    assert found.start <= now < found.end
    assert window(name, found.start, tz) == window(name, found.end - 0.5, tz) == found
    following = window(name, found.end, tz)
    assert following.start == found.end
    assert following.label > found.label


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_pattern_matches_what_its_pieces_spell(pattern: str, name: str):
    assert is_match(pattern, name) is spelled(pattern, name)


def spelled(pattern: str, name: str) -> bool:
    """By trying everything."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(spelled(pattern[1:], name[n:]) for n in range(len(name) + 1))
    return bool(name) and name[0] == pattern[0] and spelled(pattern[1:], name[1:])


@given(st.text(), st.text())
def test_two_users_never_share_a_counter(one: str, other: str):
    keys = {gate_key("r", "money", user, "20261123") for user in (one, other)}
    assert len(keys) == len({one, other})


calls = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=60)  # held, actual


@given(calls, st.integers(0, 60), st.integers(0, 200))
def test_stopping_and_loading_what_was_spent_is_as_never_having_stopped(
    calls: list[tuple[int, int]], stop: int, limit: int
):
    gates = (Gate(TOTAL, "purse", "money", limit, "key"), Gate("credit:w", "purse", "credit", 100, "w"))
    steady, before, after = Memory(), Memory(), Memory()
    said: list[tuple[bool, bool]] = []
    for n, (held, actual) in enumerate(calls):
        if n == stop:
            after.load({gate.key: before.spent(gate.key) for gate in gates})
        answers = []
        for engine in (steady, before if n < stop else after):
            found = engine.admit(str(n), gates, Amounts(nano=held, credit=held), NOW + n)
            if isinstance(found, Hold):
                engine.settle(found, Amounts(nano=actual, credit=actual), NOW + n)
            answers.append(isinstance(found, Hold))
        said.append((answers[0], answers[1]))
    assert all(one == other for one, other in said)
    last = after if len(calls) > stop else before
    assert [last.spent(gate.key) for gate in gates] == [steady.spent(gate.key) for gate in gates]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(0, 3)), max_size=40), st.data())
def test_whoever_waits_ends_and_the_budget_is_kept(plans: list[tuple[int, int, int]], data: st.DataObject):
    """Calls that wait in line, some of which go away: at the end nothing is held and nobody waits."""
    gates = (Gate(TOTAL, "purse", "money", 60, "key"), Gate("credit:w", "purse", "credit", 90, "w"))
    gone = data.draw(st.sets(st.integers(0, 40)))
    engine = Memory()
    over: list[int] = []

    async def call(n: int, held: int, actual: int, turns: int) -> None:
        amounts = Amounts(nano=held, credit=held)
        found = await engine.admit_later(str(n), gates, amounts, 50, lambda: NOW)
        if isinstance(found, Refused):
            return
        over.append(engine.spent(TOTAL) + engine.held(TOTAL))
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        finally:
            spent = min(held, actual)
            engine.settle(found, Amounts(nano=spent, credit=spent), NOW)

    async def everybody() -> None:
        tasks = [asyncio.create_task(call(n, *plan)) for n, plan in enumerate(plans)]
        for n, task in enumerate(tasks):
            if n in gone:
                await asyncio.sleep(0)
                task.cancel()
        done = asyncio.gather(*tasks, return_exceptions=True)
        assert not [each for each in await done if isinstance(each, AssertionError)]

    asyncio.run(asyncio.wait_for(everybody(), 60))
    assert all(each <= 60 for each in over)
    assert (engine.held(TOTAL), engine.held("credit:w"), engine.waiting) == (0, 0, 0)
    assert engine.spent(TOTAL) == engine.spent("credit:w") <= 60


RULES = Rules(
    [
        LimitRule("lim_k", "key bench", "key", "k", rpm=12, tpm=300, tpm_out=120, concurrency=4, tpd=2_000),
        LimitRule("lim_m", "workspace", "workspace", "w", model="openai/*", rpm=8),
        LimitRule("lim_u", "", "user", "*", rpm=6, rpd=40),
    ],
    [
        BudgetRule("bud_k", "key bench", "key", "k", nano=900, window="day", tz="Europe/Berlin"),
        BudgetRule("bud_u", "", "user", "*", nano=300, window="week"),
        BudgetRule("bud_s", "soft", "key", "k", nano=10, window="total", hard=False),
    ],
    Credit("w", 5_000, 500),
)


class Engine(RuleBasedStateMachine):
    """Calls that begin, end in any order, twice, or never, over all kinds of gates, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.engine = Memory(most_plans=3, most_resting=10_000)
        self.open: list[Hold] = []
        self.ended: list[Hold] = []
        self.spent: dict[str, int] = defaultdict(int)
        self.taken: dict[str, list[tuple[float, int]]] = defaultdict(list)  # requests, by key of the rate
        self.limits: dict[str, Gate] = {}

    @rule(seconds=st.one_of(st.floats(0, 20), st.sampled_from([60.0, 3600.0, 86_400.0])))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        model=st.sampled_from(["openai/gpt-4o", "meta/llama"]),
        user=st.sampled_from(["", "ann", "bob"]),
        read=st.integers(0, 60),
        written=st.integers(0, 40),
        nano=st.integers(0, 120),
    )
    def begin(self, model: str, user: str, read: int, written: int, nano: int) -> None:
        gates = RULES.gates(model, user, self.now)
        self.limits |= {gate.key: gate for gate in gates}
        before = {gate.key: (self.engine.spent(gate.key), self.engine.held(gate.key)) for gate in gates}
        amounts = Amounts(1, read, written, nano, nano)
        found = self.engine.admit(str(len(self.open)), gates, amounts, self.now)
        if isinstance(found, Refused):
            after = {key: (self.engine.spent(key), self.engine.held(key)) for key in before}
            assert after == before
            assert found.gate in gates
            assert found.gate.hard
            assert found.left >= 0
            return
        self.open.append(found)
        for gate in gates:
            if gate.kind == "rate" and gate.measure == "requests":
                self.taken[gate.key].append((self.now, 1))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        hold = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        most = hold.amounts
        actual = Amounts(
            1,
            data.draw(st.integers(0, most.tokens_in)),
            data.draw(st.integers(0, most.tokens_out)),
            data.draw(st.integers(0, most.nano)),
            data.draw(st.integers(0, most.credit)),
        )
        self.engine.settle(hold, actual, self.now)
        self.ended.append(hold)
        for gate in hold.gates:
            if gate.kind == "purse":
                self.spent[gate.key] += taken_of(gate, actual)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), nano=st.integers(0, 500))
    def end_again(self, data: st.DataObject, nano: int) -> None:
        hold = data.draw(st.sampled_from(self.ended))
        self.engine.settle(hold, Amounts(1, nano, nano, nano, nano), self.now)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        hold = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.engine.refund(hold, self.now)
        self.ended.append(hold)
        for gate in hold.gates:
            if gate.kind == "rate" and gate.measure == "requests":
                self.taken[gate.key].remove((hold.taken_s, 1))

    @precondition(lambda self: not self.open)
    @rule()
    def start_again(self) -> None:
        """Purses are loaded; rates begin anew."""
        self.engine = Memory(most_plans=3, most_resting=10_000)
        self.engine.load(self.spent)
        self.taken.clear()

    @invariant()
    def purses_hold_what_calls_under_way_hold_and_have_spent_what_ended(self) -> None:
        held: dict[str, int] = defaultdict(int)
        for hold in self.open:
            for gate in hold.gates:
                if gate.kind == "purse":
                    held[gate.key] += taken_of(gate, hold.amounts)
        for key, gate in self.limits.items():
            if gate.kind != "purse":
                continue
            live = self.now < gate.until or held[key]
            if live or self.engine.spent(key):  # a purse of a window that is over may be forgotten
                assert (self.engine.spent(key), self.engine.held(key)) == (self.spent[key], held[key])
            if gate.hard:
                assert self.spent[key] + held[key] <= gate.limit

    @invariant()
    def no_minute_has_more_requests_than_its_limit(self) -> None:
        for key, taken in self.taken.items():
            assert most_in_a_minute(taken) <= self.limits[key].limit

    @invariant()
    def no_more_calls_are_under_way_than_may_be(self) -> None:
        assert len(self.open) <= 4


def taken_of(gate: Gate, amounts: Amounts) -> int:
    return amounts.nano if gate.measure == "money" else getattr(amounts, gate.measure)


Engine.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestEngine = Engine.TestCase


@given(arrivals)
def test_a_rate_is_what_its_buckets_sum_to(arrivals: list[tuple[float, int]]):
    rate, now = Rate(60), NOW
    for step, amount in arrivals:
        now += step
        rate.take(amount, now)
        rate.settle(amount, amount // 2, now, now)
        assert rate.used >= rate._older == sum(bucket.amount for bucket in rate._buckets)
        assert len(rate._buckets) <= 13
    rate.forget(now + 60)
    assert (rate.used, rate._older, len(rate._buckets)) == (0, 0, 0)


@pytest.mark.parametrize("at", [NOW, 0.1, 4.2e9])
def test_the_counter_of_the_tests_finds_a_minute_that_is_too_full(at: float):
    assert most_in_a_minute([(at, 3), (at + 59, 4), (at + 61, 5)]) == 9
    assert most_in_a_minute([]) == 0
