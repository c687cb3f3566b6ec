"""Requests for the simulator, and readings of its answers."""

import orjson

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import script
from xroute.sim.steps import Bytes, Head
from xroute.wire.sse import Parser

HELLO = [{"role": "user", "content": "Say hello."}]
PLAIN = Profile()


def request(headers=None, path="/v1/chat/completions", method="POST", **body):
    body = {"model": "gpt-5", "messages": HELLO, **body}
    return SimRequest(method, path, headers or {}, orjson.dumps(body))


def answer(profile=PLAIN, number=1, t_s=0.0, headers=None, **body):
    """(status, body) of a request, played without a carrier."""
    steps = list(script(request(headers, **body), profile, number, t_s))
    head = next(step for step in steps if isinstance(step, Head))
    return head.status, b"".join(step.data for step in steps if isinstance(step, Bytes))


def completion(profile=PLAIN, headers=None, **body):
    status, data = answer(profile, headers=headers, **body)
    assert status == 200, data
    return orjson.loads(data)


def chunks(profile=PLAIN, headers=None, **body):
    """The decoded events of a stream, without [DONE]."""
    status, data = answer(profile, headers=headers, **body, stream=True)
    assert status == 200, data
    *events, done = Parser().feed(data)
    assert done == b"[DONE]"
    return [orjson.loads(event) for event in events]


def refusal(profile=PLAIN, headers=None, **body):
    """The error object of a request that is refused with 400."""
    status, data = answer(profile, headers=headers, **body)
    assert status == 400, data
    return orjson.loads(data)["error"]


def content(chunks, index=0):
    """The text that a stream's events add up to."""
    choices = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
