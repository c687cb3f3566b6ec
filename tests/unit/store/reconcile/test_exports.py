"""Providers' exports: what is read out of each format, and what is said of a file that cannot be read.

The fixtures are written by hand in the forms that the modules' docstrings name the sources of.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xroute.errors import ConfigError
from xroute.store.reconcile.bill import Billed
from xroute.store.reconcile.formats import FORMATS
from xroute.store.reconcile.names import family

BILLS = Path(__file__).parents[3] / "fixtures" / "bills"
DAY = date(2025, 11, 19)


def read(provider: str, name: str) -> list[Billed]:
    return FORMATS[provider].parse((BILLS / name).read_text("utf-8"), name)


def test_openai_usage_has_tokens_by_model_and_skips_days_without_use():
    assert read("openai", "openai_usage.csv") == [
        Billed(2, DAY, "gpt-4o-2024-08-06", requests=10, tokens_in=59200, tokens_out=10646, cached=5760),
        Billed(3, DAY, "gpt-4o-mini-2024-07-18", requests=8, tokens_in=46264, tokens_out=60000, cached=8192),
    ]


def test_openai_costs_keep_every_digit_and_name_what_is_no_model():
    assert read("openai", "openai_costs.csv") == [
        Billed(3, DAY, "gpt-4o-mini-2024-07-18", usd=Decimal("0.003835980000000000000000000000")),
        Billed(4, DAY, "gpt-4o-mini-2024-07-18", usd=Decimal("0.5")),
        Billed(5, DAY, "web search tool calls", usd=Decimal("0.01")),
    ]


def test_the_answers_of_openais_apis_are_read_without_a_float():
    usage, costs = read("openai", "openai_usage.json"), read("openai", "openai_costs.json")
    assert usage[0] == Billed(
        1, DAY, "gpt-4o-2024-08-06", requests=5, tokens_in=1000, tokens_out=500, cached=800
    )
    assert usage[1].cached is None
    assert [line.usd for line in costs] == [Decimal("0.06"), Decimal("1.23000000001")]
    assert {line.model for line in costs} == {"gpt-4o-2024-08-06"}


def test_a_bucket_of_a_minute_keeps_its_time():
    text = (BILLS / "openai_usage.csv").read_text("utf-8").replace("1763596800", "1763510460", 1)
    assert FORMATS["openai"].parse(text, "usage.csv")[0].at == datetime(2025, 11, 19, tzinfo=UTC)


def test_anthropics_four_kinds_of_input_are_added_up():
    sonnet, haiku = read("anthropic", "anthropic_usage.csv")
    assert (sonnet.tokens_in, sonnet.cached, sonnet.tokens_out) == (142_300, 40_000, 5_000)
    assert (sonnet.day, haiku.model) == (DAY, "claude-haiku-4-5-20251001")


def test_anthropics_costs_are_rounded_to_cents():
    lines = read("anthropic", "anthropic_cost.csv")
    assert [line.usd for line in lines] == [Decimal("0.30"), Decimal("0.08"), Decimal("0.10")]
    assert [line.model for line in lines] == ["Claude Sonnet 4.5", "Claude Sonnet 4.5", "web_search"]
    assert {line.step for line in lines} == {Decimal("0.01")}


def test_openrouter_names_each_generation():
    first, second = read("openrouter", "openrouter_activity.csv")
    assert first.ref == "gen-1763510417-aaa"
    assert (first.tokens_in, first.tokens_out, first.cached, first.usd) == (
        10389,
        137,
        1024,
        Decimal("0.0123"),
    )
    assert second.at == datetime(2025, 11, 19, 23, 59, 59, 999000, tzinfo=UTC)


def test_openrouters_sums_are_read_too():
    lines = read("openrouter", "openrouter_summed.csv")
    assert [line.usd for line in lines] == [Decimal("430.07"), Decimal("505.87")]
    assert [line.requests for line in lines] == [4115, 4254]


def test_openrouters_api_is_read_too():
    text = (
        '{"data": [{"date": "2025-11-19", "model": "openai/gpt-4.1", '
        '"model_permaslug": "openai/gpt-4.1-2025-04-14", "endpoint_id": "x", "provider_name": "OpenAI", '
        '"usage": 0.015, "byok_usage_inference": 0.012, "requests": 5, "prompt_tokens": 50, '
        '"completion_tokens": 125, "reasoning_tokens": 25}]}'
    )
    assert FORMATS["openrouter"].parse(text, "activity.json") == [
        Billed(
            1,
            DAY,
            "openai/gpt-4.1-2025-04-14",
            requests=5,
            tokens_in=50,
            tokens_out=125,
            usd=Decimal("0.015"),
        )
    ]


def test_googles_skus_name_model_and_direction():
    lines = read("google", "google_reports.csv")
    assert [(line.model, line.tokens_in, line.tokens_out, line.cached) for line in lines] == [
        ("gemini-2.5-flash-image", 0, 260_580, 0),
        ("gemini-2.5-flash", 0, 622_403, 0),
        ("gemini-2.5-flash", 1_000_000, 0, 0),
        ("gemini-2.5-flash", 1_000, 0, 1_000),
        ("gemini-2.5-flash-lite", 0, 12_485, 0),
    ]
    assert sum(line.usd or 0 for line in lines) == Decimal("9.678414")
    assert {line.step for line in lines} == {Decimal("0.000001")}


def test_googles_cost_table_is_converted_at_the_rate_of_its_invoice():
    (line,) = read("google", "google_cost_table.csv")
    assert (line.line, line.model, line.usd) == (10, "gemini-2.5-pro", Decimal("2000.01"))


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "openai_usage.csv"),
        ("openai", "openai_costs.csv"),
        ("anthropic", "anthropic_usage.csv"),
        ("anthropic", "anthropic_cost.csv"),
        ("openrouter", "openrouter_activity.csv"),
        ("google", "google_reports.csv"),
    ],
)
def test_the_order_of_columns_their_case_and_a_byte_order_mark_do_not_matter(provider: str, name: str):
    import csv
    import io

    rows = list(csv.reader(io.StringIO((BILLS / name).read_text("utf-8"))))
    turned = io.StringIO()
    csv.writer(turned, delimiter=";").writerows(
        [[cell.upper() if not number else cell for cell in reversed(row)] for number, row in enumerate(rows)]
    )
    assert FORMATS[provider].parse("\ufeff" + turned.getvalue(), name) == read(provider, name)


@pytest.mark.parametrize(
    ("provider", "name", "old", "new", "said"),
    [
        ("openai", "openai_usage.csv", "59200.0", "many", "b.csv:2 input_tokens: 'many' is no number"),
        ("openai", "openai_usage.csv", "59200.0", "1.5", "b.csv:2 input_tokens: 1.5 is no whole number"),
        ("openai", "openai_usage.csv", "input_tokens,", "in,", "b.csv: has no line with the columns"),
        ("openai", "openai_costs.csv", "0.5,usd", "0.5,eur", "b.csv:4 amount_currency: 'eur'"),
        (
            "openai",
            "openai_costs.csv",
            "1763510400,1763596800",
            "99e99,1763596800",
            "b.csv:3 start_time: '99e99' is no date",
        ),
        ("openai", "openai_costs.json", '"data"', '"date"', "b.csv: has no list `data`"),
        ("openai", "openai_costs.json", "0.06", '"x"', "b.csv data[0].results[0].amount.value: "),
        ("openai", "openai_costs.json", "{", "{{", "b.csv: is no JSON"),
        ("anthropic", "anthropic_cost.csv", "0.08,0.08", "NaN,0.08", "b.csv:3 cost_usd: 'NaN' is no number"),
        (
            "anthropic",
            "anthropic_usage.csv",
            "2025-11-19",
            "yesterday",
            "b.csv:2 usage_date_utc: 'yesterday'",
        ),
        ("openrouter", "openrouter_activity.csv", "2025-11-19 00", "x", "b.csv:2 created_at: "),
        ("google", "google_cost_table.csv", "2025-11-19,2025-11-19", "2025-11-01,2025-11-30", "several days"),
        ("google", "google_cost_table.csv", "Currency exchange rate,0.5,", "", "names no exchange rate"),
        ("google", "google_reports.csv", "Subtotal ($)", "Subtotal (€)", "amounts have to be in USD"),
    ],
)
def test_what_cannot_be_read_is_told_with_file_line_and_column(
    provider: str, name: str, old: str, new: str, said: str
):
    text = (BILLS / name).read_text("utf-8")
    assert old in text
    if new == "Subtotal (€)":
        text = text.replace("Unrounded subtotal ($)", "x")
    with pytest.raises(ConfigError) as caught:
        FORMATS[provider].parse(text.replace(old, new, 1), "b.csv")
    assert said in str(caught.value)


def test_a_line_with_more_cells_than_columns_is_told():
    text = (BILLS / "anthropic_cost.csv").read_text("utf-8").replace("0.08,0.08", "0.08,0.08,9,9,9", 1)
    with pytest.raises(ConfigError, match=r"b.csv:3: has 15 cells for 12 columns"):
        FORMATS["anthropic"].parse(text, "b.csv")


FILES = [
    *(("openai", f"openai_{name}") for name in ("usage.csv", "costs.csv", "usage.json", "costs.json")),
    *(("anthropic", f"anthropic_{name}.csv") for name in ("usage", "cost")),
    *(("openrouter", f"openrouter_{name}.csv") for name in ("activity", "summed")),
    *(("google", f"google_{name}.csv") for name in ("reports", "cost_table")),
]
ODD = st.sampled_from(
    ["", "1e999999", "-1", "9" * 5000, "\0", '"', "NaN", "Infinity", "[", "2025-13-45", ",,", "\n"]
)


@example(("openrouter", "openrouter_summed.csv"), 231, 4, "1e999999")
@given(st.sampled_from(FILES), st.integers(0, 3000), st.integers(0, 40), ODD | st.text(max_size=20))
def test_a_damaged_file_is_read_or_told_and_nothing_else(file, start: int, length: int, put: str):
    provider, name = file
    text = (BILLS / name).read_text("utf-8")
    place = start % len(text)
    try:
        lines = FORMATS[provider].parse(text[:place] + put + text[place + length :], "b.csv")
    except ConfigError as error:
        assert str(error).startswith("b.csv")
    else:
        assert all(line.usd is None or line.usd.is_finite() for line in lines)


@pytest.mark.parametrize("provider", FORMATS)
@given(st.text())
def test_any_text_is_read_or_told(provider: str, text: str):
    for each in (text, "{" + text, "[" * 100_000):
        try:
            FORMATS[provider].parse(each, "b.csv")
        except ConfigError as error:
            assert str(error).startswith("b.csv")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("openai/gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-3.5-turbo-0125", "openai/gpt-3.5-turbo"),
        ("Claude Haiku 3.5", "anthropic/claude-3-5-haiku-20241022"),
        ("anthropic/claude-4.5-sonnet-20250929", "claude-sonnet-4-5"),
        ("gemini-2.0-flash-001", "google/gemini-2.0-flash"),
        ("gemini-3-flash", "gemini-3-flash-preview"),
        ("claude-sonnet-4@20250514", "anthropic/claude-sonnet-4"),
    ],
)
def test_names_of_one_model_are_one(one: str, other: str):
    assert family(one) == family(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4.1", "gpt-4"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("o1", "o3"),
    ],
)
def test_names_of_two_models_are_two(one: str, other: str):
    assert family(one) != family(other)
