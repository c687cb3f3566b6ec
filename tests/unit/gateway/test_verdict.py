"""What a client is told when no attempt succeeded: kind by kind, and in mixtures."""

from typing import get_args

import orjson
import pytest
from tests.unit.routing.making import Dice, Needs, deployment, plan_of

from xroute import errors
from xroute.dialects.openai.surface import error_object
from xroute.gateway.allowed import bar_of
from xroute.gateway.verdict import nobody, previous, resting, verdict
from xroute.routing.failure import Failure, Kind
from xroute.routing.plan import Ratios
from xroute.routing.preferences import Preferences
from xroute.wire.http import Target
from xroute.wire.who import Policy, Who

KINDS = get_args(Kind)
KEY = "sk-proj-4f9a8b7c6d5e4f3a2b1c"
A, B, C = deployment("alpha"), deployment("beta"), deployment("gamma", "m/other")


def failure(kind: Kind, message="the provider said so", status=None, **more) -> Failure:
    return Failure(kind, message, status, **more)


ALONE = [
    ("rate_limit", 429, "rate_limit_exceeded"),
    ("overloaded", 503, "provider_overloaded"),
    ("timeout", 504, "timeout"),
    ("connect", 502, "provider_unavailable"),
    ("credentials", 502, "provider_unavailable"),
    ("payment", 502, "provider_unavailable"),
    ("rejected", 400, "invalid_request"),
    ("unsupported", 400, "invalid_request"),
    ("not_found", 502, "provider_unavailable"),
    ("content_policy", 400, "content_policy_violation"),
    ("context_length", 400, "context_length_exceeded"),
    ("malformed", 502, "provider_unavailable"),
    ("cut", 502, "provider_unavailable"),
    ("server", 502, "provider_unavailable"),
]


def test_every_kind_is_in_the_table():
    assert {kind for kind, _, _ in ALONE} == set(KINDS)


@pytest.mark.parametrize(("kind", "status", "error_type"), ALONE)
def test_a_kind_alone_has_its_status_and_word(kind, status, error_type):
    error = verdict([(A, failure(kind))])
    assert (error.status, error.error_type, error.provider) == (status, error_type, "alpha")
    assert error.message


MIXED = [
    (("rate_limit", "overloaded"), 503, "provider_overloaded"),
    (("overloaded", "rate_limit", "rate_limit"), 503, "provider_overloaded"),
    (("rate_limit", "timeout"), 502, "provider_unavailable"),
    (("timeout", "timeout"), 504, "timeout"),
    (("timeout", "connect"), 502, "provider_unavailable"),
    (("server", "rate_limit"), 502, "provider_unavailable"),
    (("credentials", "rate_limit"), 502, "provider_unavailable"),
    (("server", "rejected"), 400, "invalid_request"),
    (("context_length", "server"), 502, "provider_unavailable"),  # the larger window may answer later
    (("content_policy", "timeout", "connect"), 502, "provider_unavailable"),
    (("content_policy", "context_length"), 400, "context_length_exceeded"),
    (("context_length", "content_policy", "rejected"), 400, "invalid_request"),
]


@pytest.mark.parametrize(("kinds", "status", "error_type"), MIXED)
def test_what_the_caller_can_act_on_decides_in_a_mixture(kinds, status, error_type):
    error = verdict([(d, failure(kind)) for d, kind in zip((A, B, C), kinds, strict=False)])
    assert (error.status, error.error_type) == (status, error_type)
    assert error.metadata is not None
    assert [e["kind"] for e in error.metadata["previous_errors"]] == list(kinds)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(413, errors.PayloadTooLarge), (422, errors.Unprocessable), (418, errors.InvalidRequest)],
)
def test_a_rejection_keeps_its_own_status_where_we_have_it(status, kind):
    assert type(verdict([(A, failure("rejected", status=status))])) is kind


def test_a_rejection_is_told_in_the_providers_words_with_code_and_param():
    error = verdict(
        [(A, failure("rejected", "max_tokens is too large", 400, code="too_large", param="max_tokens"))]
    )
    assert (error.message, error.code, error.param) == ("max_tokens is too large", "too_large", "max_tokens")


def test_the_last_of_several_rejections_is_told():
    failed = [(A, failure("context_length", "first")), (B, failure("context_length", "last"))]
    assert verdict(failed).message == "last"
    assert verdict(failed).provider == "beta"
    assert verdict(failed).code == "context_length_exceeded"


def test_a_retry_after_is_the_shortest_that_was_asked_for():
    failed = [(A, failure("rate_limit", retry_after_s=30.0)), (B, failure("rate_limit", retry_after_s=7.5))]
    assert verdict(failed).retry_after_s == 7.5
    assert verdict([*failed, (C, failure("overloaded"))]).retry_after_s == 7.5


def test_where_waiting_does_not_help_there_is_no_retry_after():
    failed = [(A, failure("rate_limit", retry_after_s=30.0)), (B, failure("connect"))]
    assert verdict(failed).status == 502
    assert verdict(failed).retry_after_s is None
    assert verdict([(A, failure("rate_limit"))]).retry_after_s is None


