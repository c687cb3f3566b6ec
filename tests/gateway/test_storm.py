"""Thousands of calls while providers break in changing ways: nobody fails, nothing is doubled or lost."""

import asyncio
import contextlib
import itertools
from collections import Counter

import orjson
from tests.gateway.replies import check_broken, check_complete
from tests.gateway.sims import said
from tests.gateway.stage import provider
from tests.gateway.wires import post

from xroute.sim.plan import Fault

CALLS = 3000
CLIENTS = 24  # at once
SLOT_S = 0.3  # so often the broken two change
TOKENS = 24  # of every answer

# What happens before content. A call tries a deployment again only after the failures of the first list;
# two of the four deployments meet no others, so that whatever is broken when, there is always somebody left.
AGAIN = (
    Fault("status_408"),
    Fault("status_409"),
    Fault("status_429", retry_after_s=0.1),
    Fault("status_500"),
    Fault("status_502"),
    Fault("status_503"),
    Fault("status_529"),
    Fault("refuse"),
    Fault("hang_before_headers"),
    Fault("hang_mid_stream", after_events=1),
    Fault("cut_mid_stream", after_events=0),
    Fault("cut_mid_stream", after_events=1),
    Fault("reset_mid_stream", after_events=1),
    Fault("end_mid_stream", after_events=1),
    Fault("error_event", after_events=0),
    Fault("error_event", after_events=1),
    Fault("malformed_json", after_events=1),
    Fault("malformed_sse", after_events=1),
    Fault("wrong_content_type"),
    Fault("empty_200"),
    Fault("empty_stream"),
)
NOT_AGAIN = (
    Fault("status_401"),
    Fault("status_402"),
    Fault("status_403"),
    Fault("status_404"),
    Fault("insufficient_quota"),
)


async def _stage(house, sims, limit_s):
    limits = {"first_byte": limit_s, "first_token": limit_s, "between_chunks": limit_s}
    return await house.stage(
        providers={f"p{n}": provider(sim.url, ("u", "m"), timeouts=limits) for n, sim in enumerate(sims)},
        routing={"max_attempts": 20},
        keepalive_comment_s=600,  # a comment would begin an answer before it is known who gives it
    )


async def _break(sims):
    """Two of four are broken at any time; the pair moves on by one, and each time in other ways."""
    mild, harsh = itertools.cycle(AGAIN), itertools.cycle((*AGAIN[::-1], *NOT_AGAIN))
    for turn in itertools.count():
        pair = (turn % 4, (turn + 1) % 4)
        for place, sim in enumerate(sims):
            if place not in pair:
                sim.fail()
            elif place % 2:
                sim.fail(next(mild))
            else:
                sim.fail(next(harsh))
        await asyncio.sleep(SLOT_S)


async def _call(wire, text, *, stream):
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}
    await wire.send(post(orjson.dumps(body)))
    return await wire.reply(within_s=300)  # the pauses between attempts grow


async def _clients(stage, numbers, check):
    """So many clients, each on one connection, share the calls."""

    async def client():
        wire = await stage.dial()
        for number in numbers:
            text, stream = f"call {number}", number % 2 == 0
            check(await _call(wire, text, stream=stream), text)
        await wire.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())


@contextlib.asynccontextmanager
async def _meanwhile(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_no_client_notices_that_two_of_four_providers_are_always_broken(house):
    sims = [await house.sim(output_tokens=TOKENS) for _ in range(4)]
    stage = await _stage(house, sims, 0.3)
    answered = Counter()
    attempts = Counter()

    def check(reply, text):
        check_complete(reply, said(text, sims[0].service.profile))
        answered[reply.provider] += 1
        attempts[reply.attempts] += 1

    async with _meanwhile(_break(sims)):
        await _clients(stage, iter(range(CALLS)), check)
    assert answered.total() == CALLS
    assert set(answered) == {"p0", "p1", "p2", "p3"}
    assert attempts.total() > attempts[1] > 0  # some had to be made good
    met = sum((sim.service.faults for sim in sims), Counter())
    assert len(met) >= 8, met
    assert await stage.metric("xroute_attempts_total") == sum(n * calls for n, calls in attempts.items())
    assert all(d["in_flight"] == 0 for d in (await stage.health()).values())


async def test_streams_that_are_cut_after_content_are_told_so_and_all_others_are_whole(house):
    cuts = (
        Fault("cut_mid_stream", every=3, after_events=4),
        Fault("reset_mid_stream", every=4, after_events=9),
        Fault("end_mid_stream", every=5, after_events=14),
    )
    sims = [await house.sim(output_tokens=TOKENS, tokens_per_s=400.0, faults=cuts) for _ in range(4)]
    stage = await _stage(house, sims, 30.0)  # nothing hangs here, so no slow machine is a fault
    ends = Counter()

    def check(reply, text):
        whole = said(text, sims[0].service.profile)
        is_broken = "error" in reply.finishes
        ends[is_broken] += 1
        if is_broken:
            check_broken(reply, whole)
            assert reply.error_type == "provider_unavailable"
        else:
            check_complete(reply, whole)

    await _clients(stage, iter(range(0, 1000, 2)), check)
    assert ends[True] > 50 and ends[False] > 50
