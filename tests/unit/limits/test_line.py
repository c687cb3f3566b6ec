"""limits.line: waiting for what calls under way hold."""

import asyncio

from tests.unit.limits.making import NOW, dollars, let_in, purse, rate, turned_away

from xroute.limits.gate import Gate, Hold, Refused
from xroute.limits.memory import Memory

MONEY = "budget:money:total"
BUDGET = (purse(100),)
LONG_S = 30.0


def clock() -> float:
    return NOW


def stand(
    engine: Memory,
    id_: str,
    nano: int,
    gates: tuple[Gate, ...] = BUDGET,
    timeout_s: float = LONG_S,
) -> "asyncio.Task[Hold | Refused]":
    return asyncio.create_task(engine.admit_later(id_, gates, dollars(nano), timeout_s, clock), name=id_)


async def turn() -> None:
    """Lets everybody who can go on do so."""
    for _ in range(4):
        await asyncio.sleep(0)


def inside(*tasks: "asyncio.Task[Hold | Refused]") -> list[str]:
    """Those that have been let in."""
    return [task.get_name() for task in tasks if task.done() and isinstance(task.result(), Hold)]


async def test_who_need_not_wait_is_let_in_or_turned_away_at_once():
    engine = Memory()
    assert isinstance(await engine.admit_later("a", BUDGET, dollars(100), LONG_S, clock), Hold)
    found = await engine.admit_later("b", BUDGET, dollars(101), LONG_S, clock)
    assert isinstance(found, Refused)
    assert not found.is_held


async def test_they_come_in_as_they_came_and_no_more_than_fit():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(100))
    tasks = [stand(engine, str(n), 30) for n in range(5)]
    await turn()
    assert engine.waiting == 5
    engine.settle(hold, dollars(30), NOW)
    assert engine.held(MONEY) == 60  # theirs before anybody else can ask
    await turn()
    assert inside(*tasks) == ["0", "1"]
    assert engine.waiting == 3
    for task in tasks[2:]:
        task.cancel()


async def test_who_comes_later_does_not_overtake():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(60))
    large = stand(engine, "large", 90)
    await turn()
    refused = turned_away(engine, BUDGET, dollars(10))
    assert (refused.is_held, refused.left) == (True, 40)
    engine.settle(hold, dollars(0), NOW)
    await turn()
    assert inside(large) == ["large"]
    let_in(engine, BUDGET, dollars(10))


async def test_who_needs_no_money_does_not_wait_behind_those_who_do():
    engine = Memory()
    let_in(engine, BUDGET, dollars(60))
    large = stand(engine, "large", 90)
    await turn()
    let_in(engine, BUDGET, dollars(0))
    let_in(engine, (purse(100, key="other"),), dollars(100))
    large.cancel()


async def test_when_the_money_is_spent_everybody_hears_so_at_once():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(100))
    tasks = [stand(engine, str(n), 10) for n in range(3)]
    await turn()
    engine.settle(hold, dollars(95), NOW)
    await turn()
    found = [task.result() for task in tasks]
    assert all(isinstance(each, Refused) and not each.is_held for each in found)
    assert engine.waiting == 0


async def test_who_has_waited_long_enough_hears_what_refused_it():
    engine = Memory()
    let_in(engine, BUDGET, dollars(100))
    found = await stand(engine, "a", 10, timeout_s=0.01)
    assert isinstance(found, Refused)
    assert found.is_held
    assert engine.waiting == 0


async def test_who_leaves_makes_room_for_those_behind():
    engine = Memory()
    let_in(engine, BUDGET, dollars(60))
    large, small = stand(engine, "large", 90), stand(engine, "small", 30)
    await turn()
    assert inside(large, small) == []
    large.cancel()
    await turn()
    assert inside(small) == ["small"]
    assert large.cancelled()
    assert engine.held(MONEY) == 90


