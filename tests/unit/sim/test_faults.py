"""Every fault, through the transport and over a real socket."""

from pathlib import Path

import orjson
import pytest
from tests.unit.sim.carriers import Process, Socket, serving

from xroute.sim.plan import KINDS, STATUSES, Profile, parse_fault
from xroute.wire.sse import Parser

DONE = b"data: [DONE]\n\n"
BRIEF_S = 0.3  # how long the tests of a hang wait to see one
PART_S = 1.5  # and of one behind a part of the answer, which has to come meanwhile
ERRORS = {f"status_{status}": status for status in STATUSES} | {
    "context_length_exceeded": 400,
    "content_policy_violation": 400,
    "insufficient_quota": 429,
}


@pytest.fixture(params=["process", "socket"])
def meet(request):
    """Fetches once from a simulator that has one fault."""

    async def fetch(fault, **body):
        profile = Profile(faults=(parse_fault(fault),) if fault else ())
        if request.param == "process":
            return await Process(profile).fetch(**body)
        async with serving(profile) as socket:
            assert isinstance(socket, Socket)
            return await socket.fetch(**body)

    return fetch


def events(outcome):
    """(whole events as objects, the bytes behind them)."""
    *blocks, rest = outcome.body.split(b"\n\n")
    return [block.removeprefix(b"data: ") for block in blocks], rest


def text(datas):
    choices = [orjson.loads(data)["choices"] for data in datas if data != b"[DONE]"]
    return "".join(choice[0]["delta"].get("content") or "" for choice in choices if choice)


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_fault_the_answer_is_whole(meet, stream):
    outcome = await meet("", stream=stream)
    assert (outcome.status, outcome.ending) == (200, "end")
    assert outcome.body.endswith(DONE) == stream


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_status_comes_in_openais_shape(meet, kind, stream):
    outcome = await meet(kind, stream=stream)
    error = orjson.loads(outcome.body)["error"]
    assert outcome.ending == "end"
    assert (
        outcome.status == int(kind.removeprefix("status_"))
        if kind.startswith("status_")
        else 400 <= outcome.status < 430
    )
    assert set(error) == {"message", "type", "param", "code"}
    assert outcome.headers["content-type"] == "application/json"
    assert ("retry-after" in outcome.headers) == (kind == "status_429")
    assert kind.startswith("status_") or error["code"] == kind


async def test_a_fault_sets_the_time_to_wait(meet):
    assert (await meet("status_429:retry_after=7")).headers["retry-after"] == "7"
    assert (await meet("status_503:retry_after=2")).headers["retry-after"] == "2"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_connection_gives_no_byte(meet, stream):
    outcome = await meet("refuse:p=1", stream=stream)
    assert (outcome.status, outcome.body, outcome.ending) == (0, b"", "refused")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hang_before_the_headers_gives_no_byte(meet, stream):
    outcome = await meet("hang_before_headers", stream=stream, patience_s=BRIEF_S)
    assert (outcome.status, outcome.ending) == (0, "hang")


async def test_a_hang_in_mid_stream_follows_the_given_number_of_events(meet):
    outcome = await meet("hang_mid_stream:after=5", stream=True, patience_s=PART_S)
    found, rest = events(outcome)
    assert (outcome.ending, len(found), rest) == ("hang", 5, b"")


async def test_a_body_hangs_in_its_middle(meet):
    outcome = await meet("hang_mid_stream", patience_s=PART_S)
    assert (outcome.status, outcome.ending) == (200, "hang")


