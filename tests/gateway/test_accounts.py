"""What a call has to pass before it begins, and what is written down of it when it has ended."""

import asyncio

import orjson
import pytest
from tests.gateway.scripted import DONE, answer, completion, error, stream, words
from tests.gateway.stage import KEY, provider
from tests.gateway.wires import SOON_S

PRICES = {"m": {"input": 1, "output": 2}}  # USD per million tokens: 1,000 and 2,000 nano-dollars each
USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
COST = 100 * 1_000 + 50 * 2_000
ADMIN = "admin-token-of-the-tests"


@pytest.fixture
async def upstream(house):
    found = await house.upstream()
    found.play(answer(completion(usage=USAGE)))
    return found


async def stage_of(house, upstream, *, stores=False, **key):
    """A gateway whose key has these limits and budgets, and what it settles."""
    model = key.pop("model", {"id": "up", "serves": "m"})
    more = {name: key.pop(name) for name in ("prices", "workspaces", "accounting", "routing") if name in key}
    stage = await house.stage(
        stores=stores,
        keys=[{"name": "bench", "key": KEY} | key],
        providers={"p": provider(upstream.url, model)},
        admin_token=ADMIN,
        **{"prices": PRICES} | more,
    )
    stage.settled = []
    stage.app.gateway.recorders.append(stage.settled.append)
    return stage


async def cut(visit, whole):
    """The answer without its end, and then none."""
    await visit.send(whole[: whole.index(b"there") + 20])
    visit.close()


async def test_a_budget_refuses_what_may_go_beyond_it_and_says_what_is_missing(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 0.0005, "window": "day"})
    assert (await stage.chat("m", max_tokens=50)).status == 200
    assert (await stage.chat("m", max_tokens=50)).status == 200
    reply = await stage.chat("m", max_tokens=50)
    assert (reply.status, reply.error_type) == (402, "payment_required")
    assert reply.error["code"] == "budget_exceeded"
    told = reply.error["metadata"]
    assert told["limit"]["subject"] == "key bench"
    assert told["left_usd"] == pytest.approx(0.0001)
    assert told["missing_usd"] == pytest.approx(told["needs_usd"] - 0.0001)
    assert told["limit"]["resets_at"].endswith("00:00:00+00:00")
    assert len(upstream.seen) == 2
    assert [record.charged_nano for record in stage.settled] == [COST, COST, 0]


async def test_a_rate_refuses_with_the_time_to_wait_and_openais_headers(house, upstream):
    stage = await stage_of(house, upstream, limits={"rpm": 2, "tpm": 100_000})
    first = await stage.chat("m", max_tokens=5)
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert int(first.headers["x-ratelimit-remaining-tokens"]) < 100_000
    await stage.chat("m", max_tokens=5)
    reply = await stage.chat("m", max_tokens=5)
    assert (reply.status, reply.error_type) == (429, "rate_limit_exceeded")
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    assert reply.error["metadata"]["limit"] == {
        "subject": "key bench",
        "measure": "requests",
        "window": "minute",
        "limit": 2,
        "left": 0,
    }


async def test_no_more_calls_are_under_way_than_concurrency_allows(house, upstream):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(visit):
        begun.set()
        await go_on.wait()
        await visit.send(answer(completion(usage=USAGE)))

    upstream.play(slow, answer(completion(usage=USAGE)))
    stage = await stage_of(house, upstream, limits={"concurrency": 1})
    first = asyncio.create_task(stage.chat("m"))
    await begun.wait()
    reply = await stage.chat("m")
    assert (reply.status, reply.error["code"]) == (429, "concurrency_limit_exceeded")
    go_on.set()
    assert (await first).status == 200
    assert (await stage.chat("m")).status == 200


async def test_a_call_waits_for_money_that_another_one_only_holds(house, upstream):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(visit):
        begun.set()
        await go_on.wait()
        await visit.send(answer(completion(usage=USAGE)))

    upstream.play(slow, answer(completion(usage=USAGE)))
    # The worst case of one call fits, that of two does not; what one costs in truth is a tenth of it.
    stage = await stage_of(house, upstream, budget={"usd": 0.0025, "window": "total"})
    first = asyncio.create_task(stage.chat("m", max_tokens=1000))
    await begun.wait()
    second = asyncio.create_task(stage.chat("m", max_tokens=1000))
    await asyncio.sleep(0.05)
    assert not second.done()
    go_on.set()
    assert ((await first).status, (await second).status) == (200, 200)


async def test_where_money_counts_a_request_without_a_maximum_gets_one(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 1, "window": "total"})
    reply = await stage.chat("m")
    assert upstream.seen[-1].body["max_tokens"] == 16_384
    assert reply.headers["x-xroute-max-tokens"] == "16384"
    plain = await stage_of(house, upstream)
    assert "x-xroute-max-tokens" not in (await plain.chat("m")).headers
    assert "max_tokens" not in upstream.seen[-1].body


