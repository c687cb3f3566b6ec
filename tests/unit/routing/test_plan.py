"""Which deployments may take a call, in which order, and why the others may not."""

import pytest
from tests.unit.routing.making import RULES, Dice, Needs, deployment, ids, plan_of, price

from xroute.catalog.entries import DataPolicy
from xroute.routing.deployment import Credential
from xroute.routing.plan import DEFAULT_RATIO, Ratios
from xroute.routing.preferences import NONE, Preferences

NOW = 1000.0


NOTHING = Needs()


def plan(*groups, needs=NOTHING, ratios=None, now=NOW, dice=None, strategy="order", **wishes):
    preferences = Preferences(**wishes) if wishes else NONE
    return plan_of(groups, needs, ratios or Ratios(), now, dice or Dice(), strategy, preferences)


def reasons(made):
    return {e.deployment.provider: e.reason for e in made.excluded}


def test_everybody_who_may_is_a_candidate():
    a, b = deployment("a"), deployment("b")
    made = plan([a, b])
    assert (made.candidates, made.excluded) == ([a, b], [])


def test_no_models_make_an_empty_plan():
    made = plan()
    assert (made.candidates, made.excluded) == ([], [])


def test_a_missing_ability_rules_out_and_is_named():
    blind = deployment("blind", abilities=frozenset({"tools"}))
    seeing = deployment("seeing", abilities=frozenset({"tools", "image"}))
    made = plan([blind, seeing], needs=Needs(abilities=frozenset({"image", "tools"})))
    assert made.candidates == [seeing]
    assert made.excluded[0].detail == "maker/model at blind lacks: image"
    assert reasons(made) == {"blind": "ability"}


@pytest.mark.parametrize(
    ("dialect", "name", "abilities", "takes"),
    [
        ("anthropic", "claude-opus-4-20250514", {"tools"}, True),
        ("anthropic", "claude-opus-4-20250514", set(), False),
        ("anthropic", "claude-opus-5-5", {"tools"}, False),  # cannot be made to call a tool
        ("bedrock", "amazon.nova-pro-v1:0", {"tools"}, True),
        ("bedrock", "ai21.jamba-1-5-large-v1:0", {"tools"}, False),
        ("gemini", "gemma-3", {"tools"}, True),
        ("openai", "any", {"tools"}, False),
    ],
)
def test_a_schema_may_be_that_of_a_forced_tool(dialect, name, abilities, takes):
    made = deployment(dialect=dialect, upstream=name, abilities=frozenset(abilities))
    found = plan([made], needs=Needs(abilities=frozenset({"json_schema"})))
    assert (found.candidates == [made]) is takes


def test_unknown_abilities_rule_nobody_out():
    unknown = deployment("unknown", abilities=None)
    assert plan([unknown], needs=Needs(abilities=frozenset({"image"}))).candidates == [unknown]


def test_a_request_longer_than_the_window_is_left_out():
    small, large, unknown = (
        deployment("small", context=1000),
        deployment("large", context=1001),
        deployment("unknown", context=None),
    )
    made = plan([small, large, unknown], needs=Needs(body_bytes=5 * 901, max_tokens=100))
    assert made.candidates == [large, unknown]
    assert reasons(made) == {"small": "context_length"}
    assert made.excluded[0].detail == "at least 901 tokens in and 100 out do not fit the 1000 of maker/model"


def test_parameters_that_must_not_be_dropped_rule_out():
    plain, dropping = deployment("plain"), deployment("dropping", drop={"seed", "logit_bias"})
    made = plan([dropping, plain], needs=Needs(parameters=frozenset({"seed", "model"})))
    assert made.candidates == [plain]
    assert made.excluded[0].detail == "dropping does not take: seed"


def test_only_ignore_and_order_are_obeyed_in_any_case_of_letters():
    a, b, c = deployment("Alpha"), deployment("beta"), deployment("gamma")
    assert plan([a, b, c], only=frozenset({"alpha", "gamma"})).candidates == [a, c]
    assert plan([a, b, c], ignore=frozenset({"alpha"})).candidates == [b, c]
    assert plan([a, b, c], order=("gamma", "alpha")).candidates == [c, a, b]
    assert reasons(plan([a, b], only=frozenset({"beta"}))) == {"Alpha": "not_allowed"}
    assert reasons(plan([a, b], ignore=frozenset({"beta"}))) == {"beta": "ignored"}


def test_without_fallbacks_each_model_has_one_candidate():
    a, b, c = deployment("a"), deployment("b"), deployment("c", "maker/other")
    made = plan([a, b], [c], allow_fallbacks=False)
    assert len(made.candidates) == 2
    assert made.candidates[1] is c


def test_without_fallbacks_every_provider_of_the_order_stays():
    a, b, c = deployment("a"), deployment("b"), deployment("c")
    assert plan([a, b, c], allow_fallbacks=False, order=("c", "a")).candidates == [c, a]


