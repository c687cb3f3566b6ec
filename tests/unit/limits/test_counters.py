"""limits.counters: purses and slots."""

from tests.unit.limits.making import NOW

from xroute.limits.counters import Purse, Slots

NEVER = float("inf")


def test_what_is_held_is_gone():
    purse = Purse(NEVER, spent=10)
    purse.used += 60
    assert purse.left(100, NOW) == 30
    assert purse.has_room(30, 100, NOW)
    assert not purse.has_room(31, 100, NOW)
    assert (purse.spent, purse.held) == (10, 60)


def test_who_takes_nothing_of_a_purse_passes_though_it_is_overdrawn():
    purse = Purse(NEVER, spent=130)
    assert purse.left(100, NOW) == 0
    assert not purse.has_room(1, 100, NOW)
    assert purse.has_room(0, 100, NOW)


def test_what_was_spent_before_is_added_once_and_makes_nothing_less():
    purse = Purse(NEVER, spent=10)
    purse.used += 5
    for spent in (30, 30, 20):
        purse.load(spent)
        assert (purse.spent, purse.held) == (30, 5)


def test_a_purse_that_is_empty_opens_with_the_next_window():
    purse = Purse(NOW + 3600, spent=100)
    assert purse.retry_after_s(1, 100, NOW) == 3600
    assert purse.retry_after_s(101, 100, NOW) is None
    assert Purse(NEVER, spent=100).retry_after_s(1, 100, NOW) is None


def test_a_purse_is_idle_when_nothing_was_spent_or_its_window_is_over_and_nothing_is_held():
    assert Purse(NEVER).is_idle(NOW)
    spent = Purse(NOW + 10, spent=1)
    assert [spent.is_idle(NOW), spent.is_idle(NOW + 10)] == [False, True]
    spent.used += 1
    assert not spent.is_idle(NOW + 10)


def test_slots_are_free_again_when_calls_end():
    slots = Slots()
    slots.used += 2
    assert not slots.has_room(1, 2, NOW)
    assert slots.left(2, NOW) == 0
    slots.used -= 1
    assert slots.left(2, NOW) == 1
    assert not slots.is_idle(NOW)


def test_nobody_knows_when_a_slot_is_free_but_for_no_slots_at_all_never():
    assert Slots().retry_after_s(1, 2, NOW) == 1
    assert Slots().retry_after_s(1, 0, NOW) is None


def test_they_say_what_they_count():
    assert (repr(Purse(NEVER, 3)), repr(Slots())) == ("Purse(3 spent, 0 held)", "Slots(0 used)")
