"""Plans, orders and turns for any fleet, any wishes and any luck."""

from dataclasses import dataclass
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.making import RULES, Needs, deployment, plan_of

from xroute.catalog.entries import ABILITIES, DataPolicy
from xroute.errors import InvalidRequest
from xroute.gateway.allowed import bar_of
from xroute.money.price import Price, Rates
from xroute.routing.balance import rank
from xroute.routing.deployment import Credential
from xroute.routing.failure import Failure, Kind
from xroute.routing.plan import Ratios, rests_until
from xroute.routing.preferences import STRATEGIES, Preferences, parse
from xroute.routing.retry import FINAL, NOT_AGAIN, may_follow, next_turn
from xroute.wire.who import Policy, Who

NOW = 500.0
PROVIDERS = ("Alpha", "beta", "gamma")
NAMES = st.sampled_from(("alpha", "beta", "gamma", "nobody"))
SOME_ABILITIES = st.frozensets(st.sampled_from(sorted(ABILITIES)[:4]))
RATES = st.integers(0, 100)
PRICES = st.none() | st.builds(
    lambda i, o, r: Price(Rates(input=i, output=o), request=r), RATES, RATES, RATES
)
WEIGHTS = st.sampled_from((0.0, 1e-300, 0.5, 1.0, 7.0, 1e300))
UNIT = st.floats(0, 1, exclude_max=True) | st.sampled_from((0.0, 1 - 2**-53))


@st.composite
def fleets(draw, max_size=6):
    """Deployments of two models at three providers, some of them sharing a credential, some resting."""
    shared = [Credential(f"shared/{n}", draw(WEIGHTS), RULES) for n in range(2)]
    made = [
        deployment(
            draw(st.sampled_from(PROVIDERS)),
            draw(st.sampled_from(("m/one", "m/two"))),
            id=str(place),
            credential=draw(st.sampled_from((None, *shared))),
            drop=draw(st.frozensets(st.sampled_from(("seed", "top_k")))),
            price=draw(PRICES),
            context=draw(st.none() | st.integers(1, 500)),
            abilities=draw(st.none() | SOME_ABILITIES),
            weight=draw(WEIGHTS),
        )
        for place in range(draw(st.integers(0, max_size)))
    ]
    for each in made:
        each.health.in_flight = draw(st.integers(0, 5))
        each.health.first_token.note(1.0, draw(st.floats(0, 9)))
        each.health.tokens_per_s = draw(st.sampled_from((0.0, 1.0, 80.0)))
        for breaker in (each.health.breaker, each.credential.breaker):
            if draw(st.integers(0, 3)) == 0:
                breaker.open(NOW - 20, draw(st.sampled_from((5.0, 19.0, 60.0))), "server")
    return made


@st.composite
def dice(draw):
    numbers = draw(st.lists(UNIT, min_size=1, max_size=5))
    place = -1

    def throw():
        nonlocal place
        place += 1
        return numbers[place % len(numbers)]

    return throw


NEEDS = st.builds(
    Needs,
    abilities=SOME_ABILITIES,
    body_bytes=st.integers(0, 3000),
    max_tokens=st.integers(0, 300),
    parameters=st.frozensets(st.sampled_from(("seed", "top_k", "model"))),
)
LIMITS = st.none() | RATES
WISHES = st.builds(
    Preferences,
    order=st.lists(NAMES, unique=True, max_size=3).map(tuple),
    only=st.frozensets(NAMES, max_size=2),
    ignore=st.frozensets(NAMES, max_size=2),
    allow_fallbacks=st.booleans(),
    sort=st.none() | st.sampled_from(STRATEGIES),
    max_input=LIMITS,
    max_output=LIMITS,
    max_request=LIMITS,
)


def grouped(fleet):
    return [[d for d in fleet if d.model == model] for model in ("m/two", "m/one")]


def is_allowed(d, needs, wishes):
    """Whether a deployment may take a call, said anew."""
    name = d.provider.lower()
    dear = [
        limit is not None and (d.price is None or price > limit)
        for limit, price in (
            (wishes.max_input, d.price and d.price.base.input),
            (wishes.max_output, d.price and d.price.base.output),
            (wishes.max_request, d.price and d.price.request),
        )
    ]
    tokens = needs.body_bytes // 5 + needs.max_tokens
    return (
        (d.abilities is None or d.abilities >= needs.abilities)
        and (d.context is None or tokens <= d.context)
        and not needs.parameters & d.quirks.drop
        and (not wishes.only or name in wishes.only)
        and name not in wishes.ignore
        and (wishes.allow_fallbacks or not wishes.order or name in wishes.order)
        and not any(dear)
    )


@given(fleets(), NEEDS, WISHES, st.sampled_from(STRATEGIES), dice())
def test_a_plan_offers_whoever_may_take_the_call_once_and_nobody_else(fleet, needs, wishes, strategy, dice):
    plan = plan_of(grouped(fleet), needs, Ratios(), NOW, dice, strategy, wishes)
    offered, left_out = set(plan.candidates), {e.deployment for e in plan.excluded}
    allowed = {d for d in fleet if is_allowed(d, needs, wishes)}
    assert len(offered) == len(plan.candidates)
    assert len(left_out) == len(plan.excluded)
    assert left_out == set(fleet) - allowed
    if wishes.allow_fallbacks:
        assert offered == allowed
    else:
        assert offered <= allowed
        of_models = [{d for d in group if d in allowed} for group in grouped(fleet)]
        kept = [len(group) if wishes.order else min(1, len(group)) for group in of_models]
        assert [len(group & offered) for group in of_models] == kept
    assert all(e.reason and e.detail for e in plan.excluded)


