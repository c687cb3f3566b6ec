"""What goes to the provider and what comes back: bodies, headers, usage, cost, listings and metrics."""

import orjson
import pytest
from tests.gateway.scripted import DONE, answer, completion, error, event, stream, words
from tests.gateway.stage import KEY, provider

from xroute import __version__

USAGE = {"prompt_tokens": 1000, "completion_tokens": 7, "total_tokens": 1007}
ASKED = {"stream_options": {"include_usage": True}}
PRICES = {"m": {"input": 1.25, "output": 10, "cached_input": 0.125}}


@pytest.fixture
async def upstream(house):
    return await house.upstream()


async def stage_of(house, upstream, **more):
    """A gateway with one provider of one model."""
    settings = {"providers": {"p": provider(upstream.url, ("up", "m"), **more.pop("section", {}))}}
    return await house.stage(**settings | more)


async def test_the_provider_gets_our_headers_and_none_of_the_clients(house, upstream):
    upstream.play(answer(completion()))
    stage = await stage_of(house, upstream)
    theirs = {
        "cookie": "a=b",
        "x-forwarded-for": "192.0.2.1",
        "forwarded": "for=192.0.2.1",
        "via": "1.1 x",
        "te": "trailers",
        "connection": "keep-alive, x-secret",
        "x-secret": "1",
        "x-api-key": KEY,
        "openai-organization": "org-1",
        "x-stainless-os": "Linux",
        "x-sim-fault": "status_500",
        "user-agent": "client/1",
        "accept": "text/html",
        "accept-encoding": "gzip, br",
        "content-type": "text/plain",
        "proxy-authorization": "Basic x",
        "idempotency-key": "1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    assert (await stage.post(body, **theirs)).status == 200
    (seen,) = upstream.seen
    assert seen.line == "POST /v1/chat/completions HTTP/1.1"
    length = seen.names.pop("content-length")
    assert int(length) == len(orjson.dumps(seen.body))
    assert sorted(seen.headers) == sorted(
        [
            ("host", upstream.url.split("/")[2]),
            ("user-agent", f"xroute/{__version__}"),
            ("accept", "*/*"),
            ("accept-encoding", "identity"),
            ("content-type", "application/json"),
            ("authorization", "Bearer sk-upstream-1"),
            ("content-length", length),
        ]
    )


async def test_the_client_gets_our_headers_and_none_of_the_providers(house, upstream):
    theirs = {"set_cookie": "a=b", "x_request_id": "theirs", "x_ratelimit_remaining": "1", "server": "them"}
    upstream.play(answer(completion(), **theirs))
    reply = await (await stage_of(house, upstream)).chat()
    ours = {
        "request-id",
        "xroute-attempts",
        "xroute-overhead-ms",
        "xroute-provider",
        "xroute-model",
        "xroute-cost",
    }
    expected = {"content-type", "content-length", "server", "date", *(f"x-{name}" for name in ours)}
    assert set(reply.headers) == expected
    assert reply.headers["x-request-id"].startswith("req-")
    assert reply.headers["server"] == "xroute"
    assert float(reply.headers["x-xroute-overhead-ms"]) >= 0


async def test_a_client_cannot_choose_an_address(house, upstream):
    upstream.play(answer(completion()))
    stage = await stage_of(house, upstream)
    more = {"base_url": "http://192.0.2.1/v1", "api_base": "http://192.0.2.1", "url": "http://192.0.2.1"}
    assert (await stage.chat(**more)).status == 200
    assert len(upstream.seen) == 1


async def test_a_redirect_is_not_followed_as_the_credential_belongs_to_this_host(house, upstream):
    other = await house.upstream()
    other.play(answer(completion()))
    upstream.play(answer(b"", 307, location=f"{other.url}/chat/completions"))
    stage = await stage_of(house, upstream, routing={"max_attempts": 1})
    assert (await stage.chat()).status in (400, 502)
    assert not other.seen


async def test_unknown_fields_reach_the_provider_and_ours_do_not(house, upstream):
    upstream.play(answer(completion()))
    stage = await stage_of(house, upstream)
    part = {"type": "text", "text": "Hi", "weight": 2}
    more = {
        "messages": [{"role": "user", "content": [part], "weight": 1}],
        "top_k": 5,
        "chat_template_kwargs": {"a": [1, {"b": None}]},
        "temperature": 0.30000000000000004,
        "seed": 9007199254740993,
    }
    ours = {"models": ["m"], "provider": {"order": ["p"]}, "timeouts": {"total": 30}, "session_id": "s"}
    assert (await stage.chat(**more, **ours)).status == 200
    assert upstream.seen[0].body == {"model": "up", "stream": False, **more}


@pytest.mark.parametrize("extras", [[], ["cache_control"]])
async def test_cache_markers_go_to_those_who_take_them(house, upstream, extras):
    upstream.play(answer(completion()))
    section = {"quirks": {"extras": extras}} if extras else {}
    stage = await stage_of(house, upstream, section=section)
    part = {"type": "text", "text": "Hi"}
    marked = part | {"cache_control": {"type": "ephemeral"}}
    assert (await stage.chat(messages=[{"role": "user", "content": [marked]}])).status == 200
    (said,) = upstream.seen[0].body["messages"]
    assert said["content"] == [marked if extras else part]


async def test_the_providers_own_fields_reach_the_client(house, upstream):
    whole = completion(x_new={"a": 1})
    whole["choices"][0] |= {"stop_sequence": None, "matched": 5}
    whole["choices"][0]["message"] |= {"reasoning_content": "Hm", "annotations": []}
    upstream.play(answer(whole), stream(event({"content": "a", "x": 1}, x_new=2), event({}, "stop"), DONE))
    stage = await stage_of(house, upstream)
    body = (await stage.chat()).body
    assert (body["x_new"], body["choices"][0]["matched"], body["id"]) == ({"a": 1}, 5, "c1")
    assert body["choices"][0]["message"]["reasoning_content"] == "Hm"
    first = (await stage.chat(stream=True)).chunks[0]
    assert (first["x_new"], first["choices"][0]["delta"]["x"]) == (2, 1)


async def test_the_cost_is_exact_and_the_header_says_the_same(house, upstream):
    usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 400}}
    upstream.play(answer(completion(usage=usage)), stream(*words("Hi", usage=usage)))
    stage = await stage_of(house, upstream, prices=PRICES)
    reply = await stage.chat()
    # 600 tokens at 1.25, 400 at 0.125 and 7 at 10 dollars per million
    assert reply.body["usage"] == usage | {"cost": 0.00087}
    assert reply.headers["x-xroute-cost"] == "0.00087"
    (last,) = (await stage.chat(stream=True, **ASKED)).usages
    assert (last["cost"], last["prompt_tokens"], last["completion_tokens"]) == (0.00087, 1000, 7)


