"""Which deployment answers: fallback lists, the caller's preferences, and what a model can do."""

import pytest
import pytest_asyncio
from tests.gateway.replies import check_complete
from tests.gateway.sims import said
from tests.gateway.stage import provider

from xroute.sim.plan import Profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROFILE = Profile(output_tokens=16)
BROKEN = "u#fault=status_500"
REFUSES = "u#fault=content_policy_violation"
PLAIN = {"id": "u", "serves": "plain", "abilities": ["streaming"]}
SMALL = {"id": "u", "serves": "small", "context": 200}
LARGE = {"id": "u", "serves": "large", "context": 1_000_000, "abilities": ["tools", "image", "json_schema"]}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sim(lodge):
    return await lodge.sim(output_tokens=PROFILE.output_tokens)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(lodge, sim):
    url = sim.url
    return await lodge.stage(
        providers={
            "dear": provider(url, ("u", "m"), ("u", "other"), PLAIN, SMALL, LARGE),
            "cheap": provider(url, ("u", "m")),
            "Unpriced": provider(url, ("u", "m")),
            "picky": provider(url, ("u", "p"), quirks={"drop": ["logit_bias"]}),
            "easy": provider(url, ("u", "p")),
            "broken": provider(url, (BROKEN, "broken"), (BROKEN, "half"), (REFUSES, "refuses")),
            "whole": provider(url, ("u", "half")),
        },
        models={
            "smart": {"fallback": ["broken", "m"]},
            "thrifty": {"fallback": ["m"], "strategy": "price"},
        },
        prices={
            "dear/u": {"input": 1, "output": 2},
            "cheap/u": {"input": 0.5, "output": 1},
        },
        routing={"max_attempts": 3, "breaker": {"consecutive": 1000, "min_calls": 1000}},
    )


async def chosen(stage, model="m", **more):
    """The provider that answers, of a call that must succeed at once."""
    reply = await stage.chat(model, **more)
    check_complete(reply, said("Hi", PROFILE))
    assert reply.attempts == 1
    return reply.provider


@pytest.mark.parametrize(
    ("wish", "provider_"),
    [
        ({"order": ["cheap", "dear"]}, "cheap"),
        ({"order": ["dear"]}, "dear"),
        ({"order": ["nobody", "Unpriced"]}, "Unpriced"),
        ({"order": ["UNPRICED"]}, "Unpriced"),
        ({"only": ["dear"]}, "dear"),
        ({"only": ["Dear", "nobody"]}, "dear"),
        ({"ignore": ["dear", "unpriced"]}, "cheap"),
        ({"order": ["dear", "cheap"], "ignore": ["dear"]}, "cheap"),
        ({"order": ["dear"], "allow_fallbacks": False}, "dear"),
        ({"sort": "price"}, "cheap"),
        ({"sort": {"by": "price"}}, "cheap"),
        ({"sort": "order"}, "dear"),
        ({"sort": "price", "ignore": ["cheap"]}, "dear"),  # an unknown price comes last
        ({"max_price": {"prompt": 0.6}}, "cheap"),
        ({"max_price": {"completion": "1"}}, "cheap"),
        ({"order": ["Unpriced"], "max_price": {"prompt": 5, "completion": 5}, "sort": "price"}, "cheap"),
    ],
    ids=str,
)
async def test_the_callers_preference_is_followed(stage, wish, provider_):
    for stream in (False, True):
        assert await chosen(stage, provider=wish, stream=stream) == provider_


@pytest.mark.parametrize(
    ("wish", "reasons"),
    [
        ({"only": ["nobody"]}, ["not_allowed"]),
        ({"ignore": ["dear", "cheap", "unpriced"]}, ["ignored"]),
        ({"max_price": {"prompt": 0.1}}, ["max_price"]),
        ({"max_price": {"request": 0}, "only": ["unpriced"]}, ["max_price", "not_allowed"]),
        ({"order": ["nobody"], "allow_fallbacks": False}, ["not_allowed"]),
    ],
    ids=str,
)
async def test_a_preference_that_nobody_meets_is_refused_and_nobody_is_asked(stage, sim, wish, reasons):
    asked = sim.asked
    reply = await stage.chat(provider=wish)
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert reply.error["code"] == "no_allowed_provider"
    assert reply.error["metadata"]["availability"]["excluded_by"] == reasons
    assert sim.asked == asked


async def test_without_fallbacks_only_the_first_is_tried(stage):
    good = await stage.chat("half", provider={"order": ["broken"]})
    assert (good.status, good.attempts, good.provider) == (200, 2, "whole")
    lone = await stage.chat("half", provider={"order": ["broken"], "allow_fallbacks": False})
    assert (lone.status, lone.error_type) == (502, "provider_unavailable")
    assert {each["provider"] for each in lone.error["metadata"]["previous_errors"]} == {"broken"}


