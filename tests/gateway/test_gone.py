"""Clients that leave, clients that do not read, and streams that are silent for long."""

import asyncio
import contextlib

import orjson
import pytest
from tests.gateway.replies import check_complete
from tests.gateway.scripted import STREAM_HEAD, answer, chunked, completion, error, event
from tests.gateway.sims import said
from tests.gateway.stage import provider
from tests.gateway.wires import SOON_S, post

from xroute.sim.plan import Profile

PROFILE = Profile(output_tokens=16)


def ask(*, stream):
    return post(
        orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream})
    )


async def until(condition):
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.005)


async def metric(stage, value, name, **labels):
    """Until a metric has this value."""
    async with asyncio.timeout(SOON_S):
        while await stage.metric(name, **labels) != value:
            await asyncio.sleep(0.02)


class Waiting:
    """A script that sends what it has and waits for the gateway to leave."""

    def __init__(self, *parts):
        self.parts = parts
        self.reached, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self, visit):
        await visit.send(*self.parts)
        self.reached.set()
        await visit.gone()
        self.left.set()


FIRST = STREAM_HEAD + chunked(event({"role": "assistant", "content": "Hello"}))
WHEN = {
    "before the head": (False, b"", b""),
    "before the head of a stream": (True, b"", b""),
    "inside the body": (False, answer(completion())[:-20], b""),
    "before the first content": (True, STREAM_HEAD + chunked(event({"role": "assistant"})), b""),
    "in mid-stream": (True, FIRST, b"Hello"),
}


@pytest.mark.parametrize("when", WHEN)
async def test_when_the_client_leaves_the_upstream_request_ends(house, when):
    stream, sent, received = WHEN[when]
    upstream, script = await house.upstream(), Waiting(sent)
    upstream.play(script)
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    wire = await stage.dial()
    await wire.send(ask(stream=stream))
    await asyncio.wait_for(script.reached.wait(), SOON_S)
    if received:
        await wire.until(received)
    await wire.close()
    await asyncio.wait_for(script.left.wait(), SOON_S)  # no limit of the call is that short
    await metric(stage, 1, "xroute_calls_total", outcome="client_gone")
    assert await stage.metric("xroute_open_streams") == 0
    health = (await stage.health())["m@p"]
    assert (health["in_flight"], health["failures"], health["breaker"]["state"]) == (0, 0, "closed")
    assert len(upstream.seen) == 1


async def test_a_client_that_leaves_during_a_pause_causes_no_further_attempt(house):
    upstream = await house.upstream()
    upstream.play(error(429, retry_after="15"), answer(completion()))
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    wire = await stage.dial()
    await wire.send(ask(stream=False))
    await until(lambda: upstream.seen)
    await wire.close()
    await metric(stage, 1, "xroute_calls_total", outcome="client_gone")  # which is its end
    assert len(upstream.seen) == 1


async def test_many_clients_that_leave_leave_nothing_behind(house):
    sim = await house.sim(output_tokens=2000, tokens_per_s=50)
    stage = await house.stage(providers={"p": provider(sim.url, ("u", "m"))})
    wires = [await stage.dial() for _ in range(50)]
    for place, wire in enumerate(wires):
        await wire.send(ask(stream=place % 2 == 0))
    await until(lambda: sim.service.open == 50)
    for wire in wires:
        await wire.close()
    await until(lambda: sim.service.open == 0)
    await metric(stage, 50, "xroute_calls_total", outcome="client_gone")
    assert (await stage.health())["m@p"]["in_flight"] == 0


async def test_a_client_that_does_not_read_holds_the_provider_back(house):
    most, sent, stalled = 256 * 1024**2, 0, asyncio.Event()
    piece = chunked(event({"content": "x" * 60_000}))

    async def flood(visit):
        nonlocal sent
        await visit.send(STREAM_HEAD)
        with contextlib.suppress(TimeoutError):
            while sent < most:
                await asyncio.wait_for(visit.send(piece), 1.0)
                sent += len(piece)
        stalled.set()
        await visit.gone()

    upstream = await house.upstream()
    upstream.play(flood)
    stage = await house.stage(providers={"p": provider(upstream.url, ("u", "m"))})
    wire = await stage.dial()
    wire.writer.transport.pause_reading()
    await wire.send(ask(stream=True))
    await asyncio.wait_for(stalled.wait(), SOON_S)
    assert sent < 64 * 1024**2  # what the sockets' own buffers hold
    await wire.close()


async def test_comments_keep_a_silent_stream_open(house):
    sim = await house.sim(output_tokens=PROFILE.output_tokens)
    slow = provider(sim.url, ("u#ttft_ms=700", "m"))
    stage = await house.stage(providers={"p": slow}, keepalive_comment_s=0.15)
    reply = await stage.chat(stream=True)
    check_complete(reply, said("Hi", PROFILE))
    assert reply.comments >= 1
    plain = await stage.chat()
    check_complete(plain, said("Hi", PROFILE))


async def test_behind_a_comment_another_provider_still_answers_unseen(house):
    sim = await house.sim(output_tokens=PROFILE.output_tokens)
    providers = {
        "a": provider(sim.url, ("u#fault=hang_before_headers", "m"), timeouts={"first_byte": 0.7}),
        "b": provider(sim.url, ("u", "m")),
    }
    stage = await house.stage(providers=providers, routing={"strategy": "order"}, keepalive_comment_s=0.15)
    reply = await stage.chat(stream=True)
    check_complete(reply, said("Hi", PROFILE))
    assert reply.comments >= 1


async def test_behind_a_comment_a_failure_is_told_in_the_stream(house):
    sim = await house.sim()
    section = provider(sim.url, ("u#fault=hang_before_headers", "m"), timeouts={"first_byte": 0.7})
    stage = await house.stage(providers={"p": section}, routing={"max_attempts": 1}, keepalive_comment_s=0.15)
    reply = await stage.chat(stream=True)
    assert (reply.status, reply.text, reply.finishes, reply.done) == (200, "", ["error"], True)
    assert (reply.error_type, reply.kinds) == ("timeout", ["timeout"])
    assert reply.comments >= 1
