"""When a deployment is left alone, for how long, and how it comes back."""

import pytest

from xroute.routing.breaker import MAX_KEPT, Breaker, BreakerRules

RULES = BreakerRules(
    window_s=30, min_calls=10, error_rate=0.5, consecutive=5, cooldown_s=5, max_cooldown_s=120
)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(RULES)


def fail(breaker: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.failure(now, "server")


def test_a_new_breaker_is_closed_and_lets_calls_through(breaker):
    assert breaker.state(0.0) == "closed"
    assert breaker.allows(0.0)
    assert (breaker.until, breaker.reason) == (0.0, "")


def test_failures_in_a_row_open_it(breaker):
    fail(breaker, 100.0, 4)
    assert breaker.state(100.0) == "closed"
    fail(breaker, 100.0)
    assert breaker.state(100.0) == "open"
    assert not breaker.allows(100.0)
    assert (breaker.until, breaker.reason) == (105.0, "server")


def test_a_success_between_failures_ends_the_row(breaker):
    fail(breaker, 100.0, 4)
    breaker.success(100.0)
    fail(breaker, 100.0, 4)
    assert breaker.state(100.0) == "closed"


def test_the_error_rate_opens_it_once_there_are_enough_calls(breaker):
    for place in range(4):
        breaker.success(100.0 + place)
        fail(breaker, 100.0 + place)
    breaker.success(104.0)
    assert breaker.state(104.0) == "closed"
    fail(breaker, 104.0)
    assert breaker.state(104.0) == "open"


def test_calls_before_the_window_do_not_count(breaker):
    for _ in range(4):
        breaker.success(100.0)
        fail(breaker, 100.0)
    breaker.success(131.0)
    fail(breaker, 131.0)
    assert breaker.state(131.0) == "closed"
    assert repr(breaker) == "Breaker(2 calls, 1 bad, 1 in a row, until 0)"


def test_after_the_cooldown_one_probe_passes(breaker):
    fail(breaker, 100.0, 5)
    assert not breaker.allows(104.9)
    assert breaker.state(105.0) == "half_open"
    assert breaker.allows(105.0)
    breaker.begin(105.0)
    assert not breaker.allows(105.0)


def test_a_probe_that_never_ends_does_not_bar_the_next_for_ever(breaker):
    fail(breaker, 100.0, 5)
    breaker.begin(105.0)
    assert not breaker.allows(109.9)
    assert breaker.allows(110.0)


def test_a_probe_passes_however_young_the_clock_is():
    breaker = Breaker(RULES)
    breaker.pause(0.5, 1.0, "rate_limit")
    assert breaker.allows(1.5)


def test_a_good_probe_closes_it_and_forgets_what_was(breaker):
    fail(breaker, 100.0, 5)
    breaker.begin(105.0)
    breaker.success(105.5)
    assert breaker.state(105.5) == "closed"
    assert repr(breaker) == "Breaker(1 calls, 0 bad, 0 in a row, until 0)"


def test_each_failed_probe_doubles_the_cooldown_up_to_the_longest(breaker):
    now, cooldowns = 100.0, []
    fail(breaker, now, 5)
    for _ in range(7):
        cooldowns.append(breaker.until - now)
        now = breaker.until
        breaker.begin(now)
        fail(breaker, now)
    assert cooldowns == [5, 10, 20, 40, 80, 120, 120]


def test_after_a_good_probe_the_cooldown_is_short_again(breaker):
    fail(breaker, 100.0, 5)
    breaker.begin(105.0)
    fail(breaker, 105.0)
    breaker.success(breaker.until)
    fail(breaker, 200.0, 5)
    assert breaker.until == 205.0


def test_a_failure_while_open_changes_nothing(breaker):
    fail(breaker, 100.0, 5)
    fail(breaker, 101.0, 3)  # last resorts
    assert breaker.until == 105.0


def test_a_call_that_began_before_the_opening_says_nothing_of_now(breaker):
    fail(breaker, 100.0, 5)
    breaker.success(101.0, began=99.0)
    assert breaker.until == 105.0
    breaker.failure(106.0, "server", began=99.0)
    assert breaker.state(106.0) == "half_open"
    breaker.failure(106.0, "server", began=105.5)
    assert breaker.until == 116.0


def test_a_named_time_is_kept_and_never_shortened(breaker):
    breaker.pause(100.0, 60.0, "rate_limit")
    assert breaker.until == 160.0
    breaker.pause(110.0, 5.0, "rate_limit")
    assert (breaker.until, breaker.asked) == (160.0, 160.0)


def test_the_reason_is_that_of_the_opening_that_lasts_longest(breaker):
    breaker.pause(100.0, 60.0, "rate_limit")
    fail(breaker, 110.0)
    assert (breaker.until, breaker.reason) == (160.0, "rate_limit")
    breaker.open(110.0, 90.0, "credentials")
    assert (breaker.until, breaker.reason) == (200.0, "credentials")


def test_a_late_success_does_not_end_a_pause_that_the_provider_asked_for(breaker):
    breaker.pause(100.0, 60.0, "rate_limit")
    breaker.success(101.0)
    assert breaker.until == 160.0
    breaker.success(160.0)
    assert breaker.state(160.0) == "closed"


def test_a_late_success_does_end_a_rest_of_our_own(breaker):
    fail(breaker, 100.0, 5)
    breaker.success(101.0)
    assert breaker.state(101.0) == "closed"


def test_what_it_remembers_is_bounded(breaker):
    for _ in range(3 * MAX_KEPT):
        breaker.success(100.0)
    assert repr(breaker).startswith(f"Breaker({MAX_KEPT} calls, 0 bad")
