"""The simulator in the providers' own formats, without a gateway."""

import base64
import re

import orjson
import pytest
from tests.unit.sim.tonguing import ASKS, FRAMED, SAY, ask, events, steps

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Fault, Profile
from xroute.sim.script import is_completion, script
from xroute.sim.steps import Bytes, Cut, Head, Wait

INTRO = "This is the xroute simulator"
STREAMS = {"gemini": "text/event-stream", "array": "application/json", "ollama": "application/x-ndjson"}
STREAMS |= dict.fromkeys(FRAMED, "application/vnd.amazon.eventstream")
TEXT = re.compile(rb'"(?:text|content)":"((?:[^"\\]|\\.)*)"')


@pytest.fixture(params=ASKS)
def dialect(request):
    return request.param


def told(dialect, raw):
    """The error object of a whole answer, with its message as `message`."""
    body = orjson.loads(raw)
    error = body.get("error", body)
    return {"message": error} if isinstance(error, str) else error


def test_an_answer_is_json_that_says_who_speaks(dialect):
    head, raw = ask(dialect)
    assert head.status == 200
    assert head.headers["content-type"].startswith("application/json")
    assert INTRO in orjson.dumps(orjson.loads(raw)).decode()


def test_the_same_request_gives_the_same_bytes(dialect):
    for stream in (False, True):
        assert ask(dialect, stream=stream) == ask(dialect, stream=stream)
    assert ask(dialect) != ask(dialect, Profile(seed=1))


def test_a_stream_has_its_own_content_type_and_whole_events(dialect):
    head, raw = ask(dialect, stream=True)
    assert head.headers["content-type"].startswith(STREAMS.get(dialect, "text/event-stream"))
    found = events(dialect, raw)
    assert len(found) > 40
    assert not any(body.get("error") for body in found)


def test_every_dialect_keeps_the_same_pace(dialect):
    profile = Profile(tokens_per_s=10, output_tokens=21)
    waits = [step.seconds for step in steps(dialect, profile, stream=True) if isinstance(step, Wait)]
    assert waits == [0.1] * 20
    (wait,) = [step.seconds for step in steps(dialect, profile) if isinstance(step, Wait)]
    assert wait == pytest.approx(2.1)


@pytest.mark.parametrize("after", [0, 1, 2, 7, 47, 1000])
def test_a_cut_stream_is_the_beginning_of_the_right_one(dialect, after):
    _, right = ask(dialect, stream=True)
    found = steps(dialect, Profile(faults=(Fault("cut_mid_stream", after_events=after),)), stream=True)
    sent = b"".join(step.data for step in found if isinstance(step, Bytes | Cut))
    assert right.startswith(sent) and sent != right
    assert isinstance(found[-1], Cut) and found[-1].data
    if after == 0:
        assert sum(isinstance(step, Bytes) for step in found) == 0


@pytest.mark.parametrize("after", [1, 3, 9])
def test_an_event_with_half_its_json_stands_in_a_whole_frame(dialect, after):
    fault = Profile(faults=(Fault("malformed_json", after_events=after),))
    _, right = ask(dialect, stream=True)
    _, raw = ask(dialect, fault, stream=True)
    assert len(raw) < len(right)
    with pytest.raises(orjson.JSONDecodeError):
        events(dialect, raw)


