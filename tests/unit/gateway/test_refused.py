"""What a client is told when it may not begin: whose limit it is, what is missing, and whether to wait."""

import pytest

from xroute.errors import PaymentRequired, RateLimited
from xroute.gateway.refused import NEVER_AGAIN, refusal
from xroute.limits.gate import Amounts, Gate, Level, Refused

TPM = Gate("lim:tokens", "rate", "tokens", 1000, "key app")
DAY = Gate("lim:tokens:20261121", "purse", "tokens", 1000, "key app", until=1795305600.0, window="day")
SLOTS = Gate("lim:slots", "slots", "slots", 0, "key app", window="total")
BUDGET = Gate("bud:money:total", "purse", "money", 10_000_000, "key app", window="total")
SMALL, LARGE = Amounts(1, 400, 500, 7_000_000), Amounts(1, 400, 601, 7_000_000)


def test_a_limit_that_time_opens_says_when():
    error = refusal(Refused(TPM, 100, 12.3, levels=(Level(TPM, 100, 40.0),)), SMALL)
    assert (type(error), error.code, error.retry_after_s) == (RateLimited, "rate_limit_exceeded", 12.3)
    assert error.message == "The limit of key app is reached: 1000 tokens per minute. Try again in 12.3 s."
    assert "x-ratelimit-remaining-tokens: 100" in error.headers
    assert NEVER_AGAIN not in error.headers


@pytest.mark.parametrize("gate", [TPM, DAY])
def test_a_call_that_is_larger_than_the_whole_limit_is_told_that_waiting_does_not_help(gate):
    error = refusal(Refused(gate, 1000, None), LARGE)
    assert (error.status, error.code, error.retry_after_s) == (429, "request_too_large", None)
    assert "may take up to 1001 tokens" in error.message
    assert f"is 1000 tokens per {gate.window}" in error.message
    assert "x-should-retry: false" in error.headers
    assert error.metadata["needs"] == 1001
    assert error.metadata["limit"]["limit"] == 1000


def test_calls_at_once_may_be_tried_again_soon():
    error = refusal(Refused(SLOTS, 0, None), SMALL)
    assert (error.code, error.retry_after_s) == ("concurrency_limit_exceeded", 1.0)


@pytest.mark.parametrize(("is_held", "after_s"), [(True, 1.0), (False, None)])
def test_money_is_told_with_what_is_missing(is_held, after_s):
    error = refusal(Refused(BUDGET, 6_952_000, None, is_held), SMALL)
    assert (type(error), error.code, error.retry_after_s) == (PaymentRequired, "budget_exceeded", after_s)
    assert error.metadata["missing_usd"] == 0.000048
    assert error.message.startswith("The budget of key app ($0.01 in all) has $0.006952 left, and this call")
    assert ("Calls under way hold some of it" in error.message) is is_held