async def test_an_unknown_price_is_null_and_never_zero(house, upstream):
    upstream.play(answer(completion(usage=USAGE)), stream(*words("Hi", usage=USAGE)))
    stage = await stage_of(house, upstream)
    reply = await stage.chat()
    assert reply.body["usage"] == USAGE | {"cost": None}
    assert reply.headers["x-xroute-cost"] == "unknown"
    (last,) = (await stage.chat(stream=True, **ASKED)).usages
    assert last["cost"] is None
    assert await stage.metric("xroute_unpriced_calls_total", model="m") == 2


async def test_usage_is_asked_for_always_and_shown_to_whom_asked(house, upstream):
    upstream.play(stream(*words("Hi", usage=USAGE)))
    stage = await stage_of(house, upstream)
    assert (await stage.chat(stream=True)).usages == []
    reply = await stage.chat(stream=True, **ASKED)
    assert reply.chunks[-1]["choices"] == [] and reply.usages == [USAGE | {"cost": None}]
    assert [seen.body["stream_options"] for seen in upstream.seen] == [{"include_usage": True}] * 2


@pytest.mark.parametrize("takes", [True, False])
async def test_usage_that_a_provider_does_not_give_is_estimated_and_marked(house, upstream, takes):
    upstream.play(stream(*words("Hello ", "world, how are you?")))
    stage = await stage_of(house, upstream, section={"quirks": {"stream_usage": takes}}, prices=PRICES)
    reply = await stage.chat(stream=True, **ASKED)
    (usage,) = reply.usages
    assert usage["estimated"] is True
    assert usage["completion_tokens"] == 7  # 25 characters
    assert usage["prompt_tokens"] >= 1 and usage["cost"] > 0
    assert ("stream_options" in upstream.seen[0].body) == takes