def test_an_error_in_a_stream_comes_in_the_words_of_its_dialect(dialect):
    _, raw = ask(dialect, Profile(faults=(Fault("error_event"),)), stream=True)
    *_, last = events(dialect, raw)
    assert "(xroute simulator)" in orjson.dumps(last).decode()
    expected = {
        "openai": lambda: last["error"]["type"] == "server_error",
        "gemini": lambda: last["error"]["status"] == "INTERNAL",
        "array": lambda: last["error"]["code"] == 500,
        "responses": lambda: last["type"] == "response.failed",
        "bedrock": lambda: last["exception"] == "internalServerException",
        "invoked": lambda: last["exception"] == "internalServerException",
        "cohere": lambda: last["delta"]["finish_reason"] == "ERROR",
        "ollama": lambda: isinstance(last["error"], str),
    }
    assert expected.get(dialect, lambda: (last["type"], last["error"]["type"]) == ("error", "api_error"))()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("context_length_exceeded", "context length|too long|token count .* exceeds|too many tokens"),
        ("status_429", "[Rr]ate limit|quota|[Tt]oo many requests"),
        ("status_401", "[Kk]ey|token|unauthorized"),
        ("status_404", r"not (found|exist)|model: m \("),
    ],
)  # fmt: skip
def test_an_error_is_told_as_the_provider_tells_it(dialect, kind, words):
    head, raw = ask(dialect, model=f"m#fault={kind}&retry_after=3")
    assert head.status == int(kind[-3:] if kind.startswith("status") else 400)
    assert re.search(words, told(dialect, raw)["message"])
    assert head.headers["retry-after"] == "3"
    assert any(value == "req-sim-1" for value in head.headers.values())


