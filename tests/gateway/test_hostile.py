"""What a client, or a provider that means ill, may try: over the whole gateway."""

import asyncio

import orjson
import pytest
from tests.fixtures.hello import CONTENT, MESSAGE, RESPONSE, STREAMS, WHOLE, sse
from tests.gateway.scripted import (
    STREAM_END,
    STREAM_HEAD,
    answer,
    chunked,
    error,
    event,
    scripting,
    stream,
    words,
)
from tests.gateway.stage import CREDENTIAL, provider, running
from tests.gateway.wires import KEY

BEGUN = {"openai": 2, "anthropic": 3, "gemini": 1, "openai_responses": 4}  # events up to the first text

# surface -> (path, body, marks of a proper end)
ASKS = {
    "openai": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "Hi"}]},
        [b'"finish_reason":"stop"'],
    ),
    "anthropic": (
        "/v1/messages",
        {"max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]},
        [b"message_stop", b'"stop_reason":"end_turn"'],
    ),
    "gemini": (
        "/v1beta/models/{model}:",
        {"contents": [{"parts": [{"text": "Hi"}]}]},
        [b'"finishReason":"STOP"'],
    ),
    "openai_responses": ("/v1/responses", {"input": "Hi"}, [b"response.completed"]),
}
ERRORS = {
    "openai": b'"finish_reason":"error"',
    "anthropic": b"event: error",
    "gemini": b'"error":{',
    "openai_responses": b"response.failed",
}


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        yield upstream


@pytest.fixture
async def other():
    async with scripting() as other:
        yield other


@pytest.fixture
async def stage(upstream, other, tmp_path):
    """Model `<dialect>` of each dialect, and `<one>-<other>` first by one and then by another."""
    providers = {}
    for name in WHOLE:
        word = name.replace("_", "-")
        providers[f"at-{word}"] = provider(upstream.url, (f"up-{name}", word), dialect=name)
        providers[f"next-{word}"] = provider(other.url, (f"up-{name}", f"next-{word}"), dialect=name)
    async with running(tmp_path, {"providers": providers, "keepalive_comment_s": 0.02}) as stage:
        yield stage


def asked(surface, model, *, streaming, **more):
    path, body, _ = ASKS[surface]
    body = body | more
    if surface == "gemini":
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        return path.format(model=model) + method, orjson.dumps(body)
    return path, orjson.dumps({"model": model, "stream": streaming} | body)


def watched(stage):
    seen = []
    stage.app.gateway.recorders.append(seen.append)
    return seen


PAIRS = [(surface, dialect) for surface in ASKS for dialect in WHOLE]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("surface", "dialect"), PAIRS)
async def test_each_call_is_settled_once_by_the_providers_figures(
    stage, upstream, surface, dialect, streaming
):
    upstream.play(stream(*STREAMS[dialect]) if streaming else answer(WHOLE[dialect]))
    seen = watched(stage)
    path, body = asked(surface, dialect.replace("_", "-"), streaming=streaming)
    said = await stage.client.post(path, content=body)
    assert said.status_code == 200
    assert b"Hel" in said.content
    (settled,) = seen
    assert settled.outcome == "completed"
    usage = settled.usage
    assert (usage.input, usage.output, usage.cached, usage.estimated) == (13, 5, 3, False)
    assert KEY not in str(upstream.seen[-1].headers)
    names = {name for name, _ in upstream.seen[-1].headers}
    assert names <= {"host", "content-type", "content-length", "authorization", "accept", "user-agent",
                     "accept-encoding", "connection", "anthropic-version", "anthropic-beta"}  # fmt: skip


@pytest.mark.parametrize("how", ["cut", "error"])
@pytest.mark.parametrize(("surface", "dialect"), PAIRS)
async def test_a_stream_that_breaks_after_content_ends_in_a_typed_error(
    stage, upstream, surface, dialect, how
):
    events = STREAMS[dialect][: BEGUN[dialect]]
    failure = {
        "openai": [
            b'data: {"error":{"message":"boom %b","type":"server_error","code":500}}\n\n'
            % CREDENTIAL.encode()
        ],
        "anthropic": sse(
            {"type": "error", "error": {"type": "overloaded_error", "message": "boom " + CREDENTIAL}}
        ),
        "gemini": sse({"error": {"code": 503, "message": "boom " + CREDENTIAL, "status": "UNAVAILABLE"}}),
        "openai_responses": sse(
            {
                "type": "response.failed",
                "response": RESPONSE
                | {"status": "failed", "error": {"code": "server_error", "message": "boom " + CREDENTIAL}},
            }
        ),
    }[dialect]
    if how == "cut":

        async def play(visit):
            await visit.send(STREAM_HEAD + b"".join(map(chunked, events)))
            visit.close()

        upstream.play(play)
    else:

        async def play(visit):
            await visit.send(STREAM_HEAD + b"".join(map(chunked, events)))
            await stage.relaying()
            await visit.send(b"".join(map(chunked, failure)) + STREAM_END)

        upstream.play(play)
    seen = watched(stage)
    path, body = asked(surface, dialect.replace("_", "-"), streaming=True)
    said = await stage.client.post(path, content=body)
    assert b"Hel" in said.content
    assert ERRORS[surface] in said.content
    assert not any(mark in said.content for mark in ASKS[surface][2])
    assert CREDENTIAL.encode() not in said.content
    (settled,) = seen
    assert settled.outcome in ("upstream_cut", "failed")
    assert settled.usage.output > 0


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("first", WHOLE)
@pytest.mark.parametrize("surface", ASKS)
async def test_another_dialect_answers_where_the_first_fails(
    stage, upstream, other, surface, first, streaming
):
    async def late(visit):
        await asyncio.sleep(0.06)
        await visit.send(error(503, "busy"))

    upstream.play(late)
    seen = watched(stage)
    for second in WHOLE:
        other.play(stream(*STREAMS[second]) if streaming else answer(WHOLE[second]))
        model, then = first.replace("_", "-"), f"next-{second.replace('_', '-')}"
        path, body = asked(surface, model, streaming=streaming, models=[then])
        said = await stage.client.post(path, content=body)
        assert said.status_code == 200, said.content
        assert b"Hel" in said.content
        assert all(mark in said.content for mark in ASKS[surface][2]) or not streaming
        settled = seen.pop()
        assert not seen
        assert settled.outcome == "completed"
        assert settled.provider == f"next-{second.replace('_', '-')}"
        assert (settled.usage.input, settled.usage.output) == (13, 5)


