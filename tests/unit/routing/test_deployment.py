"""What a deployment has shown: times that jump up and sink slowly, speed, load."""

from math import exp

import pytest
from tests.unit.routing.making import RULES, deployment

from xroute.routing.deployment import FADE_S, LEAST_S, TAU_S, Health, PeakEwma


def test_a_slower_time_counts_at_once():
    time = PeakEwma()
    time.note(1.0, 0.2)
    time.note(2.0, 3.0)
    assert time.seconds == 3.0


def test_a_faster_time_counts_bit_by_bit():
    time = PeakEwma()
    time.note(0.0, 2.0)
    time.note(TAU_S, 1.0)
    assert time.seconds == pytest.approx(1.0 + exp(-1))


def test_a_time_never_measured_is_nought():
    assert PeakEwma().seconds == 0.0


def test_speed_starts_with_the_first_figure_and_moves_slowly():
    health = Health(RULES)
    health.speed(100.0)
    assert health.tokens_per_s == 100.0
    health.speed(50.0)
    assert health.tokens_per_s == pytest.approx(90.0)


def test_a_slow_answer_fades_while_nobody_asks():
    health = Health(RULES)
    assert health.wait(1.0) == 0
    health.answer.note(100.0, 60.0)
    health.first_token.note(100.0, 0.5)
    assert health.wait(100.0) == 60.0
    assert health.wait(100.0 + FADE_S) == pytest.approx(60.0 * exp(-1))
    assert health.wait(1e6) == LEAST_S
    assert health.wait(0.0) == 60.0  # a clock that went back


def test_a_deployment_shows_no_credential():
    assert repr(deployment("groq", "meta/llama")) == "Deployment(meta/llama@groq)"