def test_google_says_in_the_body_how_long_to_wait():
    _, raw = ask("gemini", model="m#fault=status_429&retry_after=3")
    (detail,) = orjson.loads(raw)["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}


def test_amazon_names_the_exception_in_a_header():
    head, raw = ask("bedrock", model="m#fault=status_429")
    assert head.headers["x-amzn-errortype"].startswith("ThrottlingException:")
    assert list(orjson.loads(raw)) == ["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": "m"}', b""])
def test_what_cannot_be_read_is_refused_in_the_dialect(dialect, body):
    path = ASKS[dialect][0].replace("{}", "m")
    found = list(script(SimRequest("POST", path, {}, body), Profile(), 1, 0.0))
    if dialect == "invoked":  # it is not known whose model is asked
        assert found[0].status == 400
        return
    assert found[0].status == 400
    assert told(dialect, found[1].data)["message"]


def test_every_dialect_counts_as_a_completion(dialect):
    body = orjson.dumps(ASKS[dialect][2])
    assert is_completion(SimRequest("POST", ASKS[dialect][0].replace("{}", "m"), {}, body))


@pytest.mark.parametrize(
    ("dialect", "more", "name", "word"),
    [
        ("anthropic", {"stop_sequences": ["simulator"]}, "stop_reason", "stop_sequence"),
        ("gemini", {"generationConfig": {"stopSequences": ["simulator"]}}, "finishReason", "STOP"),
        ("bedrock", {"inferenceConfig": {"stopSequences": ["simulator"]}}, "stopReason", "stop_sequence"),
        ("cohere", {"stop_sequences": ["simulator"]}, "finish_reason", "STOP_SEQUENCE"),
        ("ollama", {"options": {"stop": "simulator"}}, "done_reason", "stop"),
    ],
)
def test_why_an_answer_ended_is_told_in_the_providers_word(dialect, more, name, word):
    for stream in (False, True):
        _, raw = ask(dialect, stream=stream, **more)
        assert f'"{name}":"{word}"'.encode() in raw
        assert b"language" not in raw
    assert dialect != "anthropic" or b'"stop_sequence":"simulator"' in raw


def test_thinking_that_is_not_to_be_shown_is_signed_and_empty():
    thinking = {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    _, raw = ask("anthropic", thinking=thinking)
    thought, text = orjson.loads(raw)["content"]
    assert (thought["type"], thought["thinking"]) == ("thinking", "")
    assert len(base64.b64decode(thought["signature"])) == 48
    assert text["text"].startswith(INTRO)


def test_thoughts_are_counted_also_where_they_are_not_told():
    _, raw = ask("gemini", generationConfig={"thinkingConfig": {"thinkingBudget": 2000}})
    body = orjson.loads(raw)
    parts = body["candidates"][0]["content"]["parts"]
    assert not any(part.get("thought") for part in parts)
    assert any(part.get("thoughtSignature") for part in parts)
    assert body["usageMetadata"]["thoughtsTokenCount"] > 0


def test_what_was_read_stands_at_the_beginning_of_anthropics_stream():
    _, raw = ask("anthropic", stream=True)
    start, *_, delta, _ = events("anthropic", raw)
    assert start["message"]["usage"]["input_tokens"] == delta["usage"]["input_tokens"] > 0


def test_tools_that_the_provider_would_carry_out_are_passed_over():
    search = {"type": "web_search_20250305", "name": "web_search"}
    _, raw = ask("anthropic", tools=[search], tool_choice={"type": "auto"})
    assert orjson.loads(raw)["stop_reason"] == "end_turn"


def test_cache_marks_and_signatures_do_not_change_the_answer():
    plain = ask("anthropic")[1]
    marked = [{"type": "text", "text": SAY, "cache_control": {"type": "ephemeral"}}]
    assert ask("anthropic", messages=[{"role": "user", "content": marked}])[1] == plain


@pytest.mark.parametrize("size", [200_000])
def test_a_huge_answer_is_a_right_one(dialect, size):
    profile = Profile(faults=(Fault("huge_answer", size_bytes=size),))
    _, raw = ask(dialect, profile)
    assert len(raw) > size
    assert INTRO in orjson.dumps(orjson.loads(raw)).decode()
    _, raw = ask(dialect, profile, stream=True)
    assert len(raw) > size
    assert len(events(dialect, raw)) > 500


@pytest.mark.parametrize(
    ("path", "headers", "read"),
    [
        ("/v1/models", {}, lambda body: body["data"][0]["id"]),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, lambda body: body["data"][0]["id"]),
        ("/v1/models/a", {"anthropic-version": "2023-06-01"}, lambda body: body["id"]),
        ("/v1beta/models", {}, lambda body: body["models"][0]["name"].removeprefix("models/")),
        ("/v1beta/models/a", {}, lambda body: body["displayName"]),
        ("/api/tags", {}, lambda body: body["models"][0]["name"]),
    ],
)
def test_models_are_listed_in_the_words_of_the_dialect(path, headers, read):
    head, body = list(script(SimRequest("GET", path, headers), Profile(models=("a", "b")), 0, 0.0))[:2]
    assert isinstance(head, Head) and head.status == 200
    assert read(orjson.loads(body.data)) == "a"


@pytest.mark.parametrize(
    ("path", "body", "read"),
    [
        (
            "/v1beta/models/m:batchEmbedContents",
            {"requests": [{"content": {"parts": [{"text": SAY}]}}]},
            lambda made: made["embeddings"][0]["values"],
        ),
        (
            "/v1beta/models/m:embedContent",
            {"content": {"parts": [{"text": SAY}]}},
            lambda made: made["embedding"]["values"],
        ),
        ("/v2/embed", {"model": "m", "texts": [SAY]}, lambda made: made["embeddings"]["float"][0]),
        ("/api/embed", {"model": "m", "input": SAY}, lambda made: made["embeddings"][0]),
        ("/model/m/invoke", {"inputText": SAY}, lambda made: made["embedding"]),
        ("/model/m/invoke", {"texts": [SAY]}, lambda made: made["embeddings"]["float"][0]),
        (
            "/model/m/invoke",
            {"singleEmbeddingParams": {"text": {"value": SAY}}},
            lambda made: made["embeddings"][0]["embedding"],
        ),
    ],
)
def test_a_text_has_the_same_vector_in_every_dialect(path, body, read):
    def vector(path, body, read):
        head, made = list(script(SimRequest("POST", path, {}, orjson.dumps(body)), Profile(), 1, 0.0))[:2]
        assert head.status == 200, made
        return read(orjson.loads(made.data))

    plain = vector("/v1/embeddings", {"model": "m", "input": SAY}, lambda made: made["data"][0]["embedding"])
    assert vector(path, body, read) == plain
