"""The record of what was served agrees with what the client got, however the answer ended."""

import json
import os

import pytest
from tests.unit.sim.asking import HELLO
from tests.unit.sim.carriers import Process, serving

from xroute.errors import ConfigError
from xroute.sim.plan import Profile, parse_fault
from xroute.sim.served import Served

TOKENS = 20


@pytest.fixture
def served(tmp_path):
    return Served(tmp_path / "served")


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "served").read_text().splitlines()]


def profile(fault=None, **more):
    faults = (parse_fault(fault),) if fault else ()
    return Profile(output_tokens=TOKENS, faults=faults, **more)


@pytest.fixture(params=["process", "socket"])
async def carrier(request, served):
    """Calls a simulator of a profile over either carrier, which is gone when it returns."""

    async def call(profile, **asked):
        if request.param == "process":
            return await Process(profile, served).fetch(**asked)
        async with serving(profile, served) as socket:
            return await socket.fetch(**asked)

    return call


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer_is_written_when_it_begins_and_when_it_ends(carrier, tmp_path, stream):
    found = await carrier(profile(), stream=stream, user="u-1", stream_options={"include_usage": True})
    begun, ended = lines(tmp_path)
    assert begun["answer"].encode() in found.body
    usage = b'"prompt_tokens":%d,"completion_tokens":%d' % (begun["prompt_tokens"], TOKENS)
    assert usage in found.body
    assert (begun["event"], begun["user"], begun["stream"], begun["tokens"]) == (
        "begin",
        "u-1",
        stream,
        TOKENS,
    )
    assert (ended["event"], ended["id"], ended["tokens"], ended["how"]) == ("end", begun["id"], TOKENS, "end")
    assert begun["at"] <= ended["at"]


@pytest.mark.parametrize(
    ("fault", "stream", "tokens", "how"),
    [
        ("cut_mid_stream:after=5", True, 4, "cut"),
        ("reset_mid_stream:after=5", True, 4, "reset"),
        ("end_mid_stream:after=5", True, 4, "end"),
        ("error_event:after=5", True, 4, "end"),
        ("empty_stream", True, 0, "end"),
        ("one_byte_chunks", True, TOKENS, "end"),
        ("huge_answer:size=4096", True, TOKENS, "end"),
        ("refuse", True, 0, "reset"),
        ("cut_mid_stream", False, 0, "cut"),
        ("end_mid_stream", False, 0, "end"),
        ("one_byte_chunks", False, TOKENS, "end"),
    ],
)
async def test_a_fault_is_written_with_what_was_sent_before_it(carrier, tmp_path, fault, stream, tokens, how):
    await carrier(profile(fault), stream=stream)
    begun, ended = lines(tmp_path)
    assert begun["tokens"] == TOKENS
    assert (ended["tokens"], ended["how"]) == (tokens, how)


async def test_a_client_that_leaves_is_written_with_what_it_was_sent(carrier, tmp_path):
    found = await carrier(profile("hang_mid_stream:after=7"), stream=True, patience_s=1.5)
    _, ended = lines(tmp_path)
    assert found.ending == "hang"
    assert (ended["tokens"], ended["how"]) == (6, "left")


async def test_what_is_refused_has_no_line(carrier, tmp_path):
    assert (await carrier(profile("status_429"))).status == 429
    assert (await carrier(profile(), messages="none")).status == 400
    assert lines(tmp_path) == []


async def test_a_stream_of_a_dialect_that_tells_its_tokens_later_counts_them_all(served, tmp_path):
    async with serving(profile(), served) as socket:
        asked = {"max_tokens": 50, "stream": True, "messages": HELLO}
        await socket.fetch(path="/v1/messages", **asked)
    assert lines(tmp_path)[-1]["tokens"] == TOKENS


async def test_the_file_goes_on_where_it_ended(tmp_path):
    for _ in range(2):
        await Process(profile(), Served(tmp_path / "served")).fetch()
    assert [line["event"] for line in lines(tmp_path)] == ["begin", "end"] * 2


@pytest.mark.skipif(os.name == "nt", reason="a folder's error is another one there")
def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot write .*directory"):
        Served(tmp_path)
