"""No way of asking makes a call cost more than was held for it, or take what another model may not spend."""

import orjson
import pytest
from tests.gateway.scripted import answer, completion, error
from tests.gateway.stage import KEY, provider

PRICES = {"cheap": {"input": 1, "output": 2}, "dear": {"input": 100, "output": 200}}
USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
COMPLETING = {"paths": {"completions": "/completions"}}
DEAR = 100 * 100_000 + 50 * 200_000
GOOD = answer(completion(usage=USAGE))


@pytest.fixture
async def upstream(house):
    found = await house.upstream()
    found.play(GOOD)
    return found


async def stage_of(house, upstream, **key):

    more = {name: key.pop(name) for name in ("prices", "accounting") if name in key}
    stage = await house.stage(
        keys=[{"name": "bench", "key": KEY} | key],
        providers={"p": provider(upstream.url, ("up-cheap", "cheap"), ("up-dear", "dear"), **COMPLETING)},
        **{"prices": PRICES} | more,
    )
    stage.settled = []
    stage.app.gateway.recorders.append(stage.settled.append)
    return stage


def served(upstream):
    return [seen.body["model"] for seen in upstream.seen]


@pytest.mark.parametrize(
    "bound",
    [
        {"budget": {"usd": 0.000001, "window": "day", "model": "dear"}},
        {"limits": {"max_call_usd": 0.000001, "model": "dear"}},
    ],
)
async def test_a_fallback_does_not_pass_what_bounds_its_model_alone(house, upstream, bound):
    upstream.play(error(500), GOOD)
    stage = await stage_of(house, upstream, **bound)
    assert (await stage.chat("cheap", models=["dear"], max_tokens=5)).status == 200
    assert "up-dear" not in served(upstream)


async def test_a_fallback_is_counted_where_its_model_is_and_nowhere_else(house, upstream):
    upstream.play(error(500), GOOD, GOOD)
    budgets = [{"usd": 1, "window": "day", "model": model} for model in ("cheap", "dear", "")]
    stage = await stage_of(house, upstream, budgets=budgets)
    assert (await stage.chat("cheap", models=["dear"], max_tokens=50)).status == 200
    assert served(upstream) == ["up-cheap", "up-dear"]
    assert sorted(amount for _, amount, _ in stage.settled[-1].charges) == [DEAR, DEAR]
    assert (await stage.chat("cheap", models=["dear"], max_tokens=50)).status == 200
    assert len(stage.settled[-1].charges) == 2
    engine = stage.app.gateway.accounts.engine
    keys = {key for record in stage.settled for key, _, _ in record.charges}
    assert sorted(engine.spent(key) for key in keys) == [200_000, DEAR, DEAR + 200_000]
    assert [engine.held(key) for key in keys] == [0, 0, 0]


async def test_a_rate_of_one_model_holds_for_its_fallbacks(house, upstream):
    upstream.play(error(500), GOOD, error(500), GOOD)
    stage = await stage_of(house, upstream, limits={"rpm": 1, "model": "dear"})
    await stage.chat("cheap", models=["dear"], max_tokens=5)
    await stage.chat("cheap", models=["dear"], max_tokens=5)
    assert served(upstream).count("up-dear") == 1


async def test_the_first_models_own_limit_refuses_and_gives_back_what_was_taken(house, upstream):
    budgets = [{"usd": 0.000001, "window": "day", "model": "cheap"}, {"usd": 1, "window": "day"}]
    stage = await stage_of(house, upstream, budgets=budgets, limits={"concurrency": 1})
    for _ in range(2):
        reply = await stage.chat("cheap", models=["dear"], max_tokens=5)
        assert (reply.status, reply.error["code"]) == (402, "budget_exceeded")
    assert (await stage.chat("dear", max_tokens=5)).status == 200


async def test_each_image_at_an_address_is_held_for(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 100})
    content = [{"type": "image_url", "image_url": {"url": f"https://x.y/{n}.png"}} for n in range(100)]
    await stage.chat("cheap", text=content, max_tokens=5)
    assert stage.settled[-1].held_nano >= 100 * 1500 * 1000


async def test_a_file_of_text_is_held_as_text(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 100})
    data = "data:text/plain;base64," + "QUJD" * 25_000
    part = {"type": "file", "file": {"filename": "a.txt", "file_data": data}}
    reply = await stage.chat("cheap", text=[part], max_tokens=5)
    assert reply.status == 200, reply.body
    assert stage.settled[-1].held_nano >= 100_000 // 2 * 1000


async def test_of_two_maxima_the_larger_is_held(house, upstream):
    stage = await stage_of(house, upstream, budget={"usd": 100})
    await stage.chat("cheap", max_tokens=90_000, max_completion_tokens=5)
    assert stage.settled[-1].held_nano >= 90_000 * 2000


