"""What a provider's failures lead to: pauses, other credentials, open breakers, and timeouts."""

import asyncio
import logging

import pytest
from tests.gateway.replies import check_complete
from tests.gateway.scripted import answer, completion, error
from tests.gateway.sims import said
from tests.gateway.stage import provider
from tests.gateway.wires import SOON_S

from xroute.sim.plan import Fault

GOOD = answer(completion())
QUICK = {"consecutive": 2, "cooldown_s": 60, "max_cooldown_s": 600}


async def until(stage, deployment, state):
    """The health of a deployment once its breaker is in that state."""
    async with asyncio.timeout(SOON_S):
        while True:
            health = (await stage.health())[deployment]
            if health["breaker"]["state"] == state:
                return health
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "0.4"},
        {"retry_after_ms": "400", "retry_after": "30"},
        {"date": "Sat, 21 Nov 2026 09:00:00 GMT", "retry_after": "Sat, 21 Nov 2026 09:00:01 GMT"},
    ],
    ids=str,
)
async def test_a_pause_that_the_provider_asks_for_is_made(house, headers):
    upstream = await house.upstream()
    upstream.play(error(429, "slow down", **headers), GOOD)
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    reply = await stage.chat()
    assert (reply.status, reply.attempts) == (200, 2)
    first, second = upstream.seen
    assert second.at - first.at >= 0.4  # no earlier, however fast or slow the machine is


async def test_a_pause_that_is_too_long_is_the_clients_to_make(house):
    upstream = await house.upstream()
    upstream.play(error(429, "slow down", retry_after="600"))
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    for stream in (False, True, False):  # the first asks; to those after it the answer is known
        reply = await stage.chat(stream=stream)
        assert (reply.status, reply.error_type) == (429, "rate_limit_exceeded")
        assert 500 <= int(reply.headers["retry-after"]) <= 600
    assert len(upstream.seen) == 1


async def test_while_one_provider_rests_another_answers_at_once(house):
    upstream, other = await house.upstream(), await house.upstream()
    upstream.play(error(429, "slow down", retry_after="60"))
    other.play(GOOD)
    providers = {"a": provider(upstream.url, ("u", "m")), "b": provider(other.url, ("u", "m"))}
    stage = await house.stage(providers=providers, routing={"strategy": "order"})
    assert [(await stage.chat()).attempts for _ in range(3)] == [2, 1, 1]
    assert len(upstream.seen) == 1


def _by_key(**answers):
    """A script that answers each credential in its own way."""

    async def script(visit):
        key = visit.seen.names["authorization"].removeprefix("Bearer sk-upstream-")
        await visit.send(answers[key])

    return script


async def _two_keys(house, status):
    """A provider that refuses the first of two credentials."""
    upstream = await house.upstream()
    upstream.play(_by_key(old=error(status, "Incorrect API key: sk-upstream-old"), new=GOOD))
    keys = [{"name": "old", "key": "sk-upstream-old"}, {"name": "new", "key": "sk-upstream-new"}]
    section = provider(upstream.url, ("u", "m"), ("v", "n"), api_key=None, api_keys=keys)
    return await house.stage(providers={"p": section}, routing={"strategy": "order"})


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refused_credential_is_set_aside_for_every_model_and_the_operator_told(house, caplog, status):
    stage = await _two_keys(house, status)
    assert [(await stage.chat(model)).attempts for model in ("m", "m", "n")] == [2, 1, 1]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1 and "m@p#1" in told[0]
    assert "sk-upstream" not in caplog.text
    health = (await stage.health())["m@p#1"]
    assert (health["credential"], health["credential_breaker"]["state"]) == ("p/old", "open")


async def test_a_credential_that_is_forbidden_one_model_may_still_serve_the_others(house, caplog):
    stage = await _two_keys(house, 403)
    assert [(await stage.chat(model)).attempts for model in ("m", "m", "n", "n")] == [2, 1, 2, 1]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert [text.partition(":")[0].partition(" ")[2] for text in told] == ["m@p#1", "n@p#1"]


async def test_no_client_ever_sees_a_credential_that_a_provider_repeats(house):
    upstream = await house.upstream()
    stage = await house.stage(
        providers={"p": provider(upstream.url, ("u", "m"))}, routing={"max_attempts": 1}
    )
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 503):
        upstream.play(error(status, "Bearer sk-upstream-1 is wrong", "sk-upstream-1"))
        assert (await stage.chat()).status >= 400  # each reply is searched for credentials as it is read


async def test_a_breaker_opens_is_seen_and_is_closed_by_a_probe(house):
    first, second = await house.sim(output_tokens=16), await house.sim(output_tokens=16)
    providers = {"a": provider(first.url, ("u", "m")), "b": provider(second.url, ("u", "m"))}
    stage = await house.stage(providers=providers, routing={"strategy": "order", "breaker": QUICK})
    first.fail(Fault("status_500"))
    assert [(await stage.chat()).attempts for _ in range(2)] == [2, 2]
    health = (await stage.health())["m@a"]
    assert (health["breaker"]["state"], health["breaker"]["reason"]) == ("open", "server")
    assert 0 < health["breaker"]["opens_again_in_s"] <= 60
    assert (health["calls"], health["failures"], health["in_flight"]) == (2, 2, 0)
    assert await stage.metric("xroute_breaker_state", deployment="m@a") == 2
    assert await stage.metric("xroute_breaker_state", deployment="m@b") == 0
    first.fail()
    stage.clock.ahead_s += 60
    assert (await stage.health())["m@a"]["breaker"]["state"] == "half_open"
    asked = first.asked
    check_complete(await stage.chat(), said("Hi", first.service.profile))
    assert first.asked == asked + 1
    await until(stage, "m@a", "closed")


