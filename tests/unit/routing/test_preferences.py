"""The `provider` object of a request: what it says, and what is wrong with it."""

from typing import Any

import pytest

from xroute.errors import InvalidRequest
from xroute.routing.preferences import NONE, STRATEGIES, Preferences, parse


def test_no_object_asks_for_nothing():
    assert parse(None) is NONE
    assert parse({}) == NONE


def test_every_field_is_read():
    assert parse(
        {
            "order": ["Groq", "openai"],
            "only": ["groq", "OpenAI"],
            "ignore": ["azure"],
            "allow_fallbacks": False,
            "require_parameters": True,
            "sort": "price",
            "max_price": {"prompt": 1.5, "completion": "2", "request": 0.01},
        }
    ) == Preferences(
        order=("groq", "openai"),
        only=frozenset({"groq", "openai"}),
        ignore=frozenset({"azure"}),
        allow_fallbacks=False,
        require_parameters=True,
        sort="price",
        max_input=1_500_000_000,
        max_output=2_000_000_000,
        max_request=10_000_000,
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_can_be_asked_for(strategy):
    assert parse({"sort": strategy}).sort == strategy
    assert parse({"sort": {"by": strategy, "partition": "model"}}).sort == strategy


def test_a_dollar_amount_is_exact():
    assert parse({"max_price": {"prompt": 0.1}}).max_input == 100_000_000
    assert parse({"max_price": {"prompt": "0.000000001"}}).max_input == 1


@pytest.mark.parametrize(
    "harmless",
    [
        {"data_collection": "allow"},
        {"zdr": False},
        {"quantizations": []},
        {"preferred_min_throughput": None},
        {"order": None, "only": None, "sort": None, "max_price": None, "allow_fallbacks": None},
    ],
)
def test_fields_that_ask_for_nothing_pass(harmless):
    assert parse(harmless) == NONE


WRONG: list[tuple[Any, str]] = [
    ("groq", "provider"),
    ([], "provider"),
    ({"order": "groq"}, "provider.order"),
    ({"order": [1]}, "provider.order"),
    ({"only": [""]}, "provider.only"),
    ({"ignore": {"groq": True}}, "provider.ignore"),
    ({"allow_fallbacks": "no"}, "provider.allow_fallbacks"),
    ({"require_parameters": 1}, "provider.require_parameters"),
    ({"sort": "cheapest"}, "provider.sort"),
    ({"sort": ["price"]}, "provider.sort"),
    ({"sort": {"by": ["price"]}}, "provider.sort"),
    ({"sort": {"by": "price", "partition": "none"}}, "provider.sort.partition"),
    ({"max_price": 3}, "provider.max_price"),
    ({"max_price": {"image": 1}}, "provider.max_price.image"),
    ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": True}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": "NaN"}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": "Infinity"}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": "sNaN"}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": "1e9"}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": "free"}}, "provider.max_price.prompt"),
    ({"max_price": {"prompt": None}}, "provider.max_price.prompt"),
    ({"data_collection": "no"}, "provider.data_collection"),
    ({"data_collection": True}, "provider.data_collection"),
    ({"data_collection": ["deny"]}, "provider.data_collection"),
    ({"zdr": "true"}, "provider.zdr"),
    ({"quantizations": ["fp8"]}, "provider.quantizations"),
    ({"preferred_max_latency": 2}, "provider.preferred_max_latency"),
    ({"oder": ["groq"]}, "provider.oder"),
]


@pytest.mark.parametrize(("given", "param"), WRONG)
def test_what_is_wrong_is_named_by_its_field(given, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(given)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"`{param}` ")
    assert caught.value.code == "invalid_value"


def test_what_becomes_of_the_data_may_be_a_condition():
    assert parse({"zdr": True}).zdr
    assert parse({"data_collection": "deny"}).no_training
    assert parse({"data_collection": "allow", "zdr": False}) == NONE
