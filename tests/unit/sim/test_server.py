"""The simulator's server, spoken to by hand over a socket."""

import asyncio
import os
import signal
import socket
import sys

import orjson
import pytest
import uvloop
from openai import APIStatusError, AsyncOpenAI
from tests.unit.sim.asking import HELLO
from tests.unit.sim.carriers import LONG_S, encode, receive, serving

from xroute.errors import ConfigError
from xroute.sim.connection import BODY_LIMIT
from xroute.sim.plan import Profile, parse_fault
from xroute.sim.server import run


def failing(*faults):
    return Profile(faults=tuple(map(parse_fault, faults)))


async def connect(server):
    return await asyncio.open_connection("127.0.0.1", server.port)


async def stats(server):
    return orjson.loads((await server.fetch(path="/sim/stats", method="GET")).body)


async def until(condition):
    """Waits until an awaited condition holds, and fails if it never does."""
    async with asyncio.timeout(LONG_S):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_one_connection_serves_many_requests():
    async with serving() as server:
        reader, writer = await connect(server)
        for stream in (False, True, False):
            writer.write(encode(stream=stream))
            outcome = await receive(reader)
            assert (outcome.status, outcome.ending) == (200, "end")
        writer.close()


async def test_requests_sent_together_are_answered_in_their_order():
    async with serving(Profile(tokens_per_s=2000)) as server:
        reader, writer = await connect(server)
        writer.write(b"".join(encode(model=f"m{i}", stream=i % 2 == 1) for i in range(6)))
        for i in range(6):
            assert b'"model":"m%d"' % i in (await receive(reader)).body
        writer.close()


async def test_a_request_may_come_byte_by_byte():
    async with serving() as server:
        reader, writer = await connect(server)
        for byte in encode():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await receive(reader)).status == 200
        writer.close()


async def test_a_request_may_be_chunked():
    body = orjson.dumps({"model": "m", "messages": HELLO})
    async with serving() as server:
        reader, writer = await connect(server)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 10):
            part = body[start : start + 10]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")
        assert (await receive(reader)).status == 200
        writer.close()


async def test_a_client_of_http_1_0_reads_to_the_end_of_the_connection():
    async with serving() as server:
        reader, writer = await connect(server)
        writer.write(encode(stream=True).replace(b"HTTP/1.1", b"HTTP/1.0"))
        outcome = await receive(reader)
        assert "transfer-encoding" not in outcome.headers
        assert outcome.body.endswith(b"data: [DONE]\n\n")
        writer.close()


async def test_a_client_that_wants_to_close_is_closed():
    async with serving() as server:
        reader, writer = await connect(server)
        writer.write(encode(headers={"Connection": "close"}))
        assert (await receive(reader)).headers["connection"] == "close"
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_waits_is_told_to_continue():
    async with serving() as server:
        reader, writer = await connect(server)
        head, body = encode(headers={"Expect": "100-continue"}).split(b"\r\n\r\n", 1)
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await receive(reader)).status == 200
        writer.close()


async def test_a_body_beyond_the_limit_is_refused_and_the_connection_stays():
    async with serving() as server:
        reader, writer = await connect(server)
        writer.write(encode(user="x" * BODY_LIMIT))
        assert (await receive(reader)).status == 413
        writer.write(encode())
        assert (await receive(reader)).status == 200
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000,
    ],
)
async def test_what_is_not_http_is_refused_and_closed(data):
    async with serving() as server:
        reader, writer = await connect(server)
        writer.write(data)
        assert (await reader.read(9)).startswith(b"HTTP/1.1 ")
        writer.close()


async def test_an_answer_stops_when_its_client_goes():
    async with serving(failing("hang_mid_stream")) as server:
        reader, writer = await connect(server)
        writer.write(encode(stream=True))
        await reader.readuntil(b"\r\n\r\n")
        assert (await stats(server))["open"] == 1
        writer.close()

        async def has_stopped():
            return (await stats(server))["open"] == 0

        await until(has_stopped)


