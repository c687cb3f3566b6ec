"""The order in which the deployments of one model are tried, strategy by strategy."""

from collections import Counter
from random import Random

import pytest
from tests.unit.routing.making import RULES, Dice, deployment, ids, price

from xroute.routing.balance import rank
from xroute.routing.deployment import Credential
from xroute.routing.preferences import STRATEGIES


def loaded(provider: str, in_flight: int, **facts):
    made = deployment(provider, **facts)
    made.health.in_flight = in_flight
    return made


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_none_and_one_need_no_order(strategy):
    one = deployment()
    assert rank([], strategy, Dice()) == []
    assert rank([one], strategy, Dice()) == [one]


def test_order_leaves_them_as_they_are():
    given = [loaded("a", 9), loaded("b", 0), loaded("c", 3)]
    assert rank(given, "order", Dice()) == given


def test_of_two_drawn_the_less_loaded_is_first():
    given = [loaded("a", 5), loaded("b", 1), loaded("c", 0)]
    drawn_a_and_b = rank(given, "balanced", Dice(0.0, 0.0))
    assert ids(drawn_a_and_b) == ids([given[1], given[2], given[0]])
    drawn_c_and_a = rank(given, "balanced", Dice(0.99, 0.0))
    assert drawn_c_and_a[0] is given[2]


def test_load_is_time_to_first_token_times_what_is_under_way():
    quick, slow = loaded("quick", 3), loaded("slow", 0)
    quick.health.first_token.note(1.0, 0.2)
    slow.health.first_token.note(1.0, 1.0)
    assert rank([slow, quick], "balanced", Dice(0.0, 0.0))[0] is quick
    quick.health.in_flight = 9
    assert rank([slow, quick], "balanced", Dice(0.0, 0.0))[0] is slow


def test_a_heavier_weight_takes_more_load():
    heavy, light = loaded("heavy", 2, weight=10.0), loaded("light", 0)
    assert rank([light, heavy], "balanced", Dice(0.0, 0.0))[0] is heavy


def test_a_credential_has_a_weight_too():
    heavy = loaded("heavy", 2, credential=Credential("heavy/1", 10.0, RULES))
    assert rank([loaded("light", 0), heavy], "balanced", Dice(0.0, 0.0))[0] is heavy


def test_balanced_calls_are_spread_over_equals():
    random = Random(1)
    given = [deployment(name) for name in "abcd"]
    first = Counter(rank(given, "balanced", random.random)[0].id for _ in range(4000))
    assert len(first) == 4
    assert min(first.values()) > 4000 / 4 / 3


def test_weighted_shares_are_those_of_the_weights():
    random = Random(1)
    given = [deployment("a", weight=3.0), deployment("b", weight=1.0)]
    first = Counter(rank(given, "weighted", random.random)[0].provider for _ in range(8000))
    assert 0.70 < first["a"] / 8000 < 0.80


def test_a_weight_of_nothing_comes_last():
    random = Random(1)
    given = [deployment("never", weight=0.0), deployment("a"), deployment("b")]
    assert {rank(given, "weighted", random.random)[-1].provider for _ in range(200)} == {"never"}


def test_the_cheapest_is_first_and_an_unknown_price_last():
    cheap, dear = deployment("cheap", price=price(10, 20)), deployment("dear", price=price(30, 5))
    unknown, fee = deployment("unknown"), deployment("fee", price=price(1, 1, request=1000))
    assert ids(rank([unknown, fee, dear, cheap], "price", Dice())) == ids([cheap, dear, fee, unknown])


def test_equal_prices_are_ordered_by_load():
    busy, idle = loaded("busy", 4, price=price(1, 1)), loaded("idle", 0, price=price(1, 1))
    assert rank([busy, idle], "price", Dice())[0] is idle


def test_the_quickest_to_its_first_token_is_first():
    slow, quick, answers = deployment("slow"), deployment("quick"), deployment("answers")
    slow.health.first_token.note(1.0, 2.0)
    quick.health.first_token.note(1.0, 0.3)
    answers.health.answer.note(1.0, 1.0)  # never streamed: the time of whole answers stands in
    assert ids(rank([slow, answers, quick], "latency", Dice())) == ids([quick, answers, slow])


def test_the_fastest_is_first_and_one_never_measured_before_all():
    fast, slow, new = deployment("fast"), deployment("slow"), deployment("new")
    fast.health.speed(200.0)
    slow.health.speed(20.0)
    assert ids(rank([slow, fast, new], "throughput", Dice())) == ids([new, fast, slow])
