"""Profiles and faults: how they are written, and which request meets which."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.errors import ConfigError
from xroute.sim.plan import KINDS, Fault, Latency, Profile, choose, describe, parse_fault


def hits(fault, count=1000, seed=0):
    profile = Profile(seed=seed, faults=(fault,))
    return [n for n in range(1, count + 1) if choose(profile, n, 0.0)]


def test_every_nth_request_meets_the_fault():
    assert hits(Fault("status_500", every=3), count=10) == [3, 6, 9]


def test_the_first_requests_meet_the_fault_and_no_later_ones():
    assert hits(Fault("status_500", first=2), count=10) == [1, 2]


def test_a_probability_is_kept_and_a_rerun_fails_the_same_requests():
    fault = Fault("status_500", probability=0.1)
    assert 70 <= len(hits(fault)) <= 130
    assert hits(fault) == hits(fault) != hits(fault, seed=1)


def test_the_bounds_of_probability_are_never_and_always():
    assert hits(Fault("refuse", probability=0.0)) == []
    assert len(hits(Fault("refuse", probability=1.0))) == 1000


def test_a_window_is_open_from_its_start_up_to_its_end():
    fault = Fault("status_503", from_s=10, to_s=20)
    assert [fault.holds(t) for t in (9.9, 10, 19.9, 20)] == [False, True, True, False]


def test_a_window_comes_again_each_period():
    fault = Fault("status_503", from_s=1, to_s=2, period_s=10)
    assert [fault.holds(t) for t in (0, 1.5, 2.5, 11.5, 12.5, 101)] == [False, True, False, True, False, True]


def test_conditions_must_hold_together():
    profile = Profile(faults=(Fault("status_500", every=2, from_s=5),))
    assert [choose(profile, n, t) is not None for n, t in ((2, 0), (1, 6), (2, 6))] == [False, False, True]


def test_the_first_fault_that_applies_is_met():
    profile = Profile(faults=(Fault("status_500", every=2), Fault("status_429")))
    assert [choose(profile, n, 0).kind for n in (1, 2)] == ["status_429", "status_500"]


def test_what_is_not_counted_meets_windows_alone():
    assert choose(Profile(faults=(Fault("status_500"), Fault("status_503", every=1))), 0, 0) is None
    assert choose(Profile(faults=(Fault("status_503", from_s=0),)), 0, 1)


windows = st.builds(
    lambda start, length, rest: Fault("refuse", from_s=start, to_s=start + length, period_s=rest),
    st.integers(0, 50),
    st.integers(1, 50),
    st.one_of(st.none(), st.integers(101, 200)),
)


@given(windows, st.floats(0, 1000), st.floats(0, 1))
def test_a_window_does_not_change_before_it_says_so(fault, t_s, share):
    change = fault.changes(t_s)
    until = t_s + 1000 if change is None else change
    between = t_s + (until - t_s) * share * 0.999
    assert fault.holds(between) == fault.holds(t_s)


def test_a_fault_is_read_from_the_command_line():
    assert parse_fault("status_429:every=3,retry_after=1") == Fault("status_429", every=3, retry_after_s=1)
    assert parse_fault("cut_mid_stream:p=0.1,after=5") == Fault(
        "cut_mid_stream", probability=0.1, after_events=5
    )
    assert parse_fault("refuse:from=10,to=20,period=60") == Fault("refuse", from_s=10, to_s=20, period_s=60)
    assert parse_fault("empty_200") == Fault("empty_200")


faults = st.builds(
    Fault,
    st.sampled_from(sorted(KINDS)),
    probability=st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0])),
    every=st.one_of(st.none(), st.integers(1, 99)),
    from_s=st.one_of(st.none(), st.integers(0, 9)),
    to_s=st.one_of(st.none(), st.integers(10, 99)),
    retry_after_s=st.one_of(st.none(), st.integers(0, 9)),
    after_events=st.integers(0, 99),
    size_bytes=st.one_of(st.none(), st.integers(1, 99)),
)


@given(faults)
def test_what_describes_a_fault_is_read_as_the_same_fault(fault):
    assert parse_fault(describe(fault)) == fault


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("status_418", "kind"),
        ("status_500:p=2", ".p"),
        ("status_500:p=nan", ".p"),
        ("status_500:every=0", ".every"),
        ("status_500:every=1.5", ".every"),
        ("status_500:often=1", ".often"),
        ("status_500:every", "key=value"),
        ("refuse:from=20,to=10", ".to"),
        ("refuse:from=1,period=10", ".period"),
        ("slow_trickle:size=0", ".size"),
        ("slow_trickle:pause=inf", ".pause"),
    ],
)
def test_a_wrong_fault_is_an_error_that_names_the_key(text, named):
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        parse_fault(text)


def test_a_profile_is_read_from_the_config():
    profile = Profile.from_dict(
        {
            "seed": 7,
            "ttft_ms": {"median": 200, "p95": 900},
            "tokens_per_s": 50,
            "output_tokens": 100,
            "cached_share": 0.9,
            "models": ["a", "b"],
            "faults": ["status_500:every=2", {"kind": "refuse", "from": 1, "to": 2}],
        }
    )
    assert profile == Profile(
        seed=7,
        ttft=Latency(200, 900),
        tokens_per_s=50,
        output_tokens=100,
        cached_share=0.9,
        models=("a", "b"),
        faults=(Fault("status_500", every=2), Fault("refuse", from_s=1, to_s=2)),
    )


def test_a_profile_of_nothing_is_the_default():
    assert Profile.from_dict({}) == Profile()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"sed": 1}, "sim.sed"),
        ({"seed": -1}, "sim.seed"),
        ({"seed": True}, "sim.seed"),
        ({"ttft_ms": "soon"}, "sim.ttft_ms"),
        ({"ttft_ms": {"mean": 1}}, "sim.ttft_ms.mean"),
        ({"ttft_ms": {"median": 10, "p95": 5}}, "sim.ttft_ms.p95"),
        ({"tokens_per_s": 0}, "sim.tokens_per_s"),
        ({"output_tokens": 0}, "sim.output_tokens"),
        ({"models": "sim"}, "sim.models"),
        ({"models": []}, "sim.models"),
        ({"faults": {"kind": "refuse"}}, "sim.faults"),
        ({"faults": [1]}, r"sim.faults\[0\]"),
        ({"faults": ["refuse", {"kind": "refuse", "every": []}]}, r"sim.faults\[1\].every"),
        ({"faults": [{"every": 1}]}, r"sim.faults\[0\].kind"),
    ],
)
def test_a_wrong_profile_is_an_error_that_names_the_key(values, where):
    with pytest.raises(ConfigError, match=f"^{where}: "):
        Profile.from_dict(values)


def test_the_time_to_first_token_has_the_given_median_and_percentile():
    rng = random.Random(1)
    drawn = sorted(Latency(200, 900).draw(rng) for _ in range(4000))
    assert 0.18 < drawn[2000] < 0.22
    assert 0.8 < drawn[3800] < 1.0


def test_a_constant_time_to_first_token_is_constant():
    assert {Latency(200).draw(random.Random(seed)) for seed in range(5)} == {0.2}