async def test_all_that_best_of_makes_is_held(house, upstream):
    body = {"id": "x", "object": "text_completion", "created": 1, "model": "m", "usage": USAGE}
    upstream.play(answer(body | {"choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}]}))
    stage = await stage_of(house, upstream, budget={"usd": 100})
    asked = {"model": "cheap", "prompt": "hi", "max_tokens": 1000, "best_of": 20}
    reply = await stage.post(orjson.dumps(asked), "/v1/completions")
    assert reply.status == 200, reply.body
    assert stage.settled[-1].held_nano >= 20 * 1000 * 2000


async def test_a_cheaper_tier_is_held_as_the_usual_one_which_may_answer(house, upstream):
    stage = await house.stage(
        keys=[{"name": "bench", "key": KEY, "budget": {"usd": 100}}],
        providers={"openai": {"base_url": upstream.url, "api_key": "sk-up"}},
    )
    stage.settled = []
    stage.app.gateway.recorders.append(stage.settled.append)
    for tier in ("default", "flex"):
        reply = await stage.chat("openai/gpt-5", max_tokens=500, service_tier=tier)
        assert reply.status == 200, reply.body
    usual, flex = stage.settled
    assert flex.held_nano >= usual.held_nano - 100_000


COMPLETED = {"id": "x", "object": "text_completion", "created": 1, "model": "m", "usage": USAGE}
RESPONDED = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
}
GENERATED = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
HI = b'"contents":[{"role":"user","parts":[{"text":"Hi"}]}]'
SAYS = b'"messages":[{"role":"user","content":"Hi"}]'
GEMINI = "/v1beta/models/m:generateContent"


@pytest.mark.parametrize(
    ("dialect", "path", "body", "said", "at"),
    [
        (
            "openai_responses",
            "/v1/responses",
            b'{"model":"m","input":"Hi","store":false,"max_tokens":5}',
            RESPONDED,
            "max_output_tokens",
        ),
        (
            "openai_responses",
            "/v1/responses",
            b'{"model":"m","input":"Hi","store":false,"max_output_tokens":90000,"max_output_tokens":5}',
            RESPONDED,
            "max_output_tokens",
        ),
        (
            "openai",
            "/v1/completions",
            b'{"model":"m","prompt":"Hi","echo":true,"max_completion_tokens":5}',
            COMPLETED | {"choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}]},
            "max_tokens",
        ),
        (
            "anthropic",
            "/v1/messages",
            b'{"model":"m",%b,"max_tokens":90000,"max_\\u0074okens":5}' % SAYS,
            MESSAGE,
            "max_tokens",
        ),
        (
            "gemini",
            GEMINI,
            b'{%b,"generationConfig":{"maxOutputTokens":5,"max_output_tokens":90000}}' % HI,
            GENERATED,
            "generationConfig",
        ),
        (
            "gemini",
            GEMINI,
            b'{%b,"generationConfig":{"maxOutputTokens":5},"generation_config":{"maxOutputTokens":90000}}'
            % HI,
            GENERATED,
            "generationConfig",
        ),
        (
            "gemini",
            GEMINI,
            b'{%b,"generation_config":{"max_output_tokens":5}}' % HI,
            GENERATED,
            "generationConfig",
        ),
    ],
)
async def test_bytes_that_pass_say_the_maximum_that_is_held_and_no_other(
    house, upstream, dialect, path, body, said, at
):
    upstream.play(answer(said))
    served = provider(
        upstream.url, ("m", "m"), dialect=dialect, **({} if dialect != "openai" else COMPLETING)
    )
    stage = await house.stage(
        keys=[{"name": "bench", "key": KEY, "budget": {"usd": 1}}],
        providers={"p": served},
        prices={"m": {"input": 1, "output": 2}},
    )
    reply = await stage.post(body, path)
    assert reply.status == 200, reply.raw
    raw, sent = upstream.seen[-1].raw, upstream.seen[-1].body
    assert sent[at] == ({"maxOutputTokens": 5} if at == "generationConfig" else 5)
    assert b"90000" not in raw


async def test_searches_that_a_provider_may_make_are_held(house, upstream):
    stage = await stage_of(
        house, upstream, budget={"usd": 100}, prices={"cheap": {"input": 1, "output": 2, "search": 0.01}}
    )
    for tools in ([], [{"type": "web_search", "max_uses": 3}], [{"type": "web_search"}]):
        await stage.chat("cheap", max_tokens=5, tools=tools)
    await stage.chat("cheap", max_tokens=5, web_search_options={})
    plain, few, many, wished = [record.held_nano for record in stage.settled]
    assert plain < 1_000_000
    assert few - plain >= 3 * 10_000_000
    assert min(many, wished) - plain >= 10 * 10_000_000
