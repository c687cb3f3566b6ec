"""Idempotency-Key: one call for one key and body, whoever asks again and however it ends."""

import asyncio

import pytest

from xroute.dialects.openai.surface import CHAT
from xroute.errors import Conflict, InvalidRequest, ProviderUnavailable
from xroute.gateway.replay import KEEP_S, MAX_ANSWER, MAX_ENTRIES, Replays
from xroute.wire.call import Call

NAME = ("bench", "order-17")
BODY = b'{"model":"m"}'


class Client:
    """A reply that remembers what it was given."""

    def __init__(self):
        self.request_id = f"req-{id(self):x}"
        self.started = self.last_write = self.writing_since = 0.0
        self.opened = False
        self.status = 0
        self.headers = []
        self.data = b""
        self.ended = False

    async def answer(self, status, headers, body, media="application/json"):
        self.opened = self.ended = True
        self.status, self.headers, self.data = status, headers, body

    async def open(self, headers):
        self.opened, self.status, self.headers = True, 200, headers

    async def write(self, data):
        self.data += data

    def nudge(self, data):
        self.data += data

    async def end(self):
        self.ended = True


class Provider:
    """Makes calls and counts them; a stream waits for `go` between its parts."""

    def __init__(self, *parts, error=None):
        self.parts = parts
        self.error = error
        self.calls = 0
        self.go = asyncio.Event()

    async def whole(self, call, reply):
        self.calls += 1
        await self.go.wait()
        if self.error:
            raise self.error
        await reply.answer(
            200, [f"x-request-id: {reply.request_id}", "x-xroute-cost: 1"], b"".join(self.parts)
        )
        return True

    async def stream(self, call, reply):
        self.calls += 1
        await reply.open([f"x-request-id: {reply.request_id}"])
        await reply.write(self.parts[0])
        await self.go.wait()
        if self.error:
            raise self.error
        for part in self.parts[1:]:
            await reply.write(part)
        await reply.end()
        return b"error" not in self.parts[-1]


def asked(stream):
    return Call({}, ("m",), CHAT, stream=stream)


async def ask(replays, call, *, stream=False, name=NAME, body=BODY):
    client = Client()
    await replays.once(name, body, client, asked(stream), call)
    return client


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_repeat_reads_the_stored_answer_under_its_own_request_id():
    replays, provider = Replays(), Provider(b"hello")
    provider.go.set()
    first, again = await ask(replays, provider.whole), await ask(replays, provider.whole)
    assert provider.calls == 1
    assert (again.status, again.data) == (first.status, first.data) == (200, b"hello")
    assert dict(line.split(": ") for line in again.headers) == {
        "x-request-id": again.request_id,
        "x-xroute-replayed": "true",
        "x-xroute-cost": "1",
    }
    assert "x-xroute-replayed: true" not in first.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_repeats_of_a_call_under_way_are_attached_to_it(stream):
    replays, provider = Replays(), Provider(b"a", b"b", b"c")
    call = provider.stream if stream else provider.whole
    asked = [asyncio.create_task(ask(replays, call, stream=stream)) for _ in range(5)]
    await settle()
    assert provider.calls == 1
    provider.go.set()
    clients = await asyncio.gather(*asked)
    assert provider.calls == 1
    assert {client.data for client in clients} == {b"abc"}
    assert all(client.ended for client in clients)


async def test_a_follower_gets_what_was_there_before_it_came_and_all_that_follows():
    replays, provider = Replays(), Provider(b"a", b"b")
    first = asyncio.create_task(ask(replays, provider.stream, stream=True))
    await settle()
    late = Client()
    follows = asyncio.create_task(replays.once(NAME, BODY, late, asked(True), provider.stream))
    await settle()
    assert late.data == b"a" and not late.ended
    provider.go.set()
    await asyncio.gather(first, follows)
    assert late.data == b"ab" and late.ended


async def test_the_same_key_with_another_body_is_a_conflict():
    replays, provider = Replays(), Provider(b"hello")
    provider.go.set()
    await ask(replays, provider.whole)
    with pytest.raises(Conflict) as caught:
        await ask(replays, provider.whole, body=b'{"model":"n"}')
    assert caught.value.status == 409
    assert provider.calls == 1


