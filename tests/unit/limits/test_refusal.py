"""limits.refusal: who refuses, and until when."""

from tests.unit.limits.making import NOW, dollars, let_in, purse, rate, slots, turned_away

from xroute.limits.gate import Amounts
from xroute.limits.memory import Memory

DAY = NOW + 12 * 3600


def test_the_gate_that_opens_last_is_told():
    engine = Memory()
    gates = (rate(1, key="early"), slots(1), rate(1, key="late"))
    let_in(engine, (gates[0],))
    engine.settle(let_in(engine, (gates[2],), now=NOW + 10), Amounts(), NOW + 10)
    let_in(engine, (gates[1],))
    refused = turned_away(engine, gates, now=NOW + 20)
    assert (refused.gate.key, refused.retry_after_s, refused.left) == ("late", 50, 0)


def test_what_never_opens_is_later_than_all():
    engine = Memory()
    gates = (rate(0), purse(100, until=DAY))
    engine.settle(let_in(engine, (gates[1],), dollars(100)), dollars(100), NOW)
    refused = turned_away(engine, gates, dollars(1))
    assert (refused.gate.kind, refused.retry_after_s) == ("rate", None)


def test_what_is_only_held_is_told_when_nothing_else_refuses():
    engine = Memory()
    gates = (purse(100), slots(1))
    hold = let_in(engine, (gates[0],), dollars(80))
    refused = turned_away(engine, gates, dollars(30))
    assert (refused.is_held, refused.left, refused.retry_after_s) == (True, 20, 1)
    let_in(engine, (gates[1],))
    refused = turned_away(engine, gates, dollars(30))
    assert (refused.gate.kind, refused.is_held) == ("slots", False)
    engine.settle(hold, dollars(0), NOW)


def test_what_is_spent_is_not_held():
    engine, gates = Memory(), (purse(100),)
    engine.settle(let_in(engine, gates, dollars(90)), dollars(90), NOW)
    let_in(engine, gates, dollars(5))
    refused = turned_away(engine, gates, dollars(20))
    assert (refused.is_held, refused.left, refused.retry_after_s) == (False, 5, None)


def test_a_purse_that_is_spent_opens_with_the_next_window():
    engine, gates = Memory(), (purse(100, until=DAY),)
    engine.settle(let_in(engine, gates, dollars(100)), dollars(100), NOW)
    assert turned_away(engine, gates, dollars(1)).retry_after_s == DAY - NOW
    assert turned_away(engine, gates, dollars(101)).retry_after_s is None


def test_requests_of_a_day_are_not_given_back_so_nobody_waits_for_them():
    engine, gates = Memory(), (purse(1, "requests", until=DAY),)
    let_in(engine, gates)
    refused = turned_away(engine, gates)
    assert (refused.is_held, refused.retry_after_s) == (False, DAY - NOW)


def test_tokens_of_a_day_may_turn_out_to_be_fewer():
    engine, gates = Memory(), (purse(100, "tokens", until=DAY),)
    let_in(engine, gates, Amounts(1, 10, 80))
    assert turned_away(engine, gates, Amounts(1, 20)).is_held


def test_what_is_left_is_never_less_than_nothing():
    engine, gates = Memory(), (purse(100),)
    engine.settle(let_in(engine, gates, dollars(100)), dollars(500), NOW)
    assert turned_away(engine, gates, dollars(1)).left == 0


def test_a_call_that_is_larger_than_a_rate_is_never_let_in():
    refused = turned_away(Memory(), (rate(100, "tokens"),), Amounts(1, 101))
    assert (refused.retry_after_s, refused.left) == (None, 100)
