"""The load of `xroute bench`: what it counts, and what it calls an error."""

import asyncio
from collections.abc import Sequence

import pytest

from xroute.cli.load import Result, Sample, Work, run, summary
from xroute.errors import ConfigError, ConnectError
from xroute.wire.http import Target, Timeouts

ANSWER = b'{"choices": [], "usage": {"completion_tokens": 7}}'
CHUNKS = [
    b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n',
    b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\n',
    b'data: {"choices": [], "usage": {"completion_tokens": 5}}\n\ndata: [DONE]\n\n',
]


class Scripted:
    """An exchange that gives these pieces."""

    def __init__(self, pieces: Sequence[bytes], status: int = 200) -> None:
        self.status = status
        self.headers: dict[str, str] = {}
        self.closed = False
        self._pieces = list(pieces)

    async def read(self, limit: int) -> bytes:
        return b"".join(self._pieces)

    async def chunk(self, timeout_s: float | None) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self.closed = True


class Endpoint:
    """A transport that answers each call with the next of its answers; None is a refused connection."""

    def __init__(self, answers: Sequence[Scripted | None], hang: bool = False) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[Target, bytes]] = []
        self.hang = hang

    async def send(self, method: str, target: Target, body: bytes, timeouts: Timeouts) -> Scripted:
        self.sent.append((target, body))
        if self.hang:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectError("refused")
        return answer

    async def close(self) -> None:
        """Nothing is open."""


def work(calls: int, *, stream: bool = False, url: str = "http://h/v1", seconds: float = 5) -> Work:
    return Work(url, "sk-secret", "m", calls, concurrency=2, stream=stream, max_tokens=8, seconds=seconds)


async def test_answers_are_counted_with_their_tokens():
    endpoint = Endpoint([Scripted([ANSWER]) for _ in range(3)])
    result = await run(work(3), endpoint)
    assert [sample.tokens for sample in result.samples] == [7, 7, 7]
    assert len(endpoint.sent) == 3
    assert endpoint.sent[0][0].url == "http://h/v1/chat/completions"
    assert ("authorization", "Bearer sk-secret") in endpoint.sent[0][0].headers


async def test_a_stream_has_a_time_to_first_token():
    answer = Scripted(CHUNKS)
    result = await run(work(1, stream=True), Endpoint([answer]))
    (sample,) = result.samples
    assert sample.tokens == 5
    assert sample.ttft_s is not None
    assert sample.ttft_s <= sample.latency_s
    assert answer.closed


@pytest.mark.parametrize(
    ("answer", "stream", "error"),
    [
        (None, False, "refused"),
        (Scripted([b'{"error": {"message": "slow down"}}'], 429), False, "status 429: slow down"),
        (Scripted([b"<html>"], 502), False, "status 502: <html>"),
        (Scripted([b"<html>"]), False, "the answer is not JSON"),
        (Scripted(CHUNKS[:2]), True, "the stream ended without [DONE]"),
        (Scripted([b'data: {"error": {"message": "cut"}}\n\n']), True, "an error in the stream: cut"),
    ],
)
async def test_what_is_no_answer_is_an_error(answer: Scripted | None, stream: bool, error: str):
    result = await run(work(1, stream=stream), Endpoint([answer]))
    assert (result.samples, dict(result.errors)) == ([], {error: 1})


async def test_it_ends_when_the_time_is_up():
    result = await run(work(5, seconds=0.01), Endpoint([], hang=True))
    assert dict(result.errors) == {"not finished in time": 5}


async def test_an_address_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="--url"):
        await run(work(1, url="ftp://h"), Endpoint([]))


def test_the_key_is_not_in_the_repr():
    assert "sk-secret" not in repr(work(1))


def test_quantiles_are_those_of_the_samples():
    result = Result([Sample(n / 1000, n / 2000, 1) for n in range(1, 101)], elapsed_s=2.0)
    figures = summary(result)
    assert figures["latency median, ms"] == 51.0
    assert figures["latency p95, ms"] == 96.0
    assert figures["latency p99, ms"] == 100.0
    assert figures["time to first token median, ms"] == 25.5
    assert figures["calls per second"] == 50.0


def test_without_samples_there_are_no_quantiles():
    assert "latency median, ms" not in summary(Result())