def half_open(name):
    made = deployment(name)
    made.health.breaker.open(NOW - 10, 5, "server")
    return made


def test_only_one_of_several_half_open_ones_is_probed_by_a_call():
    probes, well = [half_open(f"p{n}") for n in range(4)], deployment("well")
    assert plan([*probes, well]).candidates[:2] == [probes[0], well]


@pytest.mark.parametrize("wish", [{"allow_fallbacks": False}, {"order": ("well",)}, {"sort": "price"}])
def test_a_caller_that_says_whom_it_wants_first_makes_no_probe(wish):
    assert plan([half_open("probe"), deployment("well")], **wish).candidates[0].provider == "well"


def test_without_fallbacks_only_providers_of_the_order_count():
    a, b = deployment("a"), deployment("b")
    made = plan([a, b], allow_fallbacks=False, order=("b",))
    assert made.candidates == [b]
    assert reasons(made) == {"a": "not_allowed"}


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        ({"max_input": 10}, ["dear_out", "fee"]),
        ({"max_output": 10}, ["dear_in", "fee"]),
        ({"max_request": 10}, ["dear_in", "dear_out"]),
        ({"max_input": 11, "max_output": 11, "max_request": 11}, ["dear_in", "dear_out", "fee"]),
    ],
)
def test_who_costs_more_than_the_limit_is_left_out(limit, left):
    group = [
        deployment("dear_in", price=price(11, 1)),
        deployment("dear_out", price=price(1, 11)),
        deployment("fee", price=price(1, 1, 11)),
    ]
    made = plan(group, **limit)
    assert [d.provider for d in made.candidates] == left
    assert set(reasons(made).values()) <= {"max_price"}


def test_an_unknown_price_is_no_low_price():
    made = plan([deployment("unknown")], max_input=10**12)
    assert reasons(made) == {"unknown": "max_price"}
    assert "not known" in made.excluded[0].detail


def test_models_come_in_the_order_asked_whatever_the_strategy():
    first = [deployment("a", "m/one", price=price(9, 9)), deployment("b", "m/one", price=price(8, 8))]
    second = [deployment("c", "m/two", price=price(1, 1))]
    assert [d.provider for d in plan(first, second, strategy="price").candidates] == ["b", "a", "c"]


def test_the_requests_sort_beats_the_configured_strategy():
    group = [deployment("dear", price=price(9, 9)), deployment("cheap", price=price(1, 1))]
    assert plan(group, strategy="order", sort="price").candidates[0].provider == "cheap"


def test_an_open_deployment_goes_last_even_behind_another_model():
    resting, well, other = deployment("resting"), deployment("well"), deployment("other", "m/two")
    resting.health.breaker.open(NOW, 10, "server")
    made = plan([resting, well], [other])
    assert made.candidates == [well, other, resting]


def test_those_that_rest_are_ordered_by_how_soon_they_are_back():
    later, sooner = deployment("later"), deployment("sooner")
    later.health.breaker.open(NOW, 20, "server")
    sooner.credential.breaker.open(NOW, 10, "credentials")
    assert plan([later, sooner]).candidates == [sooner, later]


def test_a_half_open_deployment_is_first_as_a_probe_and_once_only():
    probe, well = deployment("probe"), deployment("well")
    probe.health.breaker.open(NOW - 20, 10, "server")
    assert plan([well, probe]).candidates == [probe, well]
    probe.health.breaker.begin(NOW)
    assert plan([well, probe]).candidates == [well, probe]


def test_a_bad_credential_rests_for_all_that_use_it():
    shared = Credential("a/1", 1.0, RULES)
    one, two, other = (
        deployment("a", "m/one", credential=shared),
        deployment("a", "m/two", credential=shared),
        deployment("b"),
    )
    shared.breaker.open(NOW, 60, "credentials")
    assert plan([one, two, other]).candidates == [other, one, two]


def test_a_slow_deployment_is_not_a_dead_one():
    slow = deployment("slow")
    for place in range(50):
        slow.health.first_token.note(NOW + place, 50.0)
        slow.health.breaker.success(NOW + place)
    assert plan([slow], now=NOW + 50).candidates == [slow]
    assert slow.health.breaker.state(NOW + 50) == "closed"


def test_a_plan_tells_itself():
    blind = deployment("blind", abilities=frozenset())
    made = plan([blind, deployment("well")], needs=Needs(abilities=frozenset({"image"})))
    assert repr(made) == "Plan(['maker/model@well']; left out: maker/model@blind: ability)"
    assert ids(made.candidates) == ["maker/model@well"]