async def test_keys_of_different_clients_are_different_keys():
    replays, provider = Replays(), Provider(b"hello")
    provider.go.set()
    await ask(replays, provider.whole)
    await ask(replays, provider.whole, name=("other", NAME[1]), body=b"{}")
    assert provider.calls == 2


async def test_a_failed_call_is_told_to_all_who_wait_and_may_be_tried_again():
    replays, provider = Replays(), Provider(b"hello", error=ProviderUnavailable("no"))
    asked = [asyncio.create_task(ask(replays, provider.whole)) for _ in range(3)]
    await settle()
    provider.go.set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(end) for end in ends] == [ProviderUnavailable] * 3
    assert provider.calls == 1
    provider.error = None
    assert (await ask(replays, provider.whole)).data == b"hello"


@pytest.mark.parametrize("stream", [False, True])
async def test_when_the_first_client_leaves_before_any_answer_the_next_makes_the_call(stream):
    replays, provider = Replays(), Provider(b"hello")

    async def slow(call, reply):
        provider.calls += 1
        await provider.go.wait()
        await (reply.open([]) if stream else reply.answer(200, [], b"hello"))
        if stream:
            await reply.write(b"hello")
            await reply.end()
        return True

    first = asyncio.create_task(ask(replays, slow, stream=stream))
    await settle()
    second = asyncio.create_task(ask(replays, slow, stream=stream))
    await settle()
    first.cancel()
    await settle()
    assert provider.calls == 2
    provider.go.set()
    assert (await second).data == b"hello"


async def test_a_stream_whose_first_client_leaves_is_told_as_broken_to_its_followers():
    replays, provider = Replays(), Provider(b"data: 1\n\n", b"data: 2\n\n")
    first = asyncio.create_task(ask(replays, provider.stream, stream=True))
    await settle()
    follower = asyncio.create_task(ask(replays, provider.stream, stream=True))
    await settle()
    first.cancel()
    told = (await follower).data
    assert told.startswith(b"data: 1\n\n") and b"data: 2" not in told
    assert b'"finish_reason":"error"' in told and told.endswith(b"data: [DONE]\n\n")


async def test_a_stream_that_ended_in_an_error_is_not_kept():
    replays, provider = (
        Replays(),
        Provider(b"data: 1\n\n", b'data: {"finish_reason":"error"}\n\ndata: [DONE]\n\n'),
    )
    provider.go.set()
    await ask(replays, provider.stream, stream=True)
    await ask(replays, provider.stream, stream=True)
    assert provider.calls == 2


async def test_an_answer_is_kept_for_a_day():
    now = 1000.0
    replays, provider = Replays(lambda: now), Provider(b"hello")
    provider.go.set()
    await ask(replays, provider.whole)
    now += KEEP_S - 1
    await ask(replays, provider.whole)
    assert provider.calls == 1
    now += 2
    await ask(replays, provider.whole)
    assert provider.calls == 2


async def test_an_answer_too_large_to_keep_is_given_once_and_the_call_made_again():
    replays, provider = Replays(), Provider(b"x" * (MAX_ANSWER + 1))
    provider.go.set()
    assert len((await ask(replays, provider.whole)).data) == MAX_ANSWER + 1
    await ask(replays, provider.whole)
    assert provider.calls == 2


async def test_the_oldest_answers_go_when_there_are_too_many():
    replays, provider = Replays(), Provider(b"hello")
    provider.go.set()
    for number in range(MAX_ENTRIES + 5):
        await ask(replays, provider.whole, name=("bench", f"k{number}"))
    made = provider.calls
    await ask(replays, provider.whole, name=("bench", f"k{MAX_ENTRIES + 4}"))
    assert provider.calls == made
    await ask(replays, provider.whole, name=("bench", "k0"))
    assert provider.calls == made + 1


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_of_odd_length_is_refused(key):
    with pytest.raises(InvalidRequest, match="1 to 255"):
        await ask(Replays(), Provider(b"x").whole, name=("bench", key))
