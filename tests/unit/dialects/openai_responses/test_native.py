"""A client and a deployment that both speak the Responses API: their bytes pass."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.openai.surface import CHAT
from xroute.dialects.openai_responses import native
from xroute.errors import CutError
from xroute.wire.call import Call
from xroute.wire.usage import Usage

Json = dict[str, Any]

GIVEN: Json = {"model": "o3-pro", "request_id": "req1", "created": 5, "quirks": Quirks()}
SAID = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
CALLED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESPONSE: Json = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "output": [SAID],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


CREATED = event("response.created", response={**RESPONSE, "status": "in_progress", "output": []})
DELTA = event("response.output_text.delta", delta="h\\u00e9", output_index=0)
END = event("response.completed", response=RESPONSE)


def decoder() -> native.Decoder:
    return native.Decoder(**GIVEN, include_usage=False)


def test_the_clients_bytes_go_out_with_the_deployments_model() -> None:
    raw = b'{"model": "a",  "input": "x", "future": 1.0}'
    call = Call(body=json.loads(raw), models=("a",), surface=CHAT, raw=raw)
    assert native.encode(call, upstream="b", quirks=Quirks()) == raw.replace(b'"a"', b'"b"')


def test_a_providers_quirks_hold_for_them_too() -> None:
    raw = b'{"model": "a", "input": "x", "user": "u", "truncation": "auto"}'
    call = Call(body=json.loads(raw), models=("a",), surface=CHAT, raw=raw)
    quirks = Quirks(drop=frozenset({"user"}), rename={"truncation": "cut"}, force={"store": False})
    sent = json.loads(native.encode(call, upstream="b", quirks=quirks))
    assert sent == {"model": "b", "input": "x", "cut": "auto", "store": False}


def test_an_answer_goes_on_as_it_came() -> None:
    raw = json.dumps(RESPONSE, indent=1).encode()
    answer = native.decode(raw, **GIVEN)
    assert (answer.raw, answer.usage, answer.content) == (raw, Usage(3, 2), True)


def test_work_in_the_background_is_an_answer_for_who_asked_for_it() -> None:
    raw = json.dumps({**RESPONSE, "status": "queued", "output": [], "usage": None}).encode()
    assert native.decode(raw, **GIVEN).content


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", Malformed),
        (b"<html>", Malformed),
        (
            json.dumps({**RESPONSE, "status": "failed", "error": {"code": "x", "message": "y"}}).encode(),
            ErrorBody,
        ),
    ],
)
def test_what_is_no_answer_does_not_go_on(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        native.decode(body, **GIVEN)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_events_go_on_as_they_came(size: int) -> None:
    body = CREATED + DELTA + END
    reader = decoder()
    chunks = [chunk for at in range(0, len(body), size) for chunk in reader.feed(body[at : at + size])]
    chunks += reader.finish()
    assert b"".join(chunk.raw for chunk in chunks) == body
    assert [(chunk.content, chunk.finish) for chunk in chunks] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert (reader.done, reader.usage, reader.finish_reason) == (True, Usage(3, 2), "stop")


def test_the_names_of_events_may_stand_in_the_data_alone() -> None:
    body = b"".join(part.split(b"\n", 1)[1] for part in (CREATED, DELTA, END))
    reader = decoder()
    chunks = reader.feed(body)
    assert b"".join(chunk.raw for chunk in chunks) == body
    assert (reader.done, reader.saw_content) == (True, True)


def test_a_schema_that_speaks_of_errors_is_none() -> None:
    tools = [{"parameters": {"type": "error"}}]
    created = {"response": {**RESPONSE, "tools": tools}, "type": "response.created"}
    reader = decoder()
    chunks = reader.feed(b"data: %b\n\n" % json.dumps(created).encode())
    assert (len(chunks), reader.error, reader.done) == (1, None, False)


@pytest.mark.parametrize(
    "last",
    [
        event("error", code="server_error", message="oh"),
        event("response.failed", response={**RESPONSE, "error": {"code": "server_error", "message": "oh"}}),
    ],
)
def test_errors_are_seen_and_kept_back(last: bytes) -> None:
    reader = decoder()
    assert len(reader.feed(CREATED + DELTA + last)) == 2
    assert reader.error is not None
    assert (reader.error.code, reader.error.message, reader.done) == ("server_error", "oh", False)


def test_a_cut_stream_is_one() -> None:
    reader = decoder()
    reader.feed(CREATED + DELTA)
    with pytest.raises(CutError):
        reader.finish()


def test_calls_and_limits_are_known_from_the_end() -> None:
    reader = decoder()
    reader.feed(event("response.completed", response={**RESPONSE, "output": [CALLED]}))
    assert (reader.finish_reason, reader.saw_content) == ("tool_calls", True)
    reader = decoder()
    reader.feed(event("response.incomplete", response={**RESPONSE, "status": "incomplete"}))
    assert (reader.finish_reason, reader.done) == ("length", True)


def test_plain_json_becomes_a_stream_of_one_event() -> None:
    reader = decoder()
    chunks = reader.feed(json.dumps(RESPONSE).encode()) + reader.finish()
    assert chunks[0].raw.startswith(b"event: response.completed\ndata: {")
    assert (reader.done, reader.saw_content) == (True, True)
