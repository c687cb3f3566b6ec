"""The same request in every dialect, and how their streams are taken apart."""

import orjson
from botocore.eventstream import EventStreamBuffer

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import script
from xroute.sim.steps import Bytes, Cut, Head
from xroute.wire.sse import Parser

SAY = "Say hello."
_HI = [{"role": "user", "content": SAY}]
_PARTS = [{"role": "user", "parts": [{"text": SAY}]}]
_BLOCKS = {"messages": [{"role": "user", "content": [{"text": SAY}]}]}
_CLAUDE = {"max_tokens": 9999, "messages": _HI}
_GEMINI = "/v1beta/models/{}:generateContent"
_STREAM = "/v1beta/models/{}:streamGenerateContent"

# dialect -> path of a whole answer, path of a stream, body; `{}` stands for the model
ASKS = {
    "openai": ("/v1/chat/completions", "", {"messages": _HI}),
    "anthropic": ("/v1/messages", "", _CLAUDE),
    "vertex": ("/v1/p/models/{}:rawPredict", "/v1/p/models/{}:streamRawPredict", _CLAUDE),
    "invoked": ("/model/{}/invoke", "/model/{}/invoke-with-response-stream", _CLAUDE),
    "gemini": (_GEMINI, _STREAM + "?alt=sse", {"contents": _PARTS}),
    "array": (_GEMINI, _STREAM, {"contents": _PARTS}),
    "responses": ("/v1/responses", "", {"input": SAY}),
    "bedrock": ("/model/{}/converse", "/model/{}/converse-stream", _BLOCKS),
    "cohere": ("/v2/chat", "", {"messages": _HI}),
    "ollama": ("/api/chat", "", {"messages": _HI}),
}
FRAMED = ("bedrock", "invoked")


def steps(dialect, profile=None, *, stream=False, model="m", **more):
    """The steps of an answer."""
    whole, path, body = ASKS[dialect]
    path = (stream and path) or whole
    fields = {**body, **more}
    if "{}" not in path:
        fields |= {"model": model, "stream": stream}
    quoted = model.replace("#", "%23").replace("=", "%3D").replace("&", "%26")
    raw = orjson.dumps(fields)
    return list(script(SimRequest("POST", path.replace("{}", quoted), {}, raw), profile or Profile(), 1, 0.0))


def ask(dialect, profile=None, **more):
    """(head, bytes) of an answer; of a cut one, what is announced last is left out."""
    found = steps(dialect, profile, **more)
    assert not any(isinstance(step, Bytes | Cut) and not step.data for step in found)
    head = next(step for step in found if isinstance(step, Head))
    return head, b"".join(step.data for step in found if isinstance(step, Bytes))


def events(dialect, raw):
    """The bodies of a stream's events; of AWS's frames those that their own library reads."""
    if dialect in FRAMED:
        buffer = EventStreamBuffer()
        buffer.add_data(raw)
        found = [(each.headers, orjson.loads(each.payload)) for each in buffer]
        return [body | {"exception": headers.get(":exception-type", "")} for headers, body in found]
    if dialect == "ollama":
        return [orjson.loads(line) for line in raw.splitlines()]
    if dialect == "array":
        return orjson.loads(raw)
    return [orjson.loads(event) for event in Parser().feed(raw) if event != b"[DONE]"]
