"""Any cutting of a stream's bytes gives the same chunks."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.openai_responses import Decoder

Json = dict[str, Any]

ITEM = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"}
CALL = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "a\u00e9", "annotations": []}]}
EVENTS: list[Json] = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "a\u00e9"},
    {"type": "response.output_item.done", "output_index": 2, "item": CALL},
    {"type": "response.completed", "response": {"status": "completed", "output": [ITEM, SAID, CALL]}},
]
BODY = "".join(
    f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in EVENTS
).encode()


def decoder() -> Decoder:
    return Decoder(model="m", request_id="r", created=1, quirks=Quirks(), include_usage=True)


@given(st.lists(st.integers(0, len(BODY)), max_size=12), st.booleans())
def test_any_cutting_gives_the_same_chunks(places: list[int], crlf: bool) -> None:
    body = BODY.replace(b"\n", b"\r\n") if crlf else BODY
    whole, cut = decoder(), decoder()
    expected = [chunk.raw for chunk in whole.feed(body) + whole.finish()]
    got: list[bytes] = []
    ends = sorted({min(place, len(body)) for place in places} | {0, len(body)})
    for start, end in pairwise(ends):
        got += [chunk.raw for chunk in cut.feed(body[start:end])]
    got += [chunk.raw for chunk in cut.finish()]
    assert got == expected
    assert (cut.done, cut.usage) == (whole.done, whole.usage)
