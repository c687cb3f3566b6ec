"""Answers and streams for tests of the client's side, judged by OpenAI's types and the specification."""

import orjson
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.unit.dialects.openai_responses.compliance import check, check_event, events_of

from xroute.dialects.openai_responses.parse import parse
from xroute.wire.chunk import Chunk

EVENTS = TypeAdapter(ResponseStreamEvent)
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.25,
}
SIGNED = {
    "type": "reasoning.text",
    "text": "hm",
    "signature": "s",
    "format": "anthropic-claude-v1",
    "index": 0,
}
OWN = "openai-responses-v1"


def call_of(**more):
    return parse(orjson.dumps({"model": "m", "input": "Hi"} | more), response_id="resp_0a", now=lambda: 9.0)


def body_of(message, finish="stop", **more):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None} | message,
        "finish_reason": finish,
    }
    return {"id": "c", "created": 1, "model": "up", "choices": [choice], "usage": USAGE} | more


def write(message, finish="stop", call=None, **more):
    response = orjson.loads((call or call_of()).surface.write(body_of(message, finish, **more)))
    if call is None or "custom" not in repr(call.body):
        check(response)
    Response.model_validate(response)
    return response


def chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish} | more
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}
    return Chunk(orjson.dumps(body))


def stream(*deltas, finish="stop", call=None):
    """The events of a stream, checked, and the response at its end."""
    encoder = (call or call_of(stream=True)).surface.encoder("req-1", 1)
    raw = b"".join(encoder.feed([chunk(delta)]) for delta in deltas) + encoder.feed([chunk({}, finish)])
    raw += encoder.finish(orjson.dumps({"choices": [], "model": "up", "usage": USAGE}))
    return checked(raw)


def checked(raw):
    events = []
    for number, (name, data) in enumerate(events_of(raw)):
        event = orjson.loads(data)
        assert event["sequence_number"] == number
        EVENTS.validate_python(event)
        if "custom" not in data and "image_generation" not in data:
            check_event(name, event)
        events.append(event)
    return events


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]
