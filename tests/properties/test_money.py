"""Money is whole nano-dollars: exact, never negative, never less for more."""

from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from xroute.money.nano import as_text, from_dollars, to_dollars
from xroute.money.price import Price, Rates
from xroute.web.listing import per_token
from xroute.wire.usage import Usage

NANO = st.integers(0, 10**21)
DOLLARS = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=15)
COUNTS = st.integers(0, 3_000_000)
RATE = st.integers(0, 10**12)
RATES = st.builds(
    Rates,
    input=RATE,
    output=RATE,
    cached_input=st.none() | RATE,
    cache_write=st.none() | RATE,
    reasoning=st.none() | RATE,
    audio_in=st.none() | RATE,
    audio_out=st.none() | RATE,
    image_in=st.none() | RATE,
    image_out=st.none() | RATE,
)
# Disjoint kinds of tokens, as they add up to a usage.
INS = ("cached", "cache_write", "audio_in", "image_in")
OUTS = ("reasoning", "audio_out", "image_out")
KINDS = ("plain_in", *INS, "plain_out", *OUTS)
TOKENS = st.fixed_dictionaries(dict.fromkeys(KINDS, COUNTS))


def usage_of(tokens):
    parts = {kind: tokens[kind] for kind in KINDS if not kind.startswith("plain")}
    return Usage(
        input=tokens["plain_in"] + sum(parts[kind] for kind in INS),
        output=tokens["plain_out"] + sum(parts[kind] for kind in OUTS),
        **parts,
    )


def more(rates, factor):
    """Rates that are no lower anywhere."""
    grown = {f.name: getattr(rates, f.name) for f in fields(Rates)}
    return Rates(**{name: None if value is None else value * factor for name, value in grown.items()})


@st.composite
def prices(draw):
    base = draw(RATES)
    starts = sorted(draw(st.sets(st.integers(1, 500_000), max_size=2)))
    tiers = tuple((start, more(base, place + 2)) for place, start in enumerate(starts))
    return Price(base, tiers, request=draw(RATE))


@given(NANO)
def test_nano_dollars_are_dollars_exactly(nano):
    assert Fraction(to_dollars(nano)) == Fraction(nano, 10**9)
    assert from_dollars(to_dollars(nano)) == nano


@given(DOLLARS)
def test_dollars_become_the_nearest_nano_half_up(dollars):
    assert from_dollars(dollars) == floor(Fraction(dollars) * 10**9 + Fraction(1, 2))


@given(NANO)
def test_dollars_as_text_are_plain_digits_that_read_back(nano):
    text = as_text(nano)
    assert set(text) <= set("0123456789.")
    assert not (text.endswith(".") or ("." in text and text.endswith("0")))
    assert from_dollars(Decimal(text)) == nano


@given(RATE)
def test_a_price_per_token_is_exact_and_reads_back(rate):
    text = per_token(rate)
    assert set(text) <= set("0123456789.")
    assert Fraction(text) == Fraction(rate, 10**9 * 10**6)


@given(prices(), TOKENS)
def test_a_cost_is_the_sum_of_its_parts_rounded_once(price, tokens):
    usage = usage_of(tokens)
    rates = [tier for start, tier in ((-1, price.base), *price.tiers) if usage.input > start][-1]
    per_million = {
        "plain_in": rates.input,
        "cached": rates.input if rates.cached_input is None else rates.cached_input,
        "cache_write": rates.input if rates.cache_write is None else rates.cache_write,
        "audio_in": rates.input if rates.audio_in is None else rates.audio_in,
        "plain_out": rates.output,
        "reasoning": rates.output if rates.reasoning is None else rates.reasoning,
        "audio_out": rates.output if rates.audio_out is None else rates.audio_out,
        "image_in": rates.input if rates.image_in is None else rates.image_in,
        "image_out": rates.output if rates.image_out is None else rates.image_out,
    }
    exact = sum(Fraction(tokens[kind] * per_million[kind], 10**6) for kind in KINDS)
    assert price.cost(usage) == floor(exact + Fraction(1, 2)) + price.request


@given(prices(), TOKENS, st.sampled_from(KINDS), COUNTS)
def test_more_tokens_of_any_kind_never_cost_less(price, tokens, kind, added):
    less, much = price.cost(usage_of(tokens)), price.cost(usage_of(tokens | {kind: tokens[kind] + added}))
    assert price.request <= less <= much


@given(prices(), st.builds(Usage, *(COUNTS,) * 7))
def test_parts_that_exceed_their_whole_never_make_a_cost_negative(price, usage):
    assert price.cost(usage) >= price.request
    assert price.cost(replace(usage, input=0, output=0)) >= price.request
