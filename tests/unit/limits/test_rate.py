"""limits.rate: the sliding minute."""

import pytest
from tests.unit.limits.making import NOW

from xroute.limits.rate import BUCKETS, Rate


def filled(*at: float) -> Rate:
    rate = Rate(60)
    for second in at:
        rate.take(1, NOW + second)
    return rate


def test_what_was_taken_is_there_again_after_a_minute_and_not_before():
    rate = filled(0)
    assert not rate.has_room(1, 1, NOW + 59.999)
    assert rate.has_room(1, 1, NOW + 60)


def test_a_minute_that_lies_across_two_minutes_of_the_clock_has_no_more_than_the_limit():
    rate = filled(55, 56, 57)
    assert rate.left(3, NOW + 61) == 0
    assert rate.left(3, NOW + 118) == 3


def test_one_bucket_is_forgotten_as_a_whole_when_its_newest_is_a_minute_old():
    rate = filled(0, 4.9)
    assert rate.left(2, NOW + 64) == 0
    assert rate.left(2, NOW + 64.9) == 2


def test_buckets_are_forgotten_one_after_the_other():
    rate = filled(0, 10, 20)
    assert [rate.left(3, NOW + after) for after in (59, 60, 70, 80)] == [0, 1, 2, 3]


def test_retry_after_says_when_as_much_as_is_asked_for_is_there():
    rate = filled(0, 10, 20)
    assert rate.retry_after_s(1, 3, NOW + 30) == 30
    assert rate.retry_after_s(2, 3, NOW + 30) == 40
    assert rate.retry_after_s(3, 3, NOW + 30) == 50


def test_what_is_more_than_the_limit_never_fits():
    assert Rate(60).retry_after_s(4, 3, NOW) is None


def test_what_fits_need_not_wait():
    assert filled(0).retry_after_s(1, 3, NOW + 1) == 0


def test_nobody_waits_longer_than_a_minute():
    rate = filled(*(n * 0.1 for n in range(50)))
    assert rate.retry_after_s(50, 50, NOW + 4.9) == pytest.approx(60)


def test_less_than_was_taken_is_given_back_where_it_was_taken():
    rate = Rate(60)
    rate.take(100, NOW)
    rate.take(100, NOW + 10)
    rate.settle(100, 30, NOW, NOW + 20)
    assert rate.left(200, NOW + 20) == 70
    assert rate.left(200, NOW + 60) == 100  # what was taken ten seconds later counts on


def test_more_than_was_taken_is_a_debt_from_now_on():
    rate = Rate(60)
    rate.take(100, NOW)
    rate.settle(100, 250, NOW, NOW + 30)
    assert rate.used == 250
    assert not rate.has_room(1, 200, NOW + 31)
    assert rate.retry_after_s(100, 200, NOW + 31) == 59
    assert rate.left(200, NOW + 90) == 200


def test_nothing_comes_back_of_what_is_forgotten():
    rate = Rate(60)
    rate.take(100, NOW)
    rate.take(100, NOW + 61)
    rate.settle(100, 0, NOW, NOW + 62)
    assert rate.used == 100


def test_who_takes_nothing_passes_even_a_debt():
    rate = filled(0, 0, 0)
    assert rate.has_room(0, 1, NOW)


def test_reset_is_when_the_newest_is_forgotten():
    rate = filled(0, 30)
    assert rate.reset_s(NOW + 40) == 50
    assert rate.reset_s(NOW + 90) == 0
    assert Rate(60).reset_s(NOW) == 0


def test_a_rate_that_nobody_looks_at_forgets_all_the_same():
    rate = filled(*range(0, 600, 7))
    assert rate.used <= 10


def test_no_more_than_fourteen_buckets_are_kept():
    rate = filled(*(n * 0.5 for n in range(1000)))
    assert len(rate._buckets) <= BUCKETS + 2


def test_a_clock_that_is_set_back_a_little_counts_in_the_newest_bucket():
    rate = filled(10)
    rate.take(1, NOW + 9)
    assert rate.left(2, NOW + 9) == 0
    assert rate.left(2, NOW + 69.5) == 0
    assert rate.left(2, NOW + 70) == 2


def test_a_clock_that_is_set_back_by_an_hour_keeps_nobody_out_for_an_hour():
    rate = filled(3600)
    assert rate.has_room(1, 1, NOW)
    rate.take(1, NOW)
    assert not rate.has_room(1, 1, NOW + 1)
    assert rate.has_room(1, 1, NOW + 60)


def test_it_is_idle_when_nothing_of_it_counts_any_more():
    assert Rate(60).is_idle(NOW)
    assert not filled(0).is_idle(NOW + 59)
    assert filled(0).is_idle(NOW + 60)


def test_a_rate_of_another_period_slides_over_that():
    rate = Rate(1)
    rate.take(5, NOW)
    assert not rate.has_room(1, 5, NOW + 0.9)
    assert rate.has_room(5, 5, NOW + 1)


def test_it_says_what_it_counts():
    assert repr(filled(0, 1)) == "Rate(2 in 60 s)"