async def test_a_failed_probe_is_not_seen_by_the_client_and_doubles_the_pause(house):
    first, second = await house.sim(), await house.sim()
    providers = {"a": provider(first.url, ("u", "m")), "b": provider(second.url, ("u", "m"))}
    stage = await house.stage(providers=providers, routing={"strategy": "order", "breaker": QUICK})
    first.fail(Fault("refuse"))
    assert [(await stage.chat()).status for _ in range(2)] == [200, 200]
    assert (await stage.health())["m@a"]["breaker"]["state"] == "open"
    stage.clock.ahead_s += 60
    assert (await stage.health())["m@a"]["breaker"]["state"] == "half_open"
    reply = await stage.chat()
    assert (reply.status, reply.attempts, reply.provider) == (200, 2, "b")
    health = await until(stage, "m@a", "open")
    assert health["breaker"]["reason"] == "connect"
    assert 60 < health["breaker"]["opens_again_in_s"] <= 120


async def test_a_lone_deployment_is_asked_even_with_its_breaker_open(house):
    sim = await house.sim()
    stage = await house.stage(
        providers={"a": provider(sim.url, ("u", "m"))},
        routing={"max_attempts": 2, "breaker": QUICK},
    )
    sim.fail(Fault("status_500"))
    assert (await stage.chat()).status == 502
    await until(stage, "m@a", "open")
    sim.fail()
    assert (await stage.chat()).status == 200


async def test_the_callers_own_mistakes_open_no_breaker(house):
    sim = await house.sim()
    stage = await house.stage(providers={"a": provider(sim.url, ("u", "m"))}, routing={"breaker": QUICK})
    sim.fail(Fault("status_400"))
    assert [(await stage.chat()).status for _ in range(6)] == [400] * 6
    assert (await stage.health())["m@a"]["breaker"]["state"] == "closed"


HANG, SILENCE = "u#fault=hang_before_headers", "u#fault=hang_mid_stream&tps=10"


@pytest.mark.parametrize("level", ["request", "provider", "route"])
@pytest.mark.parametrize(
    ("limit", "upstream", "stream"),
    [
        ("first_byte", HANG, False),
        ("first_byte", HANG, True),
        ("first_token", "u#fault=hang_mid_stream&after=1", True),
        ("total", HANG, False),
        ("total", HANG, True),
        ("total", "u#fault=slow_trickle", False),
        ("between_chunks", "u#fault=hang_mid_stream", False),
    ],
)
async def test_a_limit_holds_wherever_it_was_set(house, level, limit, upstream, stream):
    sim = await house.sim()
    limits = {"timeouts": {limit: 0.3}}
    section = provider(sim.url, (upstream, "m"), **(limits if level == "provider" else {}))
    route = {"fallback": ["m"], **(limits if level == "route" else {})}
    stage = await house.stage(providers={"p": section}, models={"r": route}, routing={"max_attempts": 1})
    reply = await stage.chat("r", stream=stream, **(limits if level == "request" else {}))
    assert (reply.status, reply.error_type, reply.kinds) == (504, "timeout", ["timeout"])


@pytest.mark.parametrize("limit", ["between_chunks", "total"])
async def test_silence_inside_a_stream_is_told_in_the_stream(house, limit):
    sim = await house.sim()
    stage = await house.stage(providers={"p": provider(sim.url, (SILENCE, "m"))})
    reply = await stage.chat(stream=True, timeouts={limit: 3.0})  # the content comes long before
    assert (reply.status, reply.error_type, reply.finishes) == (200, "timeout", ["error"])
    assert await stage.metric("xroute_calls_total", outcome="timed_out") == 1


async def test_the_requests_limit_stands_over_the_routes_and_the_providers(house):
    sim = await house.sim()
    slow = provider(sim.url, ("u#ttft_ms=400", "m"), timeouts={"first_byte": 0.1})
    route = {"fallback": ["m"], "timeouts": {"first_byte": 0.2}}
    stage = await house.stage(providers={"p": slow}, models={"r": route}, routing={"max_attempts": 1})
    assert (await stage.chat("r")).status == 504
    assert (await stage.chat("r", timeouts={"first_byte": 60})).status == 200


async def test_attempts_and_pauses_end_with_the_whole_calls_limit(house):
    upstream = await house.upstream()
    upstream.play(error(429, "slow down", retry_after="5"))
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    reply = await stage.chat(timeouts={"total": 1.0})
    assert (reply.status, reply.error_type, len(upstream.seen)) == (429, "rate_limit_exceeded", 1)


async def test_a_call_without_any_time_is_late_and_nobody_is_blamed(house):
    upstream = await house.upstream()
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    for stream in (False, True):
        reply = await stage.chat(stream=stream, timeouts={"total": 1e-9})
        assert (reply.status, reply.error_type) == (504, "timeout")
    assert not upstream.seen