def test_each_provider_is_named_with_what_became_of_it():
    failed = [(A, failure("timeout")), (B, failure("connect")), (A, failure("timeout"))]
    assert verdict(failed).message == (
        "No provider answered (3 attempts): alpha did not answer in time; beta could not be reached."
    )
    assert verdict(failed[:1]).message == "No provider answered (1 attempt): alpha did not answer in time."
    assert verdict(failed).code == "timeout"


def test_previous_errors_tell_what_happened_and_not_in_the_providers_words():
    failed = [(A, failure("server", f"stack trace at /srv/app.py with {KEY}", 500, code="oops", param="x"))]
    assert previous(failed) == [
        {"provider": "alpha", "model": "maker/model", "kind": "server", "code": "oops", "status": 500}
    ]


@pytest.mark.parametrize(
    "kind", sorted(set(KINDS) - {"rejected", "unsupported", "context_length", "content_policy"})
)
def test_a_client_never_sees_what_a_provider_says_of_our_credential(kind):
    told = failure(kind, f"Incorrect API key provided: {KEY}. You can find it at https://p.test/keys.", 401)
    for failed in ([(A, told)], [(A, told), (B, failure("rejected"))], [(B, failure("timeout")), (A, told)]):
        shown = orjson.dumps(error_object(verdict(failed), "req-1")).decode()
        assert KEY not in shown
        assert "Incorrect API key" not in shown


TARGETS = [
    Target("https://p.test/v1", (("authorization", f"Bearer {KEY}"),)),
    Target("https://p.test/v1", (("content-type", "application/json"), ("api-key", KEY))),
    Target(f"https://p.test/v1?api-version=1&key={KEY}", ()),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["rejected", "context_length", "content_policy"])
def test_a_providers_words_are_passed_on_without_our_credential(kind, target):
    sending = deployment("sending", targets={"chat": target})
    error = verdict([(sending, failure(kind, f"application/json of {KEY}: Bearer {KEY} is odd", 400))])
    assert error.message == "application/json of ***: Bearer *** is odd"


def plan(*group, needs=None, wishes=None):
    return plan_of([group], needs or Needs(), Ratios(), 1.0, Dice(), "order", wishes or Preferences())


def test_a_plan_without_candidates_says_which_ability_is_missing():
    empty = plan(deployment("alpha", abilities=frozenset()), needs=Needs(frozenset({"image"})))
    error = nobody(empty, "gpt-4o")
    assert (error.status, error.error_type, error.code) == (400, "invalid_request", "unsupported_ability")
    assert error.message == (
        "No deployment of `gpt-4o` can take this request: maker/model at alpha lacks: image."
    )
    assert error.metadata == {"availability": {"code": "constraint_filtered", "excluded_by": ["ability"]}}


def test_a_plan_that_is_all_too_small_is_a_context_length_error():
    error = nobody(plan(deployment(context=10), needs=Needs(max_tokens=11)), "m")
    assert (error.error_type, error.code, error.param) == (
        "context_length_exceeded", "context_length_exceeded", "messages",
    )  # fmt: skip


def test_a_plan_emptied_by_the_callers_wishes_says_so():
    error = nobody(plan(A, B, wishes=Preferences(only=frozenset({"nobody"}))), "m")
    assert error.code == "no_allowed_provider"
    assert "alpha is not in provider.only" in error.message


def test_of_many_details_a_few_are_told():
    group = [deployment(f"p{n}", abilities=frozenset()) for n in range(50)]
    assert nobody(plan(*group, needs=Needs(frozenset({"image"}))), "m").message.count("lacks") == 5


def test_when_all_must_rest_the_client_is_told_for_how_long():
    error = resting([A, B, A], 41.6)
    assert (error.status, error.retry_after_s) == (429, 41.6)
    assert error.message == "Rate limited by alpha, beta; retry after 42 s."


@pytest.mark.parametrize(
    ("policy", "availability", "reason"),
    [
        (Policy(models=("other/*",)), "constraint_filtered", "not_allowed"),
        (Policy(providers=("other",)), "constraint_filtered", "allowed_providers"),
        (Policy(local_only=True), "constraint_filtered", "local_only"),
        (Policy(zdr=True), "privacy_restricted", "data_policy:zdr"),
        (Policy(regions=("eu",)), "region_restricted", "data_region"),
    ],
)
def test_a_key_that_may_use_none_of_them_is_told_what_its_policy_is(policy, availability, reason):
    made = plan_of([[A, B]], Needs(), Ratios(), 0.0, Dice(), "order", bar=bar_of(Who("key", policy=policy)))
    error = nobody(made, "m")
    assert (error.status, error.error_type, error.code) == (403, "permission_denied", "not_allowed_for_key")
    assert error.metadata == {"availability": {"code": availability, "excluded_by": [reason]}}
    assert "the key may" in error.message


def test_a_wish_for_privacy_that_nobody_grants_is_told_as_such():
    error = nobody(plan(A, B, wishes=Preferences(zdr=True)), "m")
    assert (error.status, error.code) == (400, "no_allowed_provider")
    assert error.metadata == {
        "availability": {"code": "privacy_restricted", "excluded_by": ["data_policy:zdr"]}
    }
