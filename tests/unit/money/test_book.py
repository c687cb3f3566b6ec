"""Which price applies: the config's, else that of genai-prices, else none. Unknown is never 0."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import genai_prices
import pytest

from xroute.catalog.book import Catalog
from xroute.catalog.entries import Model, Offer, Provider
from xroute.config.settings import PriceSettings
from xroute.money.book import PriceBook
from xroute.money.price import FREE
from xroute.wire.usage import Usage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PRICED = ("openai", "anthropic", "google", "groq", "deepseek", "mistral", "x-ai", "perplexity", "openrouter")


def provider(id_: str, **facts) -> Provider:
    return Provider(id=id_, name=id_, dialect="openai", base_url="https://p.test/v1", **facts)


CATALOG = Catalog(
    providers=[
        *(provider(id_, prices=id_) for id_ in PRICED),
        provider("unlisted"),
        provider("misnamed", prices="no-such-provider"),
        provider("mine", local=True),
    ],
    models=[Model("openai/gpt-4o", "GPT-4o", "openai", aliases=("gpt-4o",)), Model("me/own", "Own", "me")],
    offers=[Offer("openai", "openai/gpt-4o", "gpt-4o"), Offer("groq", "openai/gpt-4o", "gpt-4o-on-groq")],
)


def book(now=lambda: NOW, **overrides) -> PriceBook:
    return PriceBook(CATALOG, overrides, now)


def usd(**rates) -> PriceSettings:
    return PriceSettings(**{name: v if name == "source" else Decimal(v) for name, v in rates.items()})


MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-4o-2024-11-20"),
    ("openai", "gpt-5"),
    ("openai", "gpt-5.4"),  # tiers
    ("openai", "gpt-audio"),  # audio
    ("openai", "gpt-3.5-turbo"),
    ("openai", "o3"),
    ("anthropic", "claude-3-haiku-20240307"),
    ("anthropic", "claude-sonnet-4-5"),  # tiers, cache writes
    ("anthropic", "claude-opus-4-6"),
    ("google", "gemini-2.5-pro"),  # tiers
    ("google", "gemini-1.5-pro"),
    ("groq", "llama-3.3-70b-versatile"),
    ("deepseek", "deepseek-chat"),
    ("mistral", "mistral-large-latest"),
    ("x-ai", "grok-4"),
    ("perplexity", "sonar-deep-research"),  # reasoning of its own price
    ("openrouter", "google/gemini-2.5-pro"),
]
USAGES = [
    {"input_tokens": 1000, "output_tokens": 500},
    {"input_tokens": 1, "output_tokens": 1},
    {"input_tokens": 12_345, "output_tokens": 678, "cache_read_tokens": 10_000},
    {"input_tokens": 12_345, "output_tokens": 678, "cache_read_tokens": 5_000, "cache_write_tokens": 2_000},
    {"input_tokens": 200_000, "output_tokens": 1000},
    {"input_tokens": 200_001, "output_tokens": 1000, "cache_read_tokens": 150_000},
    {"input_tokens": 900_000, "output_tokens": 64_000},
]


def exact(provider_id: str, model: str, usage: dict[str, int]) -> int:
    """What genai-prices itself makes of it, in nano-dollars."""
    found = genai_prices.calc_price(
        genai_prices.Usage(**usage), model, provider_id=provider_id, genai_request_timestamp=NOW
    )
    return floor(Fraction(found.total_price) * 10**9 + Fraction(1, 2))


def ours(usage: dict[str, int]) -> Usage:
    return Usage(
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cached=usage.get("cache_read_tokens", 0),
        cache_write=usage.get("cache_write_tokens", 0),
        audio_in=usage.get("input_audio_tokens", 0),
        audio_out=usage.get("output_audio_tokens", 0),
    )


@pytest.mark.parametrize(("provider_id", "model"), MODELS)
@pytest.mark.parametrize("usage", USAGES, ids=lambda usage: str(list(usage.values())))
def test_a_cost_is_what_genai_prices_makes_of_it(provider_id, model, usage):
    price = book().price(provider_id, model, "any")
    assert price is not None
    assert price.source == "genai-prices"
    assert price.cost(ours(usage)) - price.request == exact(provider_id, model, usage)


@pytest.mark.parametrize("model", ["gpt-audio", "gpt-audio-mini"])
def test_audio_has_its_own_rates(model):
    usage = {
        "input_tokens": 5000,
        "output_tokens": 3000,
        "input_audio_tokens": 4000,
        "output_audio_tokens": 2500,
    }
    price = book().price("openai", model, "any")
    assert price is not None
    assert price.cost(ours(usage)) == exact("openai", model, usage)
    assert price.base.audio_in != price.base.input


def test_reasoning_has_a_rate_of_its_own_where_the_provider_has_one():
    price = book().price("perplexity", "sonar-deep-research", "any")
    assert price is not None
    assert price.base.reasoning not in (None, price.base.output)
    plain = price.cost(Usage(input=100, output=1_000_000))
    thought = price.cost(Usage(input=100, output=1_000_000, reasoning=1_000_000))
    assert thought - plain == (price.base.reasoning or 0) - price.base.output


def test_a_fee_per_call_is_part_of_the_price():
    price = book().price("perplexity", "sonar", "any")
    assert price is not None
    assert price.request == 12 * 10**9 // 1000


def test_longer_inputs_cost_more_where_the_provider_says_so():
    price = book().price("google", "gemini-2.5-pro", "any")
    assert price is not None
    assert [start for start, _ in price.tiers] == [200_000]
    assert price.rates(200_001).input > price.rates(200_000).input


@pytest.mark.parametrize(
    ("provider_id", "model"),
    [
        ("openai", "no-such-model-at-all"),
        ("unlisted", "gpt-4o"),
        ("misnamed", "gpt-4o"),
        ("nobody", "gpt-4o"),
        ("openai", "whisper-1"),  # priced by the hour, not by tokens
    ],
)
def test_an_unknown_price_is_none_and_not_nothing(provider_id, model):
    assert book().price(provider_id, model, "any") is None


def test_local_providers_are_free():
    assert book().price("mine", "whatever", "me/own") is FREE


def test_an_override_by_model_holds_at_every_provider():
    prices = book(**{"openai/gpt-4o": usd(input="0.2", output="0.6")})
    for provider_id in ("openai", "groq", "unlisted"):
        price = prices.price(provider_id, "gpt-4o", "openai/gpt-4o")
        assert price is not None
        assert (price.input, price.output) == (200_000_000, 600_000_000)
        assert price.source == "config: prices.openai/gpt-4o"


@pytest.mark.parametrize("name", ["gpt-4o", "GPT-4o", "OpenAI/gpt-4o", "openai/gpt-4o"])
def test_an_override_may_use_any_name_of_the_model(name):
    price = book(**{name: usd(input="7", output="8")}).price("unlisted", "whatever", "openai/gpt-4o")
    assert price is not None
    assert price.input == 7_000_000_000


@pytest.mark.parametrize("name", ["groq/gpt-4o-on-groq", "groq/openai/gpt-4o", "Groq/GPT-4o-on-Groq"])
def test_an_override_of_one_provider_is_stronger_and_for_it_alone(name):
    prices = book(**{"openai/gpt-4o": usd(input="1", output="1"), name: usd(input="5", output="5")})
    groq = prices.price("groq", "gpt-4o-on-groq", "openai/gpt-4o")
    other = prices.price("openai", "gpt-4o", "openai/gpt-4o")
    assert groq is not None
    assert other is not None
    assert (groq.input, other.input) == (5_000_000_000, 1_000_000_000)


def test_what_a_partial_override_does_not_name_stays():
    plain = book().price("openai", "gpt-4o", "openai/gpt-4o")
    price = book(**{"gpt-4o": usd(output="99", source="our contract")}).price(
        "openai", "gpt-4o", "openai/gpt-4o"
    )
    assert plain is not None
    assert price is not None
    assert price.output == 99_000_000_000
    assert (price.input, price.base.cached_input) == (plain.input, plain.base.cached_input)
    assert price.source == "our contract"


def test_an_override_holds_in_every_tier():
    price = book(**{"google/gemini-2.5-pro": usd(input="1")}).price("google", "gemini-2.5-pro", "any")
    assert price is not None
    assert price.rates(10).input == price.rates(10**6).input == 1_000_000_000
    assert price.rates(10**6).output > price.rates(10).output


def test_half_a_price_stays_unknown():
    assert book(**{"me/own": usd(input="1")}).price("unlisted", "own", "me/own") is None
    assert book(**{"me/own": usd(request="1")}).price("unlisted", "own", "me/own") is None


def test_a_whole_override_makes_an_unknown_price_known():
    price = book(**{"me/own": usd(input="0", output="0.5", request="0.01")}).price(
        "unlisted", "own", "me/own"
    )
    assert price is not None
    assert (price.input, price.output, price.request) == (0, 500_000_000, 10_000_000)


def test_a_local_model_may_be_given_a_price():
    price = book(**{"me/own": usd(input="1", output="2")}).price("mine", "own", "me/own")
    assert price is not None
    assert price.input == 1_000_000_000


def test_a_price_that_changes_with_the_hour_is_looked_up_again():
    clock = [datetime(2025, 3, 1, 12, 0, tzinfo=UTC)]
    prices = book(lambda: clock[0])
    standard = prices.price("deepseek", "deepseek-chat", "any")
    clock[0] = clock[0].replace(hour=18)  # off-peak in those days, 16:30 to 00:30 UTC
    cheaper = prices.price("deepseek", "deepseek-chat", "any")
    assert standard is not None
    assert cheaper is not None
    assert cheaper.output < standard.output
    clock[0] += timedelta(hours=18)
    assert prices.price("deepseek", "deepseek-chat", "any") == standard


def test_a_service_tier_has_its_own_price_and_an_unknown_one_the_standard():
    standard = book().price("openai", "gpt-5", "gpt-5")
    flex = book().price("openai", "gpt-5", "gpt-5", "flex")
    priority = book().price("openai", "gpt-5", "gpt-5", "priority")
    assert flex.output * 2 == standard.output < priority.output
    assert book().price("openai", "gpt-5", "gpt-5", "auto") == standard


def test_an_hour_in_the_cache_and_a_search_are_priced_at_anthropic():
    price = book().price("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5")
    assert price.base.cache_write_1h == 2 * price.base.input
    assert (
        price.search == 10_000_000
    )  # $10 per 1,000: https://platform.claude.com/docs/en/about-claude/pricing