async def test_who_leaves_from_the_middle_is_passed_over():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(100))
    first, second, third = (stand(engine, name, 50) for name in ("1", "2", "3"))
    await turn()
    second.cancel()
    await turn()
    engine.settle(hold, dollars(0), NOW)
    await turn()
    assert inside(first, third) == ["1", "3"]


async def test_whose_time_is_over_makes_room_too():
    engine = Memory()
    let_in(engine, BUDGET, dollars(60))
    large, small = stand(engine, "large", 90, timeout_s=0.01), stand(engine, "small", 30)
    await large
    await turn()
    assert inside(small) == ["small"]


async def test_who_is_cancelled_in_the_moment_of_being_let_in_takes_nothing():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(100))
    task = stand(engine, "a", 70)
    await turn()
    engine.settle(hold, dollars(0), NOW)
    assert engine.held(MONEY) == 70
    task.cancel()
    await turn()
    assert task.cancelled()
    assert (engine.held(MONEY), engine.spent(MONEY), engine.waiting) == (0, 0, 0)


async def test_who_is_cancelled_before_a_release_is_seen_is_passed_over():
    engine = Memory()
    hold = let_in(engine, BUDGET, dollars(100))
    first, second = stand(engine, "1", 70), stand(engine, "2", 70)
    await turn()
    first.cancel()
    engine.settle(hold, dollars(0), NOW)  # before its task has noticed
    await turn()
    assert inside(second) == ["2"]
    assert engine.held(MONEY) == 70


async def test_another_limit_that_is_full_by_then_is_told():
    engine = Memory()
    both = (*BUDGET, rate(1))
    hold = let_in(engine, BUDGET, dollars(100))
    task = stand(engine, "a", 70, both)
    await turn()
    let_in(engine, (rate(1),))
    engine.settle(hold, dollars(0), NOW)
    await turn()
    found = task.result()
    assert isinstance(found, Refused)
    assert found.gate.kind == "rate"


async def test_who_waits_for_two_budgets_waits_for_one_after_the_other():
    engine = Memory()
    mine, ours = purse(100, key="mine"), purse(100, key="ours")
    one, other = let_in(engine, (mine,), dollars(100)), let_in(engine, (ours,), dollars(100))
    task = stand(engine, "a", 50, (mine, ours))
    await turn()
    engine.settle(one, dollars(0), NOW)
    await turn()
    assert not task.done()
    engine.settle(other, dollars(0), NOW)
    await turn()
    assert inside(task) == ["a"]
    assert (engine.held("mine"), engine.held("ours"), engine.waiting) == (50, 50, 0)


async def test_a_release_asks_only_for_the_first_who_does_not_fit():
    engine = Memory()
    holds = [let_in(engine, BUDGET, dollars(10)) for _ in range(10)]
    tasks = [stand(engine, str(n), 100) for n in range(50)]
    await turn()
    asked: list[str] = []
    ask = engine._line._ask
    engine._line._ask = lambda waiting: asked.append(waiting.id) or ask(waiting)
    for hold in holds:
        engine.settle(hold, dollars(0), NOW)
    assert asked == ["0"] * 10 + ["1"]
    for task in tasks:
        task.cancel()
    await turn()
    assert engine.waiting == 0


async def test_a_hundred_that_come_at_once_all_have_their_turn_and_the_budget_is_kept():
    engine = Memory()
    most = 0

    async def call(n: int) -> bool:
        nonlocal most
        found = await engine.admit_later(str(n), BUDGET, dollars(10), LONG_S, clock)
        if isinstance(found, Refused):
            return False
        most = max(most, engine.spent(MONEY) + engine.held(MONEY))
        await asyncio.sleep(0.001)
        engine.settle(found, dollars(1), NOW)
        return True

    done = await asyncio.gather(*(call(n) for n in range(100)))
    assert sum(done) == 91  # a call needs ten, and the last of these leaves nine
    assert (engine.spent(MONEY), engine.held(MONEY), most) == (91, 0, 100)