async def test_usage_of_a_whole_answer_without_any_is_estimated_and_marked(house, upstream):
    upstream.play(answer(completion(usage=None)))
    usage = (await (await stage_of(house, upstream)).chat()).body["usage"]
    assert usage["estimated"] is True
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_models_are_listed_and_found_by_every_name(house, upstream):
    stage = await stage_of(house, upstream, models={"smart": {"fallback": ["m"]}}, prices=PRICES)
    listed = (await stage.get("/v1/models")).body
    assert (listed["object"], [each["id"] for each in listed["data"]]) == ("list", ["smart", "m"])
    assert (await stage.get("/openai/v1/models")).body == listed
    (entry,) = [each for each in listed["data"] if each["id"] == "m"]
    assert (await stage.get("/v1/models/m")).body == entry
    assert entry["pricing"]["prompt"] == "0.00000125"
    assert [each["provider"] for each in entry["deployments"]] == ["p"]
    assert (await stage.get("/v1/models/smart")).body["route"] is True
    missing = await stage.get("/v1/models/gpt-4o-mni")
    assert (missing.status, missing.error["code"]) == (404, "model_not_found")


async def test_a_model_of_the_catalog_is_listed_with_its_facts(house, upstream):
    section = {"base_url": upstream.url, "api_key": "sk-upstream-1"}
    stage = await house.stage(providers={"openai": section})
    for name in ("gpt-4o-mini", "openai/gpt-4o-mini", "openai%2Fgpt-4o-mini"):
        entry = (await stage.get(f"/v1/models/{name}")).body
        assert (entry["id"], entry["object"], entry["owned_by"]) == ("openai/gpt-4o-mini", "model", "openai")
        assert entry["context_length"] == 128_000
        assert "image" in entry["architecture"]["input_modalities"] and "tools" in entry["abilities"]
        assert float(entry["pricing"]["prompt"]) > 0


async def test_the_same_surface_is_under_both_prefixes(house, upstream):
    upstream.play(answer(completion()))
    stage = await stage_of(house, upstream)
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    for path in ("/v1/chat/completions", "/openai/v1/chat/completions"):
        assert (await stage.post(body, path)).text == "Hello"


async def test_metrics_count_every_call_once_by_how_it_ended(house, upstream):
    stage = await stage_of(house, upstream, routing={"max_attempts": 2}, prices=PRICES)
    upstream.play(answer(completion(usage=USAGE)))
    await stage.chat()
    upstream.play(stream(*words("Hi", usage=USAGE)))
    await stage.chat(stream=True)
    upstream.play(error(500))
    await stage.chat()
    await stage.chat("nobody")  # refused before it was a call
    upstream.play(stream(event({"content": "a"})))
    await stage.chat(stream=True)
    counted = {
        outcome: await stage.metric("xroute_calls_total", outcome=outcome)
        for outcome in ("completed", "failed", "upstream_cut", "client_gone")
    }
    assert counted == {"completed": 2, "failed": 1, "upstream_cut": 1, "client_gone": 0}
    assert await stage.metric("xroute_attempts_total") == 5
    assert await stage.metric("xroute_tokens_total", kind="input", provider="p") >= 2000
    assert await stage.metric("xroute_call_seconds_count", provider="p") == 4


async def test_without_any_provider_the_simulator_answers_and_says_so(house):
    stage = await house.stage(providers={})
    for model in ("sim", "gpt-5", "openai/gpt-4o-mini"):
        for is_stream in (False, True):
            reply = await stage.chat(model, stream=is_stream)
            assert (reply.status, reply.provider) == (200, "sim")
            assert "simulator" in reply.text
    assert (await stage.chat()).error["code"] == "model_not_found"


async def test_health_and_readiness_need_no_key(house):
    stage = await house.stage(providers={})
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        answered = await stage.client.get(path, headers={"authorization": ""})
        assert answered.status_code == 200