async def test_names_of_dropped_fields_cannot_write_headers(stage, upstream):
    upstream.play(answer(MESSAGE))
    odd = {"x\r\nset-cookie: a=b": 1, "ä\u2028\0": 2, "n" * 100_000: 3}
    said = await stage.chat("anthropic", **odd)
    assert said.status == 200
    assert "set-cookie" not in said.headers
    assert len(said.headers["x-xroute-dropped"]) < 10_000


async def test_a_repeated_key_for_another_model_of_the_address_is_a_conflict(stage, upstream):
    upstream.play(answer(CONTENT))
    body = orjson.dumps(ASKS["gemini"][1])
    headers = {"idempotency-key": "once"}
    codes = [
        (await stage.client.post(f"/v1beta/models/{method}", content=body, headers=headers)).status_code
        for method in (
            "gemini:generateContent",
            "openai:generateContent",
            "gemini:streamGenerateContent?alt=sse",
        )
    ]
    assert codes == [200, 409, 409]


async def test_headers_of_the_client_do_not_reach_a_provider(stage, upstream):
    upstream.play(answer(MESSAGE))
    path, body = asked("anthropic", "anthropic", streaming=False)
    more = {
        "x-api-key": KEY,
        "cookie": "c=1",
        "x-goog-api-key": KEY,
        "anthropic-beta": "b-1",
        "x-forwarded-for": "1.2.3.4",
    }
    await stage.client.post(path, content=body, headers=more)
    names = upstream.seen[-1].names
    assert names["anthropic-beta"] == "b-1"
    assert KEY not in str(upstream.seen[-1].headers)
    assert not names.keys() & {"cookie", "x-goog-api-key", "x-forwarded-for"}


async def test_a_request_too_deep_for_its_parser_is_refused(stage, upstream):
    upstream.play(error(400, "too deep for me"))
    deep = b'{"items":' * 1000 + b"1" + b"}" * 1000
    for path, body in (
        (
            "/v1beta/models/gemini:generateContent",
            b'{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":%b}}]}]}',
        ),
        (
            "/v1/chat/completions",
            b'{"model":"gemini","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","x":%b}}}]}',
        ),
        (
            "/v1/messages",
            b'{"model":"openai","max_tokens":9,"messages":[{"role":"user","content":"x"}],"output_config":{"format":{"type":"json_schema","schema":{"a":%b}}}}',
        ),
    ):
        said = await stage.client.post(path, content=body % deep)
        assert said.status_code == 400, said.content


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_token_of_a_signer_is_masked_in_an_error_inside_a_good_answer(upstream, tmp_path, streaming):
    token = "tok-of-the-hour-1234"
    failure = {"error": {"message": f"no: {token}", "code": 400, "type": "invalid_request_error"}}
    said = stream(*sse(failure)) if streaming else answer(failure)
    upstream.play(answer({"access_token": token, "expires_in": 3600}), said)
    url = upstream.url.removesuffix("/v1") + "/token"
    section = provider(upstream.url, ("up", "m"), auth="oauth", token={"url": url, "secret": "{key}"})
    async with running(tmp_path, {"providers": {"house": section}}) as stage:
        path, body = asked("openai", "m", streaming=streaming)
        told = await stage.client.post(path, content=body)
    assert ("authorization", f"Bearer {token}") in upstream.seen[1].headers
    assert b"no: ***" in told.content
    assert token.encode() not in told.content


@pytest.mark.parametrize("surface", ["anthropic", "gemini", "openai_responses"])
async def test_a_stream_that_does_not_end_is_no_larger_than_an_answer(upstream, tmp_path, surface):
    function = {"name": "f", "arguments": "x" * 300_000}
    piece = event({"tool_calls": [{"index": 0, "id": "c", "function": function}]})
    upstream.play(stream(*[piece] * 9, *words("late")))
    settings = {"providers": {"house": provider(upstream.url, ("up", "m"))}, "limits": {"answer_mib": 1}}
    async with running(tmp_path, settings) as stage:
        path, body = asked(surface, "m", streaming=True)
        said = await stage.client.post(path, content=body)
    assert ERRORS[surface] in said.content
    assert not any(mark in said.content for mark in ASKS[surface][2])
    assert b"late" not in said.content
