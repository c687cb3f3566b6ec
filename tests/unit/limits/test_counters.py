"""limits.counters: purses and slots."""

from tests.unit.limits.making import NOW

from xroute.limits.counters import Purse, Slots

NEVER = float("inf")


def test_what_is_held_is_gone_until_it_is_settled():
    purse = Purse(NEVER, spent=10)
    purse.take(60, NOW)
    assert purse.left(100, NOW) == 30
    assert purse.has_room(30, 100, NOW)
    assert not purse.has_room(31, 100, NOW)
    purse.settle(60, 25, NOW, NOW)
    assert (purse.spent, purse.held) == (35, 0)


def test_an_actual_above_what_was_held_is_spent_all_the_same():
    purse = Purse(NEVER)
    purse.take(60, NOW)
    purse.settle(60, 130, NOW, NOW)
    assert (purse.spent, purse.left(100, NOW)) == (130, 0)
    assert not purse.has_room(1, 100, NOW)
    assert purse.has_room(0, 100, NOW)


def test_a_purse_that_is_empty_opens_with_the_next_window():
    purse = Purse(NOW + 3600, spent=100)
    assert purse.retry_after_s(1, 100, NOW) == 3600
    assert purse.retry_after_s(101, 100, NOW) is None
    assert Purse(NEVER, spent=100).retry_after_s(1, 100, NOW) is None


def test_a_purse_is_idle_when_nothing_was_spent_or_its_window_is_over_and_nothing_is_held():
    assert Purse(NEVER).is_idle(NOW)
    spent = Purse(NOW + 10, spent=1)
    assert [spent.is_idle(NOW), spent.is_idle(NOW + 10)] == [False, True]
    spent.take(1, NOW)
    assert not spent.is_idle(NOW + 10)


def test_slots_are_free_again_when_calls_end():
    slots = Slots()
    slots.take(1, NOW)
    slots.take(1, NOW)
    assert not slots.has_room(1, 2, NOW)
    assert slots.left(2, NOW) == 0
    slots.settle(1, 1, NOW, NOW)
    assert slots.left(2, NOW) == 1
    assert not slots.is_idle(NOW)


def test_nobody_knows_when_a_slot_is_free_but_for_no_slots_at_all_never():
    assert Slots().retry_after_s(1, 2, NOW) == 1
    assert Slots().retry_after_s(1, 0, NOW) is None


def test_they_say_what_they_count():
    assert (repr(Purse(NEVER, 3)), repr(Slots())) == ("Purse(3 spent, 0 held)", "Slots(0 used)")
