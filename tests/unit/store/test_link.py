"""The connection to Redis, against a server that sends just the bytes of the test."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import MovedError, RedisError, ResponseError
from redis.exceptions import TimeoutError as Late
from tests.redises import until

from xroute.store.dial import Address
from xroute.store.link import Link


class Peer(asyncio.Protocol):
    """What is at the other end."""

    def __init__(self) -> None:
        self.got = b""
        self.reads = 0
        self.transport: asyncio.Transport | None = None
        self.is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.reads += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def hears(self, data: bytes) -> None:
        await until(lambda: self.got == data)


@asynccontextmanager
async def linked(timeout_s: float = 30.0, **options: object) -> AsyncGenerator[tuple[Link, Peer]]:
    peer = Peer()
    server = await asyncio.get_running_loop().create_server(lambda: peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = Connection(host="127.0.0.1", port=port, socket_timeout=None)
    await connection._connect()  # without the words of a real Redis
    link = Link(connection, timeout_s, **options)  # type: ignore[arg-type]
    await until(lambda: peer.transport is not None)
    try:
        yield link, peer
    finally:
        await link.close()
        await until(lambda: peer.is_over)
        server.close()
        await server.wait_closed()


async def test_answers_come_in_order_however_their_bytes_are_cut() -> None:
    said = b"$5\r\nhe\r\no\r\n+OK\r\n:42\r\n$0\r\n\r\n$-1\r\n$2\r\nhi\r\n"
    for size in range(1, len(said) + 1):
        async with linked() as (link, peer):
            asked = [link.ask(b"?") for _ in range(6)]
            for at in range(0, len(said), size):
                peer.say(said[at : at + size])
                if size < 4:
                    await asyncio.sleep(0)
            assert await asyncio.gather(*asked) == [b"he\r\no", b"OK", b"42", b"", b"-1", b"hi"]


async def test_what_is_asked_in_one_round_of_the_loop_is_one_write() -> None:
    async with linked() as (link, peer):
        asked = [link.ask(b"%d" % number) for number in range(5)]
        await peer.hears(b"01234")
        assert peer.reads == 1
        peer.say(b"+\r\n" * 5)
        await asyncio.gather(*asked)


async def test_what_there_is_to_tell_comes_before_what_was_asked_in_the_same_round() -> None:
    heard = list[bytes]()
    to_tell = [b"T"]

    def fill() -> None:
        while to_tell:
            holder[0].tell(to_tell.pop(), heard.append)

    holder = list[Link]()
    async with linked(fill=fill) as (link, peer):
        holder.append(link)
        asked = link.ask(b"A")
        await peer.hears(b"TA")
        peer.say(b"+told\r\n+asked\r\n")
        assert await asked == b"asked"
        assert heard == [b"told"]


async def test_an_error_is_the_answer_of_one_question() -> None:
    async with linked() as (link, peer):
        one, moved, other = (link.ask(b"?") for _ in range(3))
        peer.say(b"-NOSCRIPT No matching script\r\n-MOVED 3999 10.0.0.7:6381\r\n+OK\r\n")
        assert await other == b"OK"
        with pytest.raises(ResponseError, match="NOSCRIPT"):
            await one
        with pytest.raises(MovedError):
            await moved


async def test_an_error_for_what_was_told_is_the_end() -> None:
    async with linked() as (link, peer):
        link.tell(b"?", lambda _: None)
        other = link.ask(b"?")
        peer.say(b"-OOM command not allowed\r\n")
        with pytest.raises(RedisError, match="OOM"):
            await other
        assert link.lost.done()


async def test_what_is_no_redis_is_the_end() -> None:
    for said in (b"HTTP/1.1 400 Bad Request\r\n", b"$x\r\n", b"+unasked\r\n" * 2, b"*1\r\n"):
        async with linked() as (link, peer):
            asked = link.ask(b"?")
            peer.say(said)
            await asyncio.wait([link.lost], timeout=30)
            assert link.lost.done()
            await asyncio.gather(asked, return_exceptions=True)


async def test_a_closed_connection_fails_every_question_and_every_later_one() -> None:
    async with linked() as (link, peer):
        asked = [link.ask(b"?") for _ in range(3)]
        await asyncio.sleep(0)
        assert peer.transport is not None
        peer.transport.close()
        for each in asked:
            with pytest.raises(Lost):
                await each
        with pytest.raises(Lost):
            await link.ask(b"?")


async def test_the_first_late_answer_is_the_end() -> None:
    async with linked(timeout_s=0.05) as (link, peer):
        first = link.ask(b"?", 60.0)
        second = link.ask(b"?")
        with pytest.raises(Late):
            await second
        with pytest.raises(Late):
            await first
        peer.say(b"+too late\r\n")
        await asyncio.sleep(0)


async def test_an_answer_that_came_while_the_loop_was_busy_is_not_late() -> None:
    import time

    async with linked(timeout_s=1.0) as (link, peer):
        asked = link.ask(b"?")
        await peer.hears(b"?")
        peer.say(b"+OK\r\n")
        await asyncio.sleep(0)
        time.sleep(1.1)
        assert await asked == b"OK"
        await asyncio.sleep(0.1)
        assert not link.lost.done()


async def test_who_has_gone_is_not_told_but_somebody_is() -> None:
    heard = list[bytes]()
    async with linked() as (link, peer):
        asked = link.ask(b"?", unwanted=heard.append)
        asked.cancel()
        other = link.ask(b"?")
        peer.say(b"+late\r\n+OK\r\n")
        assert await other == b"OK"
        assert heard == [b"late"]


def test_an_address_follows_a_cluster_and_comes_back() -> None:
    from xroute.config.secret import Secret

    address = Address(Secret("redis://:hunter2@one:7000/0"))
    address.follow(MovedError("3999 two:7001"))
    assert address.shown == "two:7001"
    address.follow(MovedError("3999 :7002"))
    assert address.shown == "one:7002"
    address.follow(Lost("gone"))
    assert address.shown == "one:7000"
    assert Address(Secret("unix:///run/redis.sock")).shown == "unix:///run/redis.sock"
