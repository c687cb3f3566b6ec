"""What the comparison of a bill with our records says, and how it explains a difference."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.money.nano import PER_DOLLAR, to_dollars
from xroute.money.price import Price, Rates
from xroute.store.reconcile.bill import Billed
from xroute.store.reconcile.drift import Attempted, Comparison
from xroute.store.reconcile.report import WORDS, Cause, Report

DAY = date(2026, 11, 19)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
PRICE = Price(Rates(input=2 * PER_DOLLAR, output=8 * PER_DOLLAR, cached_input=PER_DOLLAR))  # per million


def call(nano: int | None = 1_000_000, **more: Any) -> Attempted:
    given: dict[str, Any] = {"began": NOON, "ended": NOON, "model": "openai/gpt-4o", "nano": nano}
    return Attempted(**{**given, **more})


def bill(nano: int = 1_000_000, **more: Any) -> Billed:
    given: dict[str, Any] = {"line": 2, "day": DAY, "model": "gpt-4o-2024-08-06", "usd": to_dollars(nano)}
    return Billed(**{**given, **more})


def compare(billed: list[Billed], ours: list[Attempted], **more: Any) -> Report:
    comparison = Comparison(billed, more.pop("zone", "UTC"), **more)
    for attempt in ours:
        comparison.add(attempt)
    return comparison.report()


def test_equal_sums_are_no_drift():
    report = compare([bill(3_000_000)], [call(1_000_000), call(2_000_000)])
    assert (report.drift_nano, report.percent, report.causes) == (0, 0, {})
    (line,) = report.lines
    assert (line.model, line.theirs_nano, line.ours_nano) == ("openai/gpt-4o", 3_000_000, 3_000_000)


@pytest.mark.parametrize(
    ("kind", "doubtful"),
    [
        ("client_gone", call(worst_nano=5_000_000, doubt="client_gone")),
        ("lost", call(0, worst_nano=4_000_000, doubt="lost")),
        ("cut", call(worst_nano=5_000_000, doubt="cut")),
        ("retried", call(0, worst_nano=4_000_000, doubt="retried")),
        ("estimated", call(worst_nano=5_000_000, estimated=True)),
        ("unpriced", call(None)),
    ],
)
def test_what_they_bill_beyond_ours_is_put_down_to_doubtful_calls(kind: str, doubtful: Attempted):
    report = compare([bill(4_000_000)], [call(), doubtful])
    more = 3_000_000 - (doubtful.nano or 0)
    assert report.causes == {kind: Cause(kind, 1, more)}
    assert kind in WORDS


def test_a_doubtful_call_explains_no_more_than_it_can_have_cost():
    report = compare([bill(9_000_000)], [call(worst_nano=5_000_000, doubt="client_gone")])
    assert report.causes == {
        "client_gone": Cause("client_gone", 1, 4_000_000),
        "elsewhere": Cause("elsewhere", 0, 4_000_000),
    }


def test_what_we_recorded_and_they_did_not_bill_is_told():
    report = compare([bill(requests=1)], [call(), call()])
    assert report.causes == {"unbilled": Cause("unbilled", 1, -1_000_000)}


def test_an_estimate_that_was_too_high_is_told_as_one():
    report = compare([bill()], [call(3_000_000, worst_nano=4_000_000, estimated=True)])
    assert report.causes == {"estimated": Cause("estimated", 1, -2_000_000)}


def test_more_tokens_than_ours_are_calls_made_elsewhere():
    ours = call(4_000_000, tokens_in=2000, price=PRICE)
    report = compare([bill(12_000_000, requests=3, tokens_in=6000, tokens_out=0)], [ours])
    assert report.causes == {"elsewhere": Cause("elsewhere", 2, 8_000_000)}


def test_the_same_tokens_at_another_amount_are_another_price():
    ours = call(4_000_000, tokens_in=2000, price=PRICE)
    report = compare([bill(2_000_000, requests=1, tokens_in=2000, tokens_out=0)], [ours])
    assert report.causes == {"price": Cause("price", 0, -2_000_000)}


def test_tokens_that_they_do_not_count_as_cached_cost_the_difference_of_the_rates():
    ours = call(3_000_000, tokens_in=2000, cached=1000, price=PRICE)
    report = compare([bill(4_000_000, requests=1, tokens_in=2000, tokens_out=0, cached=0)], [ours])
    assert report.causes == {"cached": Cause("cached", 0, 1_000_000)}


def test_amounts_that_they_rounded_to_cents_are_no_other_cause():
    cents = bill(10_000_000, step=Decimal("0.01"))
    report = compare([cents], [call(8_000_000, worst_nano=90_000_000, doubt="client_gone")])
    assert report.causes == {"rounding": Cause("rounding", 0, 2_000_000)}


def test_a_call_over_midnight_may_be_on_either_day():
    late = NOON.replace(hour=23, minute=59, second=50)
    ours = [call(), call(5_000_000, began=late, ended=late + timedelta(seconds=20))]
    report = compare([bill(1_000_000), bill(5_000_000, day=DAY + timedelta(days=1))], ours)
    assert [line.causes for line in report.lines] == [
        (Cause("edge", 1, -5_000_000),),
        (Cause("edge", 1, 5_000_000),),
    ]
    assert report.drift_nano == 0  # what one day lacks the other has


def test_a_call_that_began_before_the_first_day_may_be_on_its_bill():
    late = NOON.replace(day=18, hour=23, minute=59)
    report = compare([bill()], [call(began=late, ended=late + timedelta(minutes=2))])
    assert report.causes == {"edge": Cause("edge", 1, 1_000_000)}


def test_a_generation_that_none_of_our_attempts_had_was_made_elsewhere():
    lines = [bill(ref="gen-1"), bill(7_000_000, ref="gen-2")]
    report = compare(lines, [call(ref="gen-1", worst_nano=9_000_000, doubt="client_gone")])
    assert report.causes == {"elsewhere": Cause("elsewhere", 1, 7_000_000)}


def test_a_bill_without_amounts_is_valued_at_our_prices():
    ours = [call(4_000_000, tokens_in=2000, price=PRICE)]
    report = compare([bill(usd=None, requests=2, tokens_in=3000, tokens_out=10)], ours)
    assert report.by_tokens
    assert (report.theirs_nano, report.drift_nano) == (6_080_000, 2_080_000)
    assert report.causes == {"elsewhere": Cause("elsewhere", 1, 2_080_000)}


def test_tokens_of_a_model_without_a_price_are_in_no_sum():
    report = compare([bill(usd=None, model="new-model", tokens_in=1, tokens_out=1)], [])
    assert (report.lines[0].theirs_nano, report.unvalued, report.drift_nano) == (None, 1, 0)


def test_a_model_nobody_called_here_is_valued_by_the_price_list():
    lines = [bill(usd=None, model="gpt-4o", tokens_in=1000, tokens_out=0)]
    report = compare(lines, [], price=lambda model: PRICE if model == "gpt-4o" else None)
    assert report.theirs_nano == 2_000_000
    assert report.causes == {"elsewhere": Cause("elsewhere", 0, 2_000_000)}


def test_a_bill_that_names_no_models_is_compared_by_the_day():
    report = compare([bill(3_000_000, model="")], [call(), call(2_000_000, model="openai/o3")])
    assert [(line.model, line.difference) for line in report.lines] == [("all models", 0)]


def test_a_model_that_they_do_not_bill_at_all_has_its_line():
    report = compare([bill()], [call(), call(500_000, model="openai/o3")])
    assert [(line.model, line.difference) for line in report.lines] == [
        ("openai/gpt-4o", 0),
        ("openai/o3", -500_000),
    ]


def test_errors_of_two_models_do_not_cancel_out():
    lines = [bill(2_000_000), bill(1_000_000, model="o3")]
    report = compare(lines, [call(1_000_000), call(2_000_000, model="openai/o3")])
    assert (report.theirs_nano, report.ours_nano, report.drift_nano) == (3_000_000, 3_000_000, 2_000_000)


def test_days_are_those_of_the_zone():
    lines = [bill(), bill(day=DAY - timedelta(days=1))]
    early = datetime(2026, 11, 19, 3, tzinfo=UTC)  # still the 18th in Los Angeles
    report = compare(lines, [call(), call(began=early, ended=early)], zone="America/Los_Angeles")
    assert [line.difference for line in report.lines] == [0, 0]


def test_days_outside_of_those_asked_for_do_not_count():
    lines = [bill(), bill(7_000_000, day=DAY + timedelta(days=1))]
    report = compare(lines, [call(), call(began=NOON - timedelta(days=3))], since=DAY, until=DAY)
    assert (report.theirs_nano, report.ours_nano, len(report.lines)) == (1_000_000, 1_000_000, 1)


MODELS = ("openai/gpt-4o-2024-08-06", "openai/gpt-4o-mini-2024-07-18", "openai/o3")
some_call = st.builds(
    call,
    st.integers(0, 10**13),
    model=st.sampled_from(MODELS),
    began=st.integers(0, 5).map(lambda days: NOON + timedelta(days=days)),
    worst_nano=st.integers(0, 10**13),
    tokens_in=st.integers(0, 10**7),
    tokens_out=st.integers(0, 10**6),
    doubt=st.sampled_from(["", "lost", "client_gone", "cut", "retried"]),
    estimated=st.booleans(),
    price=st.just(PRICE),
).map(
    lambda made: Attempted(**{name: getattr(made, name) for name in made.__slots__} | {"ended": made.began})
)


def billed_as(ours: list[Attempted], *, amounts: bool) -> list[Billed]:
    """The bill of a provider that counts as we do, line by line."""
    return [
        Billed(
            line=number + 2,
            day=one.began.date(),
            model=one.model.partition("/")[2],
            requests=1,
            tokens_in=one.tokens_in,
            tokens_out=one.tokens_out,
            cached=one.cached,
            usd=to_dollars(one.nano or 0) if amounts else None,
        )
        for number, one in enumerate(ours)
    ]


@given(st.lists(some_call, min_size=1, max_size=30), st.booleans(), st.randoms())
def test_identical_records_give_no_drift_and_no_cause(ours: list[Attempted], amounts: bool, random: Any):
    lines = billed_as(ours, amounts=amounts)
    random.shuffle(lines)
    report = compare(lines, ours)
    assert (report.drift_nano, report.causes) == (0, {})
    assert report.theirs_nano == report.ours_nano == sum(one.nano or 0 for one in ours)


@given(st.lists(some_call, max_size=20), st.lists(some_call, min_size=1, max_size=20))
def test_the_causes_always_add_up_to_the_difference(ours: list[Attempted], theirs: list[Attempted]):
    report = compare(billed_as(theirs, amounts=True), ours)
    for line in report.lines:
        assert sum(cause.nano for cause in line.causes) == line.difference
        assert line.theirs_nano is not None
        assert line.theirs_nano - line.ours_nano == line.difference
