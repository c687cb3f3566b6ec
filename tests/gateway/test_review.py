"""Corners where a gateway is easily wrong: whose fault it was, who pays for it, and who is told."""

import asyncio

import pytest
from tests.gateway.scripted import answer, completion, error
from tests.gateway.stage import provider


@pytest.fixture
async def upstream(house):
    return await house.upstream()


async def test_a_redirect_is_a_broken_provider_and_another_answers(house, upstream):
    sim = await house.sim()
    upstream.play(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n")
    providers = {"away": provider(upstream.url, ("u", "m")), "home": provider(sim.url, ("u", "m"))}
    stage = await house.stage(providers=providers, routing={"strategy": "order"})
    reply = await stage.chat()
    assert (reply.status, reply.headers["x-xroute-provider"]) == (200, "home")


async def test_the_simulators_controls_work_where_it_is_the_only_provider(house):
    sims = {"sim": {"models": [{"id": "b#fault=status_500", "serves": "acme/b"}]}}
    stage = await house.stage(providers=sims, routing={"max_attempts": 1})
    assert (await stage.chat("acme/b")).status == 502
    assert (await stage.chat("openai/gpt-4o")).status == 200


async def test_a_callers_own_short_limit_is_not_held_against_the_deployment(house):
    sim = await house.sim()
    stage = await house.stage(providers={"p": provider(sim.url, ("u#ttft_ms=400", "m"))})
    for _ in range(6):
        reply = await stage.chat(timeouts={"first_byte": 0.05}, provider={"allow_fallbacks": False})
        assert reply.status == 504
    assert (await stage.health())["m@p"]["breaker"]["state"] == "closed"
    assert (await stage.chat()).status == 200


async def test_a_model_that_nobody_serves_is_passed_over_if_another_of_the_list_is_served(house):
    sim = await house.sim()
    stage = await house.stage(providers={"p": provider(sim.url, ("u", "m"))})
    reply = await stage.chat("openai/gpt-4o", models=["m"])
    assert (reply.status, reply.headers["x-xroute-model"]) == (200, "m")
    assert (await stage.chat("openai/gpt-4o", models=["no/such"])).error_type == "not_found"


async def test_a_client_cannot_put_the_blame_on_our_credential(house, upstream):
    upstream.play(error(400, "Invalid value: 'missing api key'.", "invalid_value"))
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    reply = await stage.chat()
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert (await stage.health())["m@p"]["credential_breaker"]["state"] == "closed"


async def test_a_providers_own_cost_is_kept_beside_ours(house, upstream):
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.0123}
    upstream.play(answer(completion(usage=usage)))
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    reply = await stage.chat()
    assert (reply.body["usage"]["provider_cost"], reply.body["usage"]["cost"]) == (0.0123, None)


@pytest.mark.parametrize("count", [1.7e308, 10**15, -5, "x"])
async def test_absurd_usage_neither_breaks_the_call_nor_reaches_the_client(house, upstream, count):
    usage = {"prompt_tokens": count, "completion_tokens": 3, "total_tokens": count}
    upstream.play(answer(completion(usage=usage)))
    stage = await house.stage(
        providers={"p": provider(upstream.url, ("u", "m"))}, prices={"m": {"input": 1, "output": 1}}
    )
    reply = await stage.chat()
    assert reply.status == 200
    assert 0 <= reply.body["usage"]["prompt_tokens"] < 10**10
    assert await stage.metric("xroute_tokens_total", kind="input", provider="p") < 10**10


async def test_a_repeat_after_the_first_client_left_in_delivery_makes_no_second_call(house):
    sim = await house.sim()
    stage = await house.stage(providers={"p": provider(sim.url, ("u", "m"))})
    key = {"idempotency-key": "k"}
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
    first = await stage.post(body, **key)
    again = await asyncio.gather(*(stage.post(body, **key) for _ in range(3)))
    assert {reply.raw for reply in again} == {first.raw}
    assert await stage.metric("xroute_attempts_total") == 1