async def test_with_little_money_left_the_answer_may_only_be_as_long_as_it_buys(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 0.002, "window": "total"})
    reply = await stage.chat("m")
    assert reply.status == 200
    allowed = upstream.seen[-1].body["max_tokens"]
    assert 256 <= allowed < 1000
    (record,) = stage.settled
    assert record.held_nano <= 2_000_000


async def test_in_a_rush_without_a_maximum_nearly_all_of_a_small_budget_can_be_used(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 0.01, "window": "total"})
    replies = await asyncio.gather(*(stage.chat("m") for _ in range(100)))
    assert {reply.status for reply in replies} == {200, 402}
    spent = sum(record.charged_nano for record in stage.settled)
    assert 9_000_000 <= spent <= 10_000_000
    assert min(seen.body["max_tokens"] for seen in upstream.seen) >= 256


async def test_a_model_without_a_price_is_refused_where_a_budget_counts_and_recorded_as_unknown_else(
    house, upstream
):
    stage = await stage_of(house, upstream, prices={}, budget={"usd": 1, "window": "total"})
    reply = await stage.chat("m")
    assert (reply.status, reply.error["code"]) == (402, "price_unknown")
    assert "prices:" in reply.error["message"]
    free = await stage_of(house, upstream, prices={})
    reply = await free.chat("m")
    assert reply.headers["x-xroute-cost"] == "unknown"
    assert (free.settled[-1].cost_nano, free.settled[-1].charged_nano) == (None, None)


async def test_one_call_may_not_cost_more_than_its_cap(house, upstream):
    stage = await stage_of(house, upstream, limits={"max_call_usd": 0.001})
    assert (await stage.chat("m", max_tokens=10)).status == 200
    reply = await stage.chat("m", max_tokens=5000)
    assert (reply.status, reply.error["code"]) == (400, "call_too_expensive")
    assert reply.error["param"] == "max_tokens"


