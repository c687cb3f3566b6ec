"""What the end of an attempt says of a deployment and of its credential."""

import pytest
from tests.unit.routing.making import deployment

from xroute.routing.failure import Failure
from xroute.routing.standing import BAD_CREDENTIAL_S, REST_S, blame, note_speed, praise

NOW = 100.0


def states(d, now=NOW):
    return d.health.breaker.state(now), d.credential.breaker.state(now)


def test_a_rate_limit_rests_the_deployment_as_long_as_it_asked():
    d = deployment()
    blame(d, Failure("rate_limit", "slow down", 429, retry_after_s=7), NOW)
    assert states(d) == ("open", "closed")
    assert d.health.breaker.until == NOW + 7


def test_a_rate_limit_that_does_not_say_how_long_rests_it_briefly():
    d = deployment()
    blame(d, Failure("rate_limit", "slow down", 429), NOW)
    assert d.health.breaker.until == NOW + REST_S


@pytest.mark.parametrize(
    "kind", ["overloaded", "timeout", "connect", "malformed", "cut", "server", "not_found"]
)
def test_five_failures_in_a_row_open_the_breaker(kind):
    d = deployment()
    for _ in range(4):
        blame(d, Failure(kind, "no"), NOW)
    assert states(d) == ("closed", "closed")
    blame(d, Failure(kind, "no"), NOW)
    assert states(d) == ("open", "closed")
    assert d.health.failures == 5


def test_an_overloaded_provider_that_says_how_long_is_left_alone_so_long():
    d = deployment()
    blame(d, Failure("overloaded", "later", 503, retry_after_s=3), NOW)
    assert d.health.breaker.until == NOW + 3


@pytest.mark.parametrize(("kind", "status"), [("credentials", 401), ("payment", 402)])
def test_a_refused_credential_rests_for_every_model(kind, status):
    d = deployment()
    blame(d, Failure(kind, "no", status), NOW)
    assert states(d) == ("closed", "open")
    assert d.credential.breaker.until == NOW + BAD_CREDENTIAL_S


def test_a_403_rests_the_deployment_and_the_credential_only_if_it_goes_on():
    d = deployment()
    blame(d, Failure("credentials", "not this model", 403), NOW)
    assert states(d) == ("open", "closed")
    for _ in range(4):
        blame(d, Failure("credentials", "nor that one", 403), NOW)
    assert states(d) == ("open", "open")


@pytest.mark.parametrize("kind", ["rejected", "context_length", "content_policy"])
def test_the_callers_fault_is_no_failure_of_the_deployment(kind):
    d = deployment()
    for _ in range(4):
        blame(d, Failure("server", "no", 500), NOW)
    blame(d, Failure(kind, "yours", 400), NOW)
    blame(d, Failure("server", "no", 500), NOW)
    assert states(d) == ("closed", "closed")
    assert d.health.failures == 5


def test_an_answer_closes_what_a_probe_found_well():
    d = deployment()
    for _ in range(5):
        blame(d, Failure("server", "no", 500), NOW)
    later = d.health.breaker.until + 1
    assert states(d, later)[0] == "half_open"
    praise(d, later)
    assert states(d, later) == ("closed", "closed")


def test_a_short_answer_says_nothing_of_the_speed():
    d = deployment()
    note_speed(d, 15, 1.0)
    assert d.health.tokens_per_s == 0
    note_speed(d, 100, 2.0)
    assert d.health.tokens_per_s == 50
    note_speed(d, 100, 0.0)
    assert d.health.tokens_per_s == 50