@pytest.mark.parametrize("fault", ["hang_before_headers:for=0.05", "hang_mid_stream:for=0.05"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_hang_that_lasts_goes_on(meet, fault, stream):
    outcome, right = await meet(fault, stream=stream), await meet("", stream=stream)
    assert (outcome.ending, outcome.body) == ("end", right.body)


async def test_a_cut_in_mid_stream_is_in_the_middle_of_an_event(meet):
    outcome = await meet("cut_mid_stream:after=4", stream=True)
    found, rest = events(outcome)
    assert (outcome.ending, len(found)) == ("cut", 4)
    assert rest.startswith(b"data: {")


async def test_a_cut_body_is_shorter_than_it_said(meet):
    outcome = await meet("cut_mid_stream")
    assert outcome.ending == "cut"
    assert 0 < len(outcome.body) < int(outcome.headers["content-length"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reset_in_mid_stream_comes_after_the_head(meet, stream):
    outcome = await meet("reset_mid_stream:after=2", stream=stream)
    assert (outcome.status, outcome.ending in ("reset", "cut")) == (200, True)
    assert DONE not in outcome.body


async def test_a_stream_that_ends_early_ends_properly(meet):
    outcome = await meet("end_mid_stream:after=4", stream=True)
    found, rest = events(outcome)
    assert (outcome.ending, len(found), rest) == ("end", 4, b"")


async def test_no_mid_stream_fault_waits_for_the_end_of_the_content(meet):
    outcome = await meet("end_mid_stream:after=999", stream=True, stream_options={"include_usage": True})
    reasons = [orjson.loads(data)["choices"][0]["finish_reason"] for data in events(outcome)[0]]
    assert set(reasons) == {None}


async def test_a_fault_after_no_event_leaves_the_head_alone(meet):
    outcome = await meet("end_mid_stream:after=0", stream=True)
    assert (outcome.status, outcome.body, outcome.ending) == (200, b"", "end")


async def test_an_error_event_ends_a_stream(meet):
    found, rest = events(await meet("error_event:after=3", stream=True))
    assert (len(found), rest) == (4, b"")
    assert orjson.loads(found[-1])["error"]["type"] == "server_error"


async def test_an_error_may_stand_in_an_answer_with_status_200(meet):
    outcome = await meet("error_event")
    assert (outcome.status, outcome.ending) == (200, "end")
    assert "error" in orjson.loads(outcome.body)


async def test_one_event_of_a_stream_is_malformed_json(meet):
    outcome = await meet("malformed_json:after=3", stream=True)
    found, _ = events(outcome)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(found[3])
    assert text([*found[:3], *found[4:]])
    assert outcome.body.endswith(DONE)


async def test_a_body_of_malformed_json_ends_properly(meet):
    outcome = await meet("malformed_json")
    assert outcome.ending == "end"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(outcome.body)


async def test_a_malformed_stream_holds_no_event_behind_its_break(meet):
    outcome = await meet("malformed_sse:after=3", stream=True)
    assert (outcome.ending, len(Parser().feed(outcome.body))) == ("end", 3)
    assert b"upstream error" in outcome.body


async def test_a_malformed_body_is_events_that_nobody_asked_for(meet):
    outcome = await meet("malformed_sse")
    assert outcome.body.startswith(b"data: {")
    assert outcome.headers["content-type"] == "application/json"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_content_type_is_a_page(meet, stream):
    outcome = await meet("wrong_content_type", stream=stream)
    assert (outcome.status, outcome.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert outcome.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_200_has_no_body(meet, stream):
    outcome = await meet("empty_200", stream=stream)
    assert (outcome.status, outcome.body, outcome.ending) == (200, b"", "end")


async def test_an_empty_stream_is_done_at_once(meet):
    assert (await meet("empty_stream", stream=True)).body == DONE
    assert orjson.loads((await meet("empty_stream")).body)["choices"] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_one_byte_chunks_are_the_right_answer(meet, stream):
    outcome, right = await meet("one_byte_chunks", stream=stream), await meet("", stream=stream)
    assert outcome.body == right.body
    if stream:
        assert outcome.pieces == len(right.body)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_trickle_is_the_right_answer_in_pieces(meet, stream):
    outcome, right = (
        await meet("slow_trickle:size=400,pause=0.001", stream=stream),
        await meet("", stream=stream),
    )
    assert outcome.body == right.body
    if stream:
        assert outcome.pieces >= len(right.body) / 400


async def test_a_huge_body_is_right_and_huge(meet):
    outcome = await meet("huge_answer:size=300000")
    body = orjson.loads(outcome.body)
    assert len(body["choices"][0]["message"]["content"]) > 300_000


async def test_a_huge_body_of_a_tool_call_is_right_and_huge(meet):
    tools = [{"type": "function", "function": {"name": "f"}}]
    outcome = await meet("huge_answer:size=300000", tools=tools)
    assert orjson.loads(outcome.body)["choices"][0]["finish_reason"] == "tool_calls"
    assert len(outcome.body) > 300_000


async def test_a_huge_stream_is_right_and_huge(meet):
    outcome = await meet("huge_answer:size=300000", stream=True)
    found, rest = events(outcome)
    assert (outcome.ending, rest, found[-1]) == ("end", b"", b"[DONE]")
    assert len(outcome.body) > 300_000
    assert text(found)


async def test_every_fault_leaves_a_refusal_a_refusal_or_breaks_it(meet):
    for kind in sorted(KINDS):
        outcome = await meet(f"{kind}:pause=0,size=64000,for=0", messages=[])
        assert outcome.status != 200 or kind in ("wrong_content_type", "empty_200"), kind


def test_every_fault_is_met_somewhere_in_these_tests():
    source = Path(__file__).read_text()
    assert [kind for kind in KINDS if kind not in ERRORS and f'"{kind}' not in source] == []