async def test_a_markup_is_charged_and_the_cost_stays_what_it_is(house, upstream):
    spaces = [{"slug": "main", "markup": 1.25}]
    stage = await stage_of(house, upstream, workspaces=spaces)
    reply = await stage.chat("m")
    assert reply.headers["x-xroute-cost"] == "0.00025"
    assert reply.body["usage"]["cost"] == pytest.approx(0.00025)
    assert (stage.settled[-1].cost_nano, stage.settled[-1].charged_nano) == (COST, COST * 5 // 4)


async def test_an_answer_without_output_or_an_end_is_not_charged(house, upstream):
    empty = completion(usage={"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100})
    empty["choices"][0] |= {"message": {"role": "assistant", "content": ""}, "finish_reason": None}
    upstream.play(answer(empty))
    stage = await stage_of(house, upstream, budget={"usd": 1, "window": "total"})
    await stage.chat("m", max_tokens=5)
    (record,) = stage.settled
    assert (record.cost_nano, record.charged_nano) == (100_000, 0)
    assert [amount for _, amount, _ in record.charges] == [0]


async def test_each_attempt_is_in_the_record_with_what_became_of_it(house, upstream):
    upstream.play(error(503, "busy"), answer(completion(usage=USAGE)))
    stage = await stage_of(house, upstream)
    reply = await stage.chat("m", user="u-1", session_id="s-1", metadata={"team": "red", "n": 1})
    assert reply.status == 200
    (record,) = stage.settled
    assert [each.failure for each in record.attempts] == ["overloaded", ""]
    assert record.attempts[0].status == 503
    assert record.attempts[1].cost_nano == record.cost_nano == COST
    assert record.attempts[1].upstream_id == reply.body["id"]
    assert (record.user, record.session, record.tags) == ("u-1", "s-1", {"team": "red"})


async def test_limits_of_each_end_user_are_each_users_own(house, upstream):
    stage = await stage_of(house, upstream, each_user={"limits": {"rpm": 1}})
    assert (await stage.chat("m", user="a")).status == 200
    assert (await stage.chat("m", user="b")).status == 200
    reply = await stage.chat("m", user="a")
    assert reply.status == 429
    assert "user a" in reply.error["message"]


async def test_a_repeated_idempotency_key_is_told_as_cached_and_costs_nothing(house, upstream):
    stage = await stage_of(house, upstream)
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    for _ in range(2):
        assert (await stage.post(body, **{"idempotency-key": "1"})).status == 200
    assert [record.outcome for record in stage.settled] == ["completed", "cached"]
    assert stage.settled[1].charged_nano == 0
    assert len(upstream.seen) == 1


async def test_a_stream_that_is_cut_is_charged_for_what_came(house, upstream):
    whole = stream(*words("Hello", " there"))
    upstream.play(lambda visit: cut(visit, whole))
    stage = await stage_of(house, upstream, budget={"usd": 1, "window": "total"})
    await stage.chat("m", stream=True, max_tokens=50)
    (record,) = stage.settled
    assert (record.outcome, record.finish) == ("upstream_cut", "error")
    assert record.usage.estimated


async def looked_up(stage, reply):
    """What is told of a call, once it is in the database."""
    async with asyncio.timeout(SOON_S):
        while (found := await stage.get(f"/v1/generation?id={reply.headers['x-request-id']}")).status == 404:
            pass
    return found.body["data"]


async def test_a_call_that_a_limit_refuses_is_in_the_records_and_costs_nothing(house, upstream):
    stage = await stage_of(house, upstream, stores=True, limits={"rpm": 1})
    replies = [await stage.chat("m", max_tokens=50) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 429]
    told = await looked_up(stage, replies[1])
    assert (told["outcome"], told["total_cost"], told["attempts"]) == ("refused", 0, [])


async def test_a_call_that_no_provider_answers_in_time_has_timed_out(house, upstream):
    upstream.play(lambda visit: asyncio.sleep(60))
    stage = await stage_of(house, upstream, routing={"max_attempts": 1})
    assert (await stage.chat("m", timeouts={"first_byte": 0.1})).status == 504
    assert [record.outcome for record in stage.settled] == ["timed_out"]


async def test_a_call_can_be_looked_up_by_its_id_and_by_its_own_key_alone(house, upstream):
    stage = await stage_of(house, upstream, stores=True, budget={"usd": 1, "window": "total"})
    reply = await stage.chat("m", max_tokens=50)
    found = await looked_up(stage, reply)
    assert (found["total_cost"], found["tokens_prompt"], found["tokens_completion"]) == (0.0002, 100, 50)
    assert found["price"]["base"]["output"] == 2_000_000_000
    assert [each["deployment"] for each in found["attempts"]] == ["m@p"]
    key = (await stage.get("/v1/key")).body["data"]
    assert (key["limit"], key["limit_remaining"], key["usage"]) == (1, 0.9998, 0.0002)
    missing = await stage.get("/v1/generation?id=req-none")
    assert (missing.status, missing.error["code"]) == (404, "generation_not_found")


async def test_credit_is_held_while_a_call_runs_and_what_is_left_comes_back(house, upstream):
    spaces = [{"slug": "shop", "plan": "prepaid"}]
    stage = await stage_of(house, upstream, stores=True, workspaces=spaces, workspace="shop")
    refused = await stage.chat("m", max_tokens=50)
    assert (refused.status, refused.error["code"]) == (402, "insufficient_credits")
    admin = {"authorization": f"Bearer {ADMIN}", "x-xroute-workspace": "shop"}
    paid = await stage.ask("POST", "/api/v1/credits/topup", json={"amount_usd": 1}, headers=admin)
    assert paid.status == 201
    assert (await stage.chat("m", max_tokens=200)).status == 200
    await stage.app.parts.writer.flush()
    credit = (await stage.get("/v1/credits")).body["data"]
    assert credit == {"total_credits": 1, "total_usage": 0.0002, "balance": 0.9998, "held": 0}
    kinds = [
        entry["kind"] for entry in (await stage.ask("GET", "/api/v1/ledger", headers=admin)).body["data"]
    ]
    assert sorted(kinds) == ["hold", "release", "settle", "topup"]


async def test_a_streams_usage_tells_what_the_client_pays(house, upstream):
    upstream.play(stream(*words("Hi", usage=USAGE), DONE))
    stage = await stage_of(house, upstream, budget={"usd": 1, "window": "total"})
    reply = await stage.chat("m", stream=True, stream_options={"include_usage": True})
    assert b'"cost":0.0002' in reply.raw
    assert stage.settled[0].ttft_ms is not None


async def test_the_tier_that_the_provider_answered_in_is_what_is_paid(house, upstream):
    flex = completion(usage={"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000})
    upstream.play(answer(flex | {"service_tier": "flex"}), answer(flex | {"service_tier": "default"}))
    model = {"id": "gpt-5", "serves": "openai/gpt-5"}
    stage = await house.stage(
        providers={"openai": {"base_url": upstream.url, "api_key": "x", "models": [model]}},
    )
    costs = [(await stage.chat("gpt-5")).body["usage"]["cost"] for _ in range(2)]
    assert costs[0] * 2 == pytest.approx(costs[1])


async def test_metrics_show_how_the_parts_are_and_how_far_behind(house, upstream):
    stage = await stage_of(house, upstream, stores=True, limits={"rpm": 10})
    await stage.chat("m")
    await stage.app.parts.writer.flush()
    assert await stage.metric("xroute_part_up", part="database") == 1
    assert await stage.metric("xroute_keys") == 1
    assert await stage.metric("xroute_journal_lag_lines") == 0
    assert await stage.metric("xroute_limit_counters") >= 1