async def test_a_slow_reader_slows_the_answer_down():
    async with serving(failing("huge_answer:size=30000000")) as server:
        reader, writer = await connect(server)
        writer.write(encode(stream=True))
        await reader.readuntil(b"\r\n\r\n")
        assert (await stats(server))["open"] == 1
        outcome = bytearray()
        while not outcome.endswith(b"0\r\n\r\n"):
            outcome += await reader.read(1 << 20)
        assert len(outcome) > 30_000_000
        writer.close()


async def can_connect(server):
    try:
        _, writer = await connect(server)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_an_outage_refuses_connections():
    async with serving(failing("refuse:from=0,to=1000")) as server:

        async def is_refused():
            return not await can_connect(server)

        await until(is_refused)


async def test_connections_are_taken_again_after_an_outage():
    async with serving(failing("refuse:from=0,to=0.2")) as server:

        async def answers():
            return await can_connect(server) and (await server.fetch()).status == 200

        await until(answers)


async def test_an_outage_resets_the_connections_that_idle():
    async with serving(failing("refuse:from=1.5,to=1000")) as server:
        reader, writer = await connect(server)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), LONG_S)
        writer.close()


async def test_the_stats_count_faults_by_kind():
    async with serving(failing("status_429:every=2", "empty_200:every=3")) as server:
        for _ in range(6):
            await server.fetch()
        found = await stats(server)
        assert (found["completions"], found["faults"]) == (6, {"status_429": 3, "empty_200": 1})


async def test_it_is_healthy_whatever_fails():
    async with serving(failing("status_500:from=0")) as server:
        assert (await server.fetch(path="/healthz", method="GET")).status == 200
        assert (await server.fetch(path="/v1/models", method="GET")).status == 500


async def test_an_openai_client_is_answered():
    async with serving() as server:
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="any", max_retries=0)
        async with client:
            assert [model.id async for model in client.models.list()] == ["sim"]
            whole = await client.chat.completions.create(model="gpt-5", messages=HELLO)
            text = ""
            async for chunk in await client.chat.completions.create(
                model="gpt-5", messages=HELLO, stream=True
            ):
                text += chunk.choices[0].delta.content or ""
            assert text == whole.choices[0].message.content
            with pytest.raises(APIStatusError) as caught:
                await client.chat.completions.create(model="gpt-5#fault=status_529", messages=HELLO)
            assert caught.value.status_code == 529


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_faults_are_the_same_on_every_event_loop(loop):
    async def fetch(fault):
        async with serving(failing(fault)) as server:
            outcome = await server.fetch(stream=True)
            return outcome.ending, outcome.body.count(b"\n\n")

    expected = {
        "reset_mid_stream:after=5": ("reset", 5),
        "cut_mid_stream:after=5": ("cut", 5),
        "end_mid_stream:after=5": ("end", 5),
        "refuse:p=1": ("refused", 0),
    }
    with asyncio.Runner(loop_factory=loop) as runner:
        assert {fault: runner.run(fetch(fault)) for fault in expected} == expected


def test_a_taken_port_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: "):
            run("127.0.0.1", port, Profile())


async def test_it_says_where_it_is_and_ends_quietly_on_an_interrupt():
    code = (
        "from xroute.sim.plan import Profile, parse_fault\n"
        "from xroute.sim.server import run\n"
        "run('127.0.0.1', 0, Profile(faults=(parse_fault('status_500:every=3'),)))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    line = await asyncio.wait_for(process.stdout.readline(), LONG_S)
    assert line.startswith(b"xroute simulator on http://127.0.0.1:")
    assert line.endswith(b"/v1 - faults: status_500:every=3\n")
    os.kill(process.pid, signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), LONG_S)
    assert (process.returncode, out, err) == (0, b"", b"")
