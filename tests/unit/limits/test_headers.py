"""limits.headers: what OpenAI's clients read."""

import pytest
from tests.unit.limits.making import NOW, let_in, purse, rate, slots, turned_away

from xroute.limits.gate import Amounts, Level
from xroute.limits.headers import duration, headers
from xroute.limits.memory import Memory


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (12, "12ms"),
        (999, "999ms"),
        (1000, "1s"),
        (8640, "8.64s"),
        (59_999, "59.999s"),
        (60_000, "1m0s"),
        (86_400, "1m26.4s"),
        (360_000, "6m0s"),
        (3_600_250, "1h0m0.25s"),
        (85_656_648, "23h47m36.648s"),
    ],
)
def test_a_duration_is_written_as_go_does(ms: int, text: str):
    assert duration(ms) == text


def told(levels):
    return dict(line.split(": ") for line in headers(levels))


def test_requests_and_tokens_have_three_headers_each():
    gates = (rate(60), rate(150_000, "tokens"))
    hold = let_in(Memory(), gates, Amounts(1, 10, 6))
    assert told(hold.levels) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "1m0s",
    }


def test_tokens_of_one_direction_are_tokens():
    levels = [Level(rate(50), 30, 2.0), Level(rate(10**6, "tokens_in"), 5, 0.012)]
    assert told(levels) == {
        "x-ratelimit-limit-requests": "50",
        "x-ratelimit-remaining-requests": "30",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-limit-tokens": "1000000",
        "x-ratelimit-remaining-tokens": "5",
        "x-ratelimit-reset-tokens": "12ms",
    }


def test_an_engine_shows_the_strictest_of_several():
    engine = Memory()
    gates = (rate(100, key="a:requests"), rate(5, key="b:requests"), rate(7, key="c:requests"))
    assert [level.gate.key for level in let_in(engine, gates).levels] == ["b:requests"]


def test_a_refusal_has_them_too():
    engine, gates = Memory(), (rate(1),)
    let_in(engine, gates)
    refused = turned_away(engine, gates, now=NOW + 20)
    assert told(refused.levels)["x-ratelimit-remaining-requests"] == "0"
    assert told(refused.levels)["x-ratelimit-reset-requests"] == "40s"


def test_without_rates_there_are_none():
    assert headers(let_in(Memory(), (purse(10), slots(2), rate(5, hard=False))).levels) == []
