"""What comes after a failed attempt, for each kind of failure."""

from typing import get_args

import pytest
from tests.unit.routing.making import RULES, deployment

from xroute.routing.deployment import Credential
from xroute.routing.failure import Failure, Kind
from xroute.routing.retry import (
    BREAKS,
    BREAKS_CREDENTIAL,
    CAP_S,
    FINAL,
    NOT_AGAIN,
    Turn,
    may_follow,
    next_turn,
)

KINDS = get_args(Kind)
NOW = 1000.0


def failure(kind: Kind) -> Failure:
    return Failure(kind, f"it was {kind}")


def turn(failed=(), untried=(), *, attempts=None, max_attempts=4, left_s=60.0, now=NOW, dice=0.0):
    return next_turn(
        list(failed),
        list(untried),
        attempts=len(failed) if attempts is None else attempts,
        max_attempts=max_attempts,
        left_s=left_s,
        now=now,
        dice=lambda: dice,
    )


def test_every_kind_has_its_place_in_the_policy():
    breaking = BREAKS | BREAKS_CREDENTIAL | {"rate_limit"}
    assert breaking | {"rejected", "unsupported", "content_policy", "context_length"} == set(KINDS)
    assert not BREAKS & BREAKS_CREDENTIAL


def test_the_first_attempt_is_the_first_candidate_at_once():
    a, b = deployment("a"), deployment("b")
    assert turn(untried=[a, b]) == Turn(a, 0.0)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - FINAL))
def test_after_a_failure_somebody_untried_comes_at_once(kind):
    a, b = deployment("a"), deployment("b")
    assert turn([(a, failure(kind))], [b]) == Turn(b, 0.0)


def test_the_callers_fault_is_the_end():
    assert turn([(deployment("a"), failure("rejected"))], [deployment("b")]) is None


def test_an_earlier_fault_of_a_provider_does_not_end_it():
    a, b = deployment("a"), deployment("b")
    assert turn([(a, failure("server"))], [b]) == Turn(b, 0.0)


def test_it_ends_with_the_attempts_and_with_the_time():
    a, b = deployment("a"), deployment("b")
    assert turn([(a, failure("server"))], [b], max_attempts=1) is None
    assert turn([(a, failure("server"))], [b], left_s=0.0) is None
    assert turn(untried=[b], left_s=-1.0) is None


def test_with_nobody_left_it_is_the_end():
    assert turn() is None


@pytest.mark.parametrize("kind", sorted(NOT_AGAIN))
def test_what_will_not_change_is_not_tried_again(kind):
    assert turn([(deployment("a"), failure(kind))]) is None


@pytest.mark.parametrize("kind", sorted(set(KINDS) - NOT_AGAIN - FINAL))
def test_what_may_recover_is_tried_again_after_a_pause(kind):
    a = deployment("a")
    assert turn([(a, failure(kind))], dice=0.5) == Turn(a, 0.1)


def test_pauses_double_with_full_jitter_up_to_a_cap():
    a = deployment("a")
    waits = [
        turn([(a, failure("server"))], attempts=n, max_attempts=20, dice=1.0).wait_s for n in range(1, 9)
    ]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, CAP_S, CAP_S]
    assert turn([(a, failure("server"))], attempts=7, max_attempts=20, dice=0.0).wait_s == 0.0


def test_a_retry_after_is_waited_for():
    a = deployment("a")
    a.health.breaker.pause(NOW, 3.0, "rate_limit")
    assert turn([(a, failure("rate_limit"))], dice=0.0).wait_s == 3.0
    assert turn([(a, failure("rate_limit"))], dice=0.5, now=NOW + 1).wait_s == pytest.approx(2.1)


def test_a_retry_after_holds_whatever_else_fails_meanwhile():
    a = deployment("a")
    a.health.breaker.pause(NOW, 3.0, "rate_limit")
    for _ in range(9):
        a.health.breaker.failure(NOW + 1, "server")
    assert turn([(a, failure("rate_limit"))], now=NOW + 1).wait_s == 2.0


def test_who_needs_no_rest_comes_before_who_does():
    a, b = deployment("a"), deployment("b")
    a.health.breaker.pause(NOW, 3.0, "rate_limit")
    assert turn(untried=[a, b]) == Turn(b, 0.0)
    assert turn(untried=[a]) == Turn(a, 3.0)


def test_our_own_cooldown_is_no_wish_of_the_provider():
    a = deployment("a")
    for _ in range(5):
        a.health.breaker.failure(NOW, "server")
    assert a.health.breaker.state(NOW) == "open"
    assert turn(untried=[a]) == Turn(a, 0.0)


def test_the_one_that_may_recover_soonest_is_tried_again_first():
    a, b = deployment("a"), deployment("b")
    a.health.breaker.pause(NOW, 3.0, "rate_limit")
    b.health.breaker.pause(NOW, 1.0, "rate_limit")
    assert turn([(a, failure("rate_limit")), (b, failure("rate_limit"))]).deployment is b


def test_whoever_failed_longest_ago_is_tried_again_first():
    a, b = deployment("a"), deployment("b")
    failed = [(a, failure("server")), (b, failure("server"))]
    assert turn(failed).deployment is a
    assert turn([*failed, (a, failure("server"))]).deployment is b


def test_nobody_is_tried_again_with_a_credential_that_failed_for_another():
    shared = Credential("a/1", 1.0, RULES)
    one, two = deployment("a", "m/one", credential=shared), deployment("a", "m/two", credential=shared)
    assert turn([(one, failure("server")), (two, failure("credentials"))]) is None


def test_nobody_is_tried_again_whose_window_is_no_larger_than_one_that_was_too_small():
    small, large = deployment("small", context=1000), deployment("large", context=9000)
    too_long = (small, failure("context_length"))
    assert turn([(large, failure("server")), too_long]) is not None
    assert turn([(deployment("other", context=900), failure("server")), too_long]) is None


def test_too_long_for_one_window_goes_to_a_larger_or_unknown_one():
    failed = deployment("a", context=1000)
    told = failure("context_length")
    assert not may_follow(told, failed, deployment("same", context=1000))
    assert may_follow(told, failed, deployment("larger", context=1001))
    assert may_follow(told, failed, deployment("unknown", context=None))
    assert may_follow(told, deployment("a", context=None), deployment("b", context=10))


def test_a_safety_rule_is_followed_by_another_model_only():
    failed = deployment("a", "m/one")
    assert not may_follow(failure("content_policy"), failed, deployment("b", "m/one"))
    assert may_follow(failure("content_policy"), failed, deployment("b", "m/two"))


@pytest.mark.parametrize("kind", sorted(BREAKS_CREDENTIAL))
def test_a_bad_credential_is_followed_by_another_one(kind):
    shared = Credential("a/1", 1.0, RULES)
    failed = deployment("a", credential=shared)
    assert not may_follow(failure(kind), failed, deployment("a", "m/two", credential=shared))
    assert may_follow(failure(kind), failed, deployment("a"))
