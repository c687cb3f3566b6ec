"""Counters for Prometheus: each settled call once, the unknown apart from nothing."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.web.dialogue import Answer

from xroute.web.asgi import AsgiReply, Plain
from xroute.web.metrics import Metrics
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

NOW = 100.0


@pytest.fixture
def fleet(desk):
    return desk.scene("providers: {sim: {}}").fleet


@pytest.fixture
def metrics(fleet):
    return Metrics(fleet, lambda: NOW, lambda: 3)


def settled(*, attempts=1, **facts) -> Record:
    plain = {
        "outcome": "completed",
        "model": "openai/gpt-4o",
        "provider": "openai",
        "stream": False,
        "attempts": [Try("", "", "", "", 0)] * attempts,
        "usage": Usage(input=10, output=20),
        "cost_nano": 225_000,
        "duration_ms": 400,
        "ttft_ms": None,
    }
    return Record("req-1", 0, **plain | facts)


async def samples(metrics) -> dict[str, float]:
    answer = Answer()

    async def send(message):
        answer.messages.append(message)

    await metrics.show(None, AsgiReply(Plain({"headers": []}, None, send)))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        ",".join([s.name, *(f"{k}={v}" for k, v in sorted(s.labels.items()))]): s.value
        for family in text_string_to_metric_families(answer.body.decode())
        for s in family.samples
    }


AT = "model=openai/gpt-4o,provider=openai"


async def test_a_call_counts_once_with_tokens_cost_and_time(metrics):
    metrics.record(settled(attempts=2))
    shown = await samples(metrics)
    assert shown["xroute_calls_total,model=openai/gpt-4o,outcome=completed,provider=openai"] == 1
    assert shown["xroute_attempts_total"] == 2
    assert shown[f"xroute_tokens_total,kind=input,{AT}"] == 10
    assert shown[f"xroute_tokens_total,kind=output,{AT}"] == 20
    assert shown[f"xroute_cost_usd_total,{AT}"] == pytest.approx(0.000225)
    assert shown["xroute_call_seconds_count,provider=openai"] == 1
    assert shown["xroute_call_seconds_bucket,le=0.25,provider=openai"] == 0
    assert shown["xroute_call_seconds_bucket,le=0.5,provider=openai"] == 1
    assert shown["xroute_open_streams"] == 3
    assert "xroute_first_token_seconds_count,provider=openai" not in shown


async def test_a_stream_tells_its_first_token(metrics):
    metrics.record(settled(stream=True, ttft_ms=200))
    assert (await samples(metrics))["xroute_first_token_seconds_sum,provider=openai"] == pytest.approx(0.2)


async def test_an_unknown_price_is_counted_apart_and_not_as_nothing(metrics):
    metrics.record(settled(cost_nano=None))
    shown = await samples(metrics)
    assert shown[f"xroute_unpriced_calls_total,{AT}"] == 1
    assert f"xroute_cost_usd_total,{AT}" not in shown


async def test_a_call_that_nobody_served_brings_no_label_of_its_own(metrics):
    nobody = {"provider": "", "outcome": "refused", "usage": None, "cost_nano": None, "attempts": 0}
    for place in range(3):
        metrics.record(settled(model=f"made-up-{place}", **nobody))
    shown = await samples(metrics)
    assert shown["xroute_calls_total,model=,outcome=refused,provider="] == 3
    assert not any("made-up" in name for name in shown)
    assert "xroute_unpriced_calls_total,model=,provider=" not in shown


async def test_breakers_show_their_state(metrics, fleet):
    [[sim]] = fleet.lineup("sim").groups
    name = "xroute_breaker_state,deployment=sim/sim@sim"
    assert (await samples(metrics))[name] == 0
    sim.health.breaker.open(NOW - 1, 5.0, "server")
    assert (await samples(metrics))[name] == 2
    sim.health.breaker.success(NOW)
    sim.health.breaker.open(NOW - 9, 5.0, "server")
    assert (await samples(metrics))[name] == 1