async def test_what_a_provider_does_not_take_is_dropped_and_named(stage):
    more = {"provider": {"order": ["picky"]}, "logit_bias": {"1": 1}}
    reply = await stage.chat("p", **more)
    assert (reply.status, reply.provider) == (200, "picky")
    assert reply.headers["x-xroute-dropped"] == "logit_bias"


async def test_required_parameters_are_not_dropped(stage):
    wish = {"order": ["picky"], "require_parameters": True}
    assert await chosen(stage, "p", provider=wish) == "picky"
    assert await chosen(stage, "p", provider=wish, logit_bias={"1": 1}) == "easy"
    reply = await stage.chat("p", provider=wish | {"only": ["picky"]}, logit_bias={"1": 1})
    assert (reply.status, reply.error["code"]) == (400, "no_allowed_provider")
    assert "logit_bias" in reply.error["message"]


@pytest.mark.parametrize("name", ["m:floor", "thrifty"])
async def test_a_suffix_or_a_route_sets_the_strategy(stage, name):
    assert await chosen(stage, name) == "cheap"


@pytest.mark.parametrize(
    "ask", [{"model": "broken", "models": ["other"]}, {"model": None, "models": ["broken", "other"]}], ids=str
)
async def test_the_next_model_of_the_list_answers_for_a_broken_one(stage, ask):
    for stream in (False, True):
        reply = await stage.chat(**ask, stream=stream)
        check_complete(reply, said("Hi", PROFILE))
        assert (reply.attempts, reply.headers["x-xroute-model"]) == (2, "other")


async def test_a_route_of_the_config_falls_back(stage):
    reply = await stage.chat("smart")
    assert (reply.status, reply.headers["x-xroute-model"], reply.attempts) == (200, "m", 2)


async def test_every_deployment_of_a_model_comes_before_the_next_model(stage):
    reply = await stage.chat("half", models=["other"], provider={"order": ["broken"]})
    assert (reply.headers["x-xroute-model"], reply.provider, reply.attempts) == ("half", "whole", 2)


async def test_what_one_models_policy_refuses_another_model_may_answer(stage):
    reply = await stage.chat("refuses", models=["other"])
    assert (reply.status, reply.headers["x-xroute-model"], reply.attempts) == (200, "other", 2)


async def test_an_unknown_model_in_a_list_is_an_error_and_not_passed_over(stage):
    reply = await stage.chat("m", models=["nobody-knows"])
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
AUDIO = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]
NEEDS = {
    "tools": {"tools": [TOOL]},
    "json_schema": {"response_format": SCHEMA},
    "json_mode": {"response_format": {"type": "json_object"}},
    "logprobs": {"logprobs": True},
    "image": {"messages": [{"role": "user", "content": IMAGE}]},
    "audio": {"messages": [{"role": "user", "content": AUDIO}]},
    "audio_out": {"modalities": ["text", "audio"]},
}


@pytest.mark.parametrize("ability", NEEDS)
async def test_what_no_deployment_can_do_is_refused_by_its_name(stage, sim, ability):
    asked = sim.asked
    reply = await stage.chat("plain", **NEEDS[ability])
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert reply.error["code"] == "unsupported_ability"
    assert ability in reply.error["message"]
    assert sim.asked == asked


@pytest.mark.parametrize("ability", ["tools", "json_schema", "image"])
async def test_what_one_model_cannot_do_goes_straight_to_one_that_can(stage, ability):
    reply = await stage.chat("plain", models=["large"], **NEEDS[ability])
    assert (reply.status, reply.headers["x-xroute-model"], reply.attempts) == (200, "large", 1)


async def test_a_request_beyond_the_window_is_refused_before_it_is_sent(stage, sim):
    asked = sim.asked
    reply = await stage.chat("small", "word " * 2000)
    assert (reply.status, reply.error_type) == (400, "context_length_exceeded")
    assert (reply.error["code"], reply.error["param"]) == ("context_length_exceeded", "messages")
    reply = await stage.chat("small", max_tokens=500)
    assert (reply.status, reply.error_type) == (400, "context_length_exceeded")
    assert sim.asked == asked


async def test_a_request_beyond_one_window_goes_straight_to_a_larger_one(stage):
    reply = await stage.chat("small", "word " * 2000, models=["large"])
    assert (reply.status, reply.headers["x-xroute-model"], reply.attempts) == (200, "large", 1)
