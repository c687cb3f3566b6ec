"""The simulator in this process: limits, time and cancellation, on a clock of the test's own."""

import asyncio
import itertools

import orjson
import pytest
from tests.unit.sim.asking import HELLO

from xroute.errors import ConnectError, CutError, ProtocolError, TimedOut
from xroute.sim.plan import Latency, Profile, parse_fault
from xroute.sim.transport import SimTransport
from xroute.wire.http import Target, Timeouts

CHAT = Target("sim:/v1/chat/completions", ())


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return Clock()


def transport(clock, *faults, **profile):
    found = Profile(faults=tuple(map(parse_fault, faults)), **profile)
    return SimTransport(found, clock.now, clock.sleep)


async def send(transport, target=CHAT, limits=None, method="POST", **body):
    data = orjson.dumps({"model": "m", "messages": HELLO, **body})
    return await transport.send(method, target, data, limits or Timeouts())


async def test_nothing_waits_by_default(clock):
    exchange = await send(transport(clock), stream=True)
    while await exchange.chunk(1.0):
        pass
    assert clock.time == 0


async def test_an_answer_takes_the_time_to_its_first_token_and_that_of_its_tokens(clock):
    simulated = transport(clock, ttft=Latency(200), tokens_per_s=10, output_tokens=30)
    await send(simulated)
    assert clock.time == pytest.approx(0.2 + 30 / 10)


async def test_a_stream_is_paced(clock):
    simulated = transport(clock, ttft=Latency(200), tokens_per_s=10, output_tokens=30)
    exchange = await send(simulated, stream=True)
    assert clock.time == pytest.approx(0.2)
    times = []
    while await exchange.chunk(5.0):
        times.append(clock.time)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[:1] == [0.0]  # the role and the first token come together
    assert gaps[1:30] == pytest.approx([0.1] * 29)
    assert times[-1] == pytest.approx(0.2 + 29 / 10)


async def test_a_control_sets_the_time_to_first_token(clock):
    await send(transport(clock), Target("sim:/chat/completions", (("X-Sim-TTFT-ms", "1500"),)))
    assert clock.time == 1.5


async def test_a_slow_reader_finds_what_has_come_meanwhile(clock):
    exchange = await send(transport(clock, tokens_per_s=10), stream=True)
    clock.time = 100.0
    while await exchange.chunk(0.0):
        pass
    assert clock.time == 100.0


async def test_an_answer_later_than_the_limit_is_a_timeout(clock):
    simulated = transport(clock, "hang_before_headers")
    with pytest.raises(TimedOut) as caught:
        await send(simulated, limits=Timeouts(first_byte=7.0))
    assert (caught.value.stage, caught.value.limit_s, clock.time) == ("first_byte", 7.0, 7.0)
    assert simulated.service.open == 0


async def test_silence_in_a_stream_is_a_timeout_and_may_be_waited_out(clock):
    exchange = await send(transport(clock, "hang_mid_stream:after=2,for=10"), stream=True)
    assert [await exchange.chunk(3.0) for _ in range(2)]
    for waited in (3.0, 6.0, 9.0):
        with pytest.raises(TimedOut) as caught:
            await exchange.chunk(3.0)
        assert (caught.value.stage, clock.time) == ("between_chunks", waited)
    assert b"data: " in await exchange.chunk(3.0)
    assert clock.time == 10.0


async def test_silence_in_a_body_is_a_timeout(clock):
    exchange = await send(transport(clock, "hang_mid_stream"), limits=Timeouts(between_chunks=2.0))
    with pytest.raises(TimedOut):
        await exchange.read(10**6)


async def test_a_reset_before_the_head_is_no_connection(clock):
    simulated = transport(clock, "refuse")
    with pytest.raises(ConnectError):
        await send(simulated)
    assert simulated.service.open == 0


@pytest.mark.parametrize("fault", ["cut_mid_stream", "reset_mid_stream"])
async def test_a_broken_answer_is_a_cut_and_stays_one(clock, fault):
    exchange = await send(transport(clock, fault))
    with pytest.raises(CutError):
        await exchange.read(10**6)
    with pytest.raises(CutError):
        await exchange.chunk(None)


async def test_the_end_stays_the_end(clock):
    exchange = await send(transport(clock))
    await exchange.read(10**6)
    assert [await exchange.chunk(1.0), await exchange.chunk(1.0)] == [b"", b""]


async def test_an_answer_beyond_the_limit_is_refused_before_all_of_it_is_held(clock):
    simulated = transport(clock, "huge_answer")
    exchange = await send(simulated)
    with pytest.raises(ProtocolError):
        await exchange.read(100_000)
    assert simulated.service.open == 0


async def test_cancelling_a_wait_ends_the_exchange():
    simulated = SimTransport(Profile(faults=(parse_fault("hang_mid_stream:after=1"),)))
    exchange = await send(simulated, stream=True)
    await exchange.chunk(None)
    waiting = asyncio.create_task(exchange.chunk(None))
    await asyncio.sleep(0)
    assert simulated.service.open == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert simulated.service.open == 0
    with pytest.raises(CutError):
        await exchange.chunk(None)


async def test_cancelling_a_request_ends_the_exchange():
    simulated = SimTransport(Profile(faults=(parse_fault("hang_before_headers"),)))
    waiting = asyncio.create_task(send(simulated, limits=Timeouts(first_byte=None)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert simulated.service.open == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert simulated.service.open == 0


async def test_closing_is_idempotent(clock):
    simulated = transport(clock)
    exchange = await send(simulated, stream=True)
    exchange.close()
    exchange.close()
    assert simulated.service.open == 0
    await simulated.close()


async def test_an_outage_begins_and_ends_on_the_clock(clock):
    simulated = transport(clock, "status_503:from=10,to=20")
    found = []
    for clock.time in (0.0, 10.0, 19.0, 20.0):
        found.append((await send(simulated)).status)
    assert found == [200, 503, 503, 200]


@pytest.mark.parametrize(
    "url", ["sim:", "sim:/chat/completions", "sim:/v1/chat/completions", "sim://x/v1/chat/completions"]
)
async def test_the_targets_of_a_completion(clock, url):
    assert (await send(transport(clock), Target(url, ()))).status == 200


@pytest.mark.parametrize(
    ("url", "status"), [("sim:", 200), ("sim:/v1/models", 200), ("sim:/v1/nothing", 404)]
)
async def test_the_targets_of_a_read(clock, url, status):
    assert (await send(transport(clock), Target(url, ()), method="GET")).status == status


async def test_the_service_counts(clock):
    simulated = transport(clock, "status_500:every=2")
    for _ in range(4):
        await send(simulated)
    await send(simulated, Target("sim:/v1/models", ()), method="GET")
    exchange = await send(simulated, Target("sim:/sim/stats", ()), method="GET")
    stats = orjson.loads(await exchange.read(10**6))
    assert (stats["requests"], stats["completions"], stats["faults"]) == (5, 4, {"status_500": 2})
