"""limits.memory: all gates or none, settled once."""

import ast
from pathlib import Path

import pytest
from tests.unit.limits.making import NOW, dollars, let_in, purse, rate, slots, turned_away

from xroute import limits
from xroute.limits.gate import Amounts, Hold
from xroute.limits.memory import Memory

MONEY = "budget:money:total"


def test_a_call_takes_of_every_gate_what_it_measures():
    engine = Memory()
    gates = (
        rate(10),
        rate(1000, "tokens"),
        rate(1000, "tokens_in"),
        rate(1000, "tokens_out"),
        purse(1000),
        purse(1000, "credit"),
        slots(3),
    )
    hold = let_in(engine, gates, Amounts(1, 100, 20, 70, 50))
    counters = engine._known[id(gates)]
    assert [counter.used for counter, _ in counters.rates] == [1, 120, 100, 20]
    assert (engine.held(MONEY), engine.held("budget:credit:total")) == (70, 50)
    assert (hold.id, hold.gates, hold.taken_s, hold.is_settled) == ("req", gates, NOW, False)


def test_where_one_gate_has_no_room_nothing_is_taken_anywhere():
    engine = Memory()
    gates = (rate(10), purse(100), slots(5), rate(50, "tokens"))
    refused = turned_away(engine, gates, Amounts(1, 60, 0, 10))
    assert refused.gate.measure == "tokens"
    assert engine.held(MONEY) == 0
    assert turned_away(engine, gates, Amounts(1, 60, 0, 10)).levels[0].left == 10


def test_settling_puts_the_truth_in_the_place_of_the_worst_case():
    engine = Memory()
    gates = (rate(10), rate(1000, "tokens"), purse(1000), slots(1))
    hold = let_in(engine, gates, Amounts(1, 100, 500, 700))
    engine.settle(hold, Amounts(1, 90, 10, 40), NOW + 2)
    assert (engine.held(MONEY), engine.spent(MONEY)) == (0, 40)
    assert [level.left for level in let_in(engine, gates, Amounts(1, 0, 0)).levels] == [8, 900]


def test_settling_twice_is_settling_once():
    engine, gates = Memory(), (rate(10), purse(100), slots(1))
    hold = let_in(engine, gates, dollars(60))
    engine.settle(hold, dollars(50), NOW)
    engine.settle(hold, dollars(7), NOW)
    assert hold.is_settled
    assert (engine.held(MONEY), engine.spent(MONEY)) == (0, 50)


def test_a_hold_of_another_engine_changes_nothing():
    engine, gates = Memory(), (purse(100),)
    theirs = let_in(Memory(), gates, dollars(60))
    engine.settle(theirs, dollars(60), NOW)
    assert engine.spent(MONEY) == 0
    let_in(engine, gates, dollars(100))


def test_two_holds_of_one_id_are_two_calls():
    engine, gates = Memory(), (purse(100),)
    first, second = let_in(engine, gates, dollars(30)), let_in(engine, gates, dollars(40))
    engine.settle(first, dollars(1), NOW)
    assert (engine.held(MONEY), engine.spent(MONEY)) == (40, 1)
    engine.settle(second, dollars(2), NOW)
    assert (engine.held(MONEY), engine.spent(MONEY)) == (0, 3)


def test_a_refund_is_as_if_the_call_had_never_been():
    engine, gates = Memory(), (rate(1), purse(100), slots(1))
    engine.refund(let_in(engine, gates, dollars(100)), NOW + 1)
    assert engine.spent(MONEY) == 0
    let_in(engine, gates, dollars(100), NOW + 1)


def test_tokens_beyond_the_worst_case_keep_later_calls_out():
    engine, gates = Memory(), (rate(100, "tokens"),)
    engine.settle(let_in(engine, gates, Amounts(1, 10, 0)), Amounts(1, 10, 150), NOW + 30)
    refused = turned_away(engine, gates, Amounts(1, 1, 0), NOW + 31)
    assert (refused.left, refused.retry_after_s) == (0, 59)


def test_tokens_that_did_not_come_are_there_again_at_once():
    engine, gates = Memory(), (rate(100, "tokens"),)
    hold = let_in(engine, gates, Amounts(1, 10, 90))
    turned_away(engine, gates, Amounts(1, 10, 0))
    engine.settle(hold, Amounts(1, 10, 5), NOW + 3)
    let_in(engine, gates, Amounts(1, 10, 75), NOW + 3)


def test_a_gate_that_is_not_hard_counts_and_refuses_nobody():
    engine = Memory()
    gates = (purse(100, hard=False), rate(1, hard=False), slots(1, hard=False))
    holds = [let_in(engine, gates, dollars(80)) for _ in range(5)]
    for hold in holds:
        engine.settle(hold, dollars(80), NOW)
    assert engine.spent(MONEY) == 400


def test_gates_of_one_key_count_together():
    engine = Memory()
    one, other = (purse(100), rate(10)), (purse(100),)
    let_in(engine, one, dollars(60))
    assert turned_away(engine, other, dollars(60)).left == 40


def test_two_gates_of_one_key_in_one_call_count_it_once():
    engine = Memory()
    gates = (purse(100), purse(50))
    engine.settle(let_in(engine, gates, dollars(50)), dollars(30), NOW)
    assert engine.spent(MONEY) == 30
    assert turned_away(engine, gates, dollars(30)).gate.limit == 50


def test_a_limit_that_is_raised_counts_what_was_spent_before():
    engine = Memory()
    small, large = (purse(100),), (purse(300),)
    engine.settle(let_in(engine, small, dollars(90)), dollars(90), NOW)
    turned_away(engine, small, dollars(90))
    let_in(engine, large, dollars(90))
    assert turned_away(engine, large, dollars(200)).left == 120


def test_a_call_that_costs_nothing_passes_an_empty_budget():
    engine, gates = Memory(), (purse(0), purse(0, "credit"))
    let_in(engine, gates, Amounts(1, 10, 10))


def test_what_was_spent_before_is_loaded():
    engine, gates = Memory(), (purse(100),)
    engine.load({MONEY: 70, "other": 5})
    assert (engine.spent(MONEY), engine.spent("other"), engine.spent("none")) == (70, 5, 0)
    assert turned_away(engine, gates, dollars(40)).left == 30
    engine.settle(let_in(engine, gates, dollars(30)), dollars(20), NOW)
    assert engine.spent(MONEY) == 90


def test_loading_makes_nothing_less_that_is_counted_here():
    engine, gates = Memory(), (purse(100),)
    engine.settle(let_in(engine, gates, dollars(50)), dollars(50), NOW)
    engine.load({MONEY: 30})
    assert engine.spent(MONEY) == 50
    engine.load({MONEY: 80})
    assert engine.spent(MONEY) == 80


def test_nothing_in_here_reads_a_clock_or_a_file_or_throws_dice():
    banned = {"time", "random", "secrets", "os", "pathlib", "socket", "logging", "threading"}
    found: set[str] = set()
    for path in Path(limits.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    assert "xroute" in found
    assert not found & banned


@pytest.mark.parametrize("count", [1, 5])
def test_as_many_calls_as_there_are_slots_are_under_way(count: int):
    engine, gates = Memory(), (slots(count),)
    holds: list[Hold] = [let_in(engine, gates) for _ in range(count)]
    assert turned_away(engine, gates).gate.kind == "slots"
    engine.settle(holds[0], Amounts(), NOW)
    let_in(engine, gates)
    turned_away(engine, gates)
