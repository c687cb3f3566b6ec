"""What a chat client is given: everything, or everything but the reasoning."""

import json

import pytest

from xroute.dialects.openai.parse import parse
from xroute.wire.chunk import Chunk

SEALED = {"type": "reasoning.encrypted", "data": "x", "format": "f", "index": 1}
TOLD = {"type": "reasoning.text", "text": "hm", "format": "f", "index": 0}


def surface(**more):
    ask = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | more
    return parse(json.dumps(ask).encode()).surface


def chunk(finish=None, **delta):
    body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return Chunk(json.dumps(body, separators=(",", ":")).encode())


def deltas(events):
    found = [json.loads(line[6:]) for line in events.decode().split("\n\n") if line and "[DONE]" not in line]
    return [choice["delta"] for body in found for choice in body["choices"]]


@pytest.mark.parametrize("wish", [{"reasoning": {"exclude": True}}, {"include_reasoning": False}])
def test_who_wants_no_reasoning_gets_none_but_what_the_next_turn_needs(wish):
    said = {"role": "assistant", "content": "17", "reasoning": "hm", "reasoning_content": "hm"}
    said["reasoning_details"] = [TOLD, SEALED]
    body = json.loads(surface(**wish).write({"choices": [{"index": 0, "message": said}]}))
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "17",
        "reasoning_details": [SEALED],
    }


def test_a_quiet_stream_has_no_reasoning_and_no_empty_chunks():
    encoder = surface(reasoning={"exclude": True}).encoder("req", 1)
    events = encoder.feed(
        [chunk(role="assistant", reasoning="h"), chunk(reasoning="m", content="1"), chunk(content="7")]
    )
    events += encoder.feed([chunk(reasoning_details=[SEALED]), chunk("stop", reasoning="!")])
    assert deltas(events) == [{"content": "1"}, {"content": "7"}, {"reasoning_details": [SEALED]}, {}]


def test_others_get_the_chunks_as_they_are():
    given = [chunk(reasoning="h"), chunk(content="7")]
    events = surface().encoder("req", 1).feed(given)
    assert events == b"".join(b"data: %b\n\n" % each.raw for each in given)