SPACES = ("", "ws_a", "ws_b")
POLICIES = st.builds(
    Policy,
    models=st.sampled_from(((), ("m/one",), ("m/*",), ("other/*",))),
    providers=st.sampled_from(((), ("Alpha",), ("beta", "gamma"))),
    regions=st.sampled_from(((), ("eu",), ("eu", "us"))),
    zdr=st.booleans(),
    local_only=st.booleans(),
)
DATA = st.builds(
    DataPolicy,
    zdr=st.none() | st.booleans(),
    trains=st.none() | st.booleans(),
    regions=st.sampled_from((frozenset(), frozenset({"eu"}), frozenset({"eu", "us"}))),
)


@given(
    fleets(),
    WISHES,
    POLICIES,
    st.sampled_from(SPACES),
    st.lists(st.tuples(st.sampled_from(SPACES), DATA, st.booleans()), min_size=6, max_size=6),
    st.sampled_from(STRATEGIES),
    dice(),
)
def test_a_plan_offers_nothing_of_another_workspace_and_nothing_that_the_key_may_not_use(
    fleet, wishes, policy, workspace, facts, strategy, dice
):
    for each, (owner, data, local) in zip(fleet, facts, strict=False):
        each.workspace, each.data, each.local = owner, data, local
    bar = bar_of(Who("key", workspace=workspace, policy=policy))
    made = plan_of([fleet], Needs(), Ratios(), NOW, dice, strategy, wishes, workspace, bar)
    named = [*made.candidates, *(e.deployment for e in made.excluded)]
    assert all(d.workspace in ("", workspace) for d in named)
    for d in made.candidates:
        assert not policy.zdr or d.local or d.data.zdr is True
        assert not policy.local_only or d.local
        assert not policy.providers or d.provider in policy.providers
        assert not policy.regions or d.local or (d.data.regions and d.data.regions <= set(policy.regions))
        assert not wishes.zdr or d.zdr
    well = [d for d in made.candidates if not rests_until(d)]
    assert [d.workspace != "" for d in well] == sorted((d.workspace != "" for d in well), reverse=True)


@given(fleets(), NEEDS, WISHES, dice())
def test_a_model_asked_for_twice_is_offered_once(fleet, needs, wishes, dice):
    plan = plan_of([fleet, *grouped(fleet)], needs, Ratios(), NOW, dice, "balanced", wishes)
    everybody = [*plan.candidates, *(e.deployment for e in plan.excluded)]
    assert len(everybody) == len(set(everybody))


@given(fleets(), NEEDS, dice(), st.sampled_from(STRATEGIES))
def test_who_rests_comes_after_all_who_do_not(fleet, needs, dice, strategy):
    plan = plan_of(grouped(fleet), needs, Ratios(), NOW, dice, strategy)
    rests = [
        d.health.breaker.state(NOW) == "open" or d.credential.breaker.state(NOW) == "open"
        for d in plan.candidates
    ]
    assert rests == sorted(rests)


@given(fleets(max_size=8), st.sampled_from(STRATEGIES), dice())
def test_every_strategy_gives_a_permutation(fleet, strategy, dice):
    ranked = rank(fleet, strategy, dice)
    assert sorted(d.id for d in ranked) == sorted(d.id for d in fleet)


@dataclass
class Script:
    """How the attempts of one call go, and what the provider asks for."""

    kinds: list[Kind]
    retry_after_s: list[float | None]
    seconds: list[float]


SCRIPTS = st.builds(
    Script,
    kinds=st.lists(st.sampled_from(sorted(set(get_args(Kind)))), min_size=1, max_size=12),
    retry_after_s=st.lists(st.none() | st.floats(0.01, 9), min_size=1, max_size=5),
    seconds=st.lists(st.floats(0, 4), min_size=1, max_size=5),
)


@given(fleets(), SCRIPTS, st.integers(1, 9), st.floats(0, 40), UNIT)
def test_turns_obey_every_failure_before_them_and_come_to_an_end(fleet, script, most, deadline_s, throw):
    now, until = NOW, NOW + deadline_s
    untried, failed, attempts = list(fleet), [], 0
    while True:
        turn = next_turn(
            failed,
            untried,
            attempts=attempts,
            max_attempts=most,
            left_s=until - now,
            now=now,
            dice=lambda: throw,
        )
        if turn is None:
            break
        d = turn.deployment
        assert now < until
        assert not failed or failed[-1][1].kind not in FINAL
        for other, failure in failed:
            if other is d:
                assert failure.kind not in NOT_AGAIN
            else:
                assert may_follow(failure, other, d)
        assert turn.wait_s >= 0
        assert now + turn.wait_s >= d.health.breaker.asked
        now += turn.wait_s + script.seconds[attempts % len(script.seconds)]
        wait_s = script.retry_after_s[attempts % len(script.retry_after_s)]
        failure = Failure(script.kinds[attempts % len(script.kinds)], "it failed", retry_after_s=wait_s)
        if wait_s is not None:
            d.health.breaker.pause(now, wait_s, failure.kind)
        failed.append((d, failure))
        untried = [u for u in untried if u is not d and may_follow(failure, d, u)]
        attempts += 1
    assert attempts <= most


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(STRATEGIES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "order", "only", "ignore", "allow_fallbacks", "require_parameters", "sort", "max_price", "zdr",
    "data_collection", "quantizations", "preferred_max_latency", "by", "prompt",
)  # fmt: skip


@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_any_provider_object_is_understood_or_refused(value):
    try:
        preferences = parse(value)
    except InvalidRequest as error:
        assert (error.param or "").startswith("provider")
    else:
        assert preferences.sort is None or preferences.sort in STRATEGIES
        for limit in (preferences.max_input, preferences.max_output, preferences.max_request):
            assert limit is None or (type(limit) is int and limit >= 0)
