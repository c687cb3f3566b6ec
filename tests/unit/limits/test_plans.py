"""limits.plans: what is kept, and what is forgotten."""

from tests.unit.limits.making import NOW, dollars, let_in, purse, rate, slots, turned_away

from xroute.limits.gate import Amounts, Gate
from xroute.limits.memory import Memory
from xroute.limits.plans import KEPT_S
from xroute.limits.rules import BudgetRule, Credit, LimitRule, Rules

DAY = NOW + 12 * 3600
EACH = Rules(
    [LimitRule("lim_u", "", "user", "*", rpm=100, concurrency=5)],
    [BudgetRule("bud_u", "", "user", "*", nano=100, window="day")],
    Credit("ws", 10**12),
)


def spend(engine: Memory, gates: tuple[Gate, ...], nano: int, now: float) -> None:
    engine.settle(
        let_in(engine, gates, Amounts(1, nano=nano, credit=nano), now),
        Amounts(1, nano=nano, credit=nano),
        now,
    )


def test_the_same_gates_are_looked_up_once():
    engine, gates = Memory(), (rate(5), purse(100))
    for _ in range(3):
        let_in(engine, gates)
    assert (len(engine._known), engine.size) == (1, 2)


def test_equal_gates_of_another_tuple_share_their_counters():
    engine = Memory()
    for _ in range(3):
        let_in(engine, (rate(3), purse(100)))
    assert engine.size == 2
    turned_away(engine, (rate(3), purse(100)))


def test_users_who_went_away_are_forgotten_without_loss_when_their_windows_are_over():
    engine = Memory(most_plans=10)
    for n in range(300):
        spend(engine, EACH.gates("m", f"user{n}", NOW), 50, NOW)
    assert engine.size > 300
    for n in range(300, 700):
        at = DAY + KEPT_S + 100 + n
        spend(engine, EACH.gates("m", f"user{n}", at), 0, at)
    assert engine.size < 500  # of whom the last hundred or so are still of this minute
    assert engine.forgotten == 0
    assert engine.spent("credit:ws") == 300 * 50


def test_a_clock_that_is_set_back_finds_what_was_spent_in_the_window_before():
    engine, hour = Memory(most_plans=2), 3600.0
    rules = Rules(budgets=[BudgetRule("bud_k", "", "key", "k", nano=100, window="day")])
    spend(engine, rules.gates("m", "", DAY - hour), 90, DAY - hour)
    for n in range(300):
        spend(engine, EACH.gates("m", f"user{n}", DAY + n), 1, DAY + n)
    assert turned_away(engine, rules.gates("m", "", DAY - hour), dollars(20), DAY - hour).left == 10


def test_purses_of_windows_that_are_over_go_first_where_there_are_too_many():
    engine = Memory(most_plans=4, most_resting=400)
    for begin in (NOW, DAY):
        for n in range(300):
            spend(engine, EACH.gates("m", f"user{n}", begin + n), 50, begin + n)
    assert engine.forgotten == 0
    assert engine.size < 600  # rates of this minute count too


def test_what_a_user_has_spent_is_kept_until_the_window_ends():
    engine = Memory(most_plans=4)
    spend(engine, EACH.gates("m", "ann", NOW), 90, NOW)
    for n in range(500):
        spend(engine, EACH.gates("m", f"user{n}", NOW + n), 1, NOW + n)
    assert turned_away(engine, EACH.gates("m", "ann", NOW + 600), dollars(20), NOW + 600).left == 10


def test_where_there_are_too_many_users_memory_is_bounded_and_it_is_counted():
    engine = Memory(most_plans=4, most_resting=50)
    for n in range(2000):
        spend(engine, EACH.gates("m", f"user{n}", NOW), 50, NOW + n / 100)
    assert engine.forgotten > 1500
    assert engine.size < 200 + 2000 * 2  # rates of this minute count on
    for n in range(2000):
        spend(engine, EACH.gates("m", f"later{n}", NOW + 100), 50, NOW + 100 + n)
    assert engine.size < 400


def test_a_rule_with_few_users_keeps_what_another_with_many_forgets():
    few = Rules(budgets=[BudgetRule("bud_few", "", "user", "*", nano=100, window="day")])
    engine = Memory(most_plans=2, most_resting=50)
    spend(engine, few.gates("m", "ann", NOW), 90, NOW)
    for n in range(3000):
        spend(engine, EACH.gates("m", f"user{n}", NOW), 50, NOW)
    assert engine.forgotten > 0
    assert turned_away(engine, few.gates("m", "ann", NOW), dollars(20)).left == 10


def test_what_is_not_for_each_user_is_never_forgotten():
    engine = Memory(most_plans=2, most_resting=3)
    for n in range(200):
        rules = Rules(
            budgets=[BudgetRule(f"bud_{n}", "", "key", "k", nano=100)], credit=Credit(f"ws_{n}", 100)
        )
        spend(engine, rules.gates("m", "", NOW), 90, NOW)
    assert engine.forgotten == 0
    assert [engine.spent(f"bud_{n}:money:20261101") for n in range(200)] == [90] * 200
    assert [engine.spent(f"credit:ws_{n}") for n in range(200)] == [90] * 200


def test_a_call_under_way_is_settled_however_many_came_meanwhile():
    engine = Memory(most_plans=1, most_resting=1)
    gates = EACH.gates("m", "ann", NOW)
    hold = let_in(engine, gates, dollars(80))
    for n in range(500):
        at = NOW + 100 + n
        spend(engine, EACH.gates("m", f"user{n}", at), 50, at)
    engine.settle(hold, dollars(60), NOW + 700)
    assert (engine.held("bud_u:money:ann:20261123"), engine.spent("bud_u:money:ann:20261123")) == (0, 60)


def test_a_plan_is_made_anew_for_who_comes_back():
    engine = Memory(most_plans=1)
    ann = (rate(100, key="ann"), slots(5, key="ann:slots"))
    let_in(engine, ann)  # and never settled
    engine.settle(let_in(engine, (rate(2, key="bob"),)), Amounts(), NOW)
    for n in range(9):
        engine.settle(let_in(engine, (rate(2, key=f"user{n}"),)), Amounts(), NOW)
    bob = (rate(2, key="bob"),)
    let_in(engine, bob)
    turned_away(engine, bob)
    assert let_in(engine, ann).levels[0].left == 98
