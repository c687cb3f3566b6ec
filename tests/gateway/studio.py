"""A gateway with two providers of one model, in turn, and OpenAI's client in front of it."""

import openai
import orjson
import pytest
from tests.gateway.scripted import chunked, scripting
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY

WAV = b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\r\n--x" * 50


@pytest.fixture
async def first():
    async with scripting() as upstream:
        yield upstream


@pytest.fixture
async def second():
    async with scripting() as upstream:
        yield upstream


@pytest.fixture
async def stage(first, second, tmp_path):
    providers = {"one": provider(first.url, ("up", "m")), "two": provider(second.url, ("down", "m"))}
    settings = {
        "providers": providers,
        "routing": {"strategy": "order"},
        "prices": {"one/up": {"input": 2.5, "output": 10, "audio_in": 6, "image_in": 8, "image_out": 32}},
    }
    async with running(tmp_path, settings) as stage:
        yield stage


@pytest.fixture
async def client(stage):
    async with openai.AsyncOpenAI(
        api_key=KEY, base_url=f"http://127.0.0.1:{stage.port}/v1", max_retries=0
    ) as client:
        yield client


def events(*bodies: dict, end: bytes = b"0\r\n\r\n") -> bytes:
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return start + b"".join(chunked(b"data: %b\n\n" % orjson.dumps(body)) for body in bodies) + end


def sound(*pieces: bytes, media: str = "audio/mpeg", end: bytes = b"0\r\n\r\n") -> bytes:
    start = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return start + b"".join(map(chunked, pieces)) + end
