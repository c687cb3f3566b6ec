"""What a usage costs at a price."""

from dataclasses import replace

import pytest

from xroute.money.price import FREE, Price, Rates
from xroute.wire.usage import Usage

MILLION = 1_000_000
RATES = Rates(
    input=1000, output=4000, cached_input=100, cache_write=1250, reasoning=5000, audio_in=8000, audio_out=9000
)
WHOLE = Usage(
    input=10 * MILLION,
    output=10 * MILLION,
    cached=MILLION,
    cache_write=2 * MILLION,
    reasoning=3 * MILLION,
    audio_in=4 * MILLION,
    audio_out=5 * MILLION,
)


def test_every_kind_of_token_has_its_rate():
    inputs = 3 * 1000 + 1 * 100 + 2 * 1250 + 4 * 8000
    outputs = 2 * 4000 + 3 * 5000 + 5 * 9000
    assert Price(RATES).cost(WHOLE) == inputs + outputs


def test_tokens_without_a_rate_of_their_own_cost_as_input_or_output():
    assert Price(Rates(input=1000, output=4000)).cost(WHOLE) == 10 * 1000 + 10 * 4000


def test_a_rate_of_nothing_is_a_rate():
    price = Price(Rates(input=1000, output=4000, cached_input=0, reasoning=0))
    assert price.cost(Usage(input=MILLION, output=MILLION, cached=MILLION, reasoning=MILLION)) == 0


@pytest.mark.parametrize(("tokens", "nano"), [(0, 0), (1, 0), (499_999, 0), (500_000, 1), (1_500_000, 2)])
def test_a_cost_is_rounded_half_up_and_once(tokens, nano):
    assert Price(Rates(input=1)).cost(Usage(input=tokens)) == nano
    halves = Usage(input=tokens // 2, output=tokens - tokens // 2)
    assert Price(Rates(input=1, output=1)).cost(halves) == nano


def test_a_fee_per_call_is_added():
    assert Price(Rates(input=1000), request=7).cost(Usage(input=MILLION)) == 1007
    assert Price(Rates(), request=7).cost(Usage()) == 7


def test_crossing_a_tier_applies_its_rates_to_all_tokens():
    price = Price(Rates(input=10, output=10), tiers=((MILLION, Rates(20, 30)), (2 * MILLION, Rates(40, 50))))
    assert price.cost(Usage(input=MILLION, output=MILLION)) == 20
    assert price.cost(Usage(input=MILLION + 1, output=MILLION)) == 50
    assert price.cost(Usage(input=3 * MILLION, output=MILLION)) == 3 * 40 + 50


def test_the_length_of_the_output_crosses_no_tier():
    price = Price(Rates(input=10, output=10), tiers=((MILLION, Rates(20, 30)),))
    assert price.cost(Usage(input=1, output=5 * MILLION)) == 50


def test_more_parts_than_the_whole_are_billed_as_parts():
    price = Price(RATES)
    assert price.cost(Usage(input=0, cached=MILLION)) == 100
    assert price.cost(replace(WHOLE, input=0)) == 1 * 100 + 2 * 1250 + 2 * 4000 + 3 * 5000 + 5 * 9000


def test_what_the_cache_held_of_an_image_is_billed_as_cached_alone():
    price = Price(Rates(input=1000, output=0, cached_input=100, image_in=5000))
    usage = Usage(input=10 * MILLION, cached=8 * MILLION, image_in=9 * MILLION)
    assert price.cost(usage) == 8 * 100 + 2 * 5000
    plain = Price(Rates(input=1000, output=0, cached_input=100))
    assert plain.cost(usage) == 8 * 100 + 2 * 1000


def test_one_figure_to_sort_by_is_three_to_one_with_the_fee():
    assert Price(Rates(input=10, output=100), request=1000).blended() == 3 * 10 + 100 + 4 * 1000


def test_what_runs_on_the_users_own_machine_is_free_and_says_why():
    assert FREE.cost(WHOLE) == 0
    assert "own machine" in FREE.source


def test_what_is_kept_in_the_cache_for_an_hour_has_its_own_rate_and_without_one_that_of_other_writes():
    used = Usage(input=3 * MILLION, cache_write=2 * MILLION, cache_write_1h=MILLION)
    assert Price(replace(RATES, cache_write_1h=2000)).cost(used) == 1000 + 1250 + 2000
    assert Price(RATES).cost(used) == 1000 + 2 * 1250


def test_searches_are_paid_beside_tokens():
    assert Price(Rates(input=1000), search=10).cost(Usage(input=MILLION, searches=3)) == 1030


def test_the_most_is_never_less_than_the_cost():
    price = Price(replace(RATES, cache_write_1h=2000), request=7)
    ceiling = price.of_any(WHOLE.input)
    assert price.most(WHOLE.input, WHOLE.output, ceiling) >= price.cost(WHOLE)
    text = replace(WHOLE, audio_in=0, audio_out=0)
    assert price.of_text(text.input) < ceiling
    assert price.most(text.input, text.output, price.of_text(text.input)) >= price.cost(text)


def test_the_output_that_money_buys_costs_no_more_than_that():
    price = Price(RATES, request=7)
    ceiling = price.of_text(MILLION)
    room = price.room(MILLION, 9000, ceiling)
    assert price.most(MILLION, room, ceiling) <= 9000 < price.most(MILLION, room + 1000, ceiling)
    assert price.room(MILLION, 100, ceiling) == 0


def test_prices_that_say_the_same_have_one_id():
    assert Price(RATES).id == Price(replace(RATES)).id != Price(RATES, request=1).id