def test_tokens_are_guessed_low_until_a_provider_has_counted():
    ratios = Ratios()
    assert ratios.tokens("gpt", 1000) == 1000 * DEFAULT_RATIO
    ratios.learn("gpt", 1000, 300)
    assert ratios.tokens("gpt", 1000) == 210
    for _ in range(100):
        ratios.learn("gpt", 1000, 300)
    assert ratios.tokens("gpt", 1000) in (299, 300)
    assert ratios.tokens("llama", 1000) == 200


@pytest.mark.parametrize(("size", "tokens"), [(399, 100), (1000, 0), (1000, -1)])
def test_what_says_little_of_a_family_is_not_learnt(size, tokens):
    ratios = Ratios()
    ratios.learn("gpt", size, tokens)
    assert ratios.tokens("gpt", 1000) == 200


def test_a_byte_is_at_most_a_token():
    ratios = Ratios()
    for _ in range(200):
        ratios.learn("gpt", 1000, 50_000)
    assert ratios.tokens("gpt", 1000) <= 1000


def test_nobody_is_turned_away_by_what_others_sent():
    ratios = Ratios()
    for _ in range(100):
        ratios.learn("gpt", 1000, 900)  # a script with a token for nearly every byte
    assert ratios.least("gpt", 1000) == 200
    ratios.learn("gpt", 1000, 150)
    assert ratios.least("gpt", 1000) == 150


def test_families_that_are_remembered_are_bounded():
    ratios = Ratios()
    for place in range(1001):
        ratios.learn(f"family-{place}", 1000, 500)
    assert ratios.tokens("family-999", 1000) == 230
    assert ratios.tokens("family-1000", 1000) == 200


DATA = {
    "silent": DataPolicy(),
    "keeps": DataPolicy(zdr=False, trains=False),
    "trains": DataPolicy(zdr=False, trains=True),
    "forgets": DataPolicy(zdr=True),
}


@pytest.mark.parametrize(
    ("wish", "reason", "left"),
    [
        ({"zdr": True}, "data_policy:zdr", ["forgets", "here"]),
        ({"no_training": True}, "data_policy:training", ["keeps", "forgets", "here"]),
    ],
)
def test_who_is_not_known_to_keep_a_promise_is_taken_to_break_it(wish, reason, left):
    group = [deployment(name, data=data) for name, data in DATA.items()]
    group.append(deployment("here", local=True))
    made = plan(group, **wish)
    assert [d.provider for d in made.candidates] == left
    assert set(reasons(made).values()) == {reason}


def test_nobody_is_offered_what_belongs_to_another_workspace_or_told_of_it():
    group = [deployment("ours"), deployment("a", workspace="ws_a"), deployment("b", workspace="ws_b")]
    for workspace, offered in (
        ("ws_a", {"ours", "a"}),
        ("ws_b", {"ours", "b"}),
        ("ws_c", {"ours"}),
        ("", {"ours"}),
    ):
        made = plan_of([group], NOTHING, Ratios(), NOW, Dice(), "order", NONE, workspace)
        assert {d.provider for d in made.candidates} == offered
        assert made.excluded == []


@pytest.mark.parametrize("strategy", ["balanced", "price", "latency", "throughput", "order", "weighted"])
def test_a_workspaces_own_comes_first_whatever_the_strategy(strategy):
    group = [deployment("ours", price=price(1, 1)), deployment("own", workspace="ws", price=price(9, 9))]
    made = plan_of([group], NOTHING, Ratios(), NOW, Dice(), strategy, NONE, "ws")
    assert [d.provider for d in made.candidates] == ["own", "ours"]
    wanted = Preferences(order=("ours",))
    made = plan_of([group], NOTHING, Ratios(), NOW, Dice(), strategy, wanted, "ws")
    assert [d.provider for d in made.candidates] == ["own", "ours"]


def test_without_fallbacks_only_the_workspaces_own_is_left():
    group = [deployment("ours"), deployment("own", workspace="ws")]
    made = plan_of([group], NOTHING, Ratios(), NOW, Dice(), "order", Preferences(allow_fallbacks=False), "ws")
    assert [d.provider for d in made.candidates] == ["own"]


def test_ours_is_not_probed_before_the_workspaces_own():
    half = deployment("ours")
    half.health.breaker.open(NOW - 1000, 5.0, "server")
    made = plan_of(
        [[half, deployment("own", workspace="ws")]], NOTHING, Ratios(), NOW, Dice(), "order", NONE, "ws"
    )
    assert [d.provider for d in made.candidates] == ["own", "ours"]


def test_a_bar_says_who_may_not_be_used_and_why():
    group = [deployment("a"), deployment("b")]

    def bar(d):
        return ("data_region", f"{d.provider} is elsewhere") if d.provider == "a" else None

    made = plan_of([group], NOTHING, Ratios(), NOW, Dice(), "order", NONE, "", bar)
    assert [d.provider for d in made.candidates] == ["b"]
    assert [(e.reason, e.detail) for e in made.excluded] == [("data_region", "a is elsewhere")]
