"""The old completions: requests as chats, chats as text, and a provider's own endpoint."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.completions import native, parse
from xroute.dialects.openai import codec
from xroute.errors import CutError, InvalidPrompt, InvalidRequest, ProviderUnavailable
from xroute.wire.chunk import Chunk
from xroute.wire.usage import Usage

Json = dict[str, Any]


def call(**fields: Any):
    return parse(json.dumps({"model": "m", "prompt": "once", **fields}).encode())


def test_a_prompt_is_a_users_message():
    for prompt in ("once", ["once"]):
        asked = call(prompt=prompt, max_tokens=5, stop=["x"], logprobs=3, n=2, best_of=2, temperature=0)
        assert asked.operation == "chat"
        assert asked.body == {
            "model": "m",
            "messages": [{"role": "user", "content": "once"}],
            "max_tokens": 5,
            "stop": ["x"],
            "n": 2,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": 3,
        }
        assert (asked.choices, asked.max_tokens) == (2, 5)


def test_no_alternatives_are_asked_for_where_the_client_wants_none():
    assert call(logprobs=0).body.keys() == {"model", "messages", "logprobs"}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ["a", "b"]},
        {"prompt": [1, 2]},
        {"prompt": [[1, 2]]},
        {"suffix": "end"},
        {"echo": True},
        {"best_of": 3, "n": 2},
    ],
)
def test_what_chat_cannot_give_needs_an_endpoint_of_its_own(fields):
    assert call(**fields).operation == "completions"


def test_several_prompts_have_an_answer_each():
    assert call(prompt=["a", "b"], n=2).choices == 4


@pytest.mark.parametrize(
    ("fields", "param", "kind"),
    [
        ({"prompt": None}, "prompt", InvalidPrompt),
        ({"prompt": []}, "prompt", InvalidPrompt),
        ({"prompt": 5}, "prompt", InvalidPrompt),
        ({"prompt": ["a", 5]}, "prompt[1]", InvalidPrompt),
        ({"logprobs": True}, "logprobs", InvalidRequest),
        ({"best_of": 0}, "best_of", InvalidRequest),
        ({"max_tokens": 0}, "max_tokens", InvalidRequest),
    ],
)
def test_a_wrong_field_is_named(fields, param, kind):
    with pytest.raises(kind) as caught:
        call(**fields)
    assert caught.value.param == param


CHAT: Json = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "x",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "native_finish_reason": "eos",
            "message": {"role": "assistant", "content": "upon a time", "reasoning": "hm"},
            "logprobs": {
                "content": [
                    {"token": "upon", "logprob": -0.5, "top_logprobs": [{"token": "upon", "logprob": -0.5}]},
                    {"token": " a", "logprob": -1.0, "top_logprobs": []},
                ]
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
}


def test_an_answer_is_a_text_completion():
    told = json.loads(call().surface.write(CHAT))
    Completion.model_validate(told, strict=True)
    assert told["object"] == "text_completion"
    assert told["usage"] == CHAT["usage"]
    assert told["choices"] == [
        {
            "text": "upon a time",
            "index": 0,
            "finish_reason": "stop",
            "native_finish_reason": "eos",
            "reasoning": "hm",
            "logprobs": {
                "tokens": ["upon", " a"],
                "token_logprobs": [-0.5, -1.0],
                "top_logprobs": [{"upon": -0.5}, {}],
                "text_offset": [0, 4],
            },
        }
    ]


@pytest.mark.parametrize(("reason", "told"), [("tool_calls", "stop"), ("length", "length"), (None, None)])
def test_reasons_are_those_of_the_old_form(reason, told):
    choice = {"index": 0, "finish_reason": reason, "message": {"content": None, "refusal": "no"}}
    written = json.loads(call().surface.write({"choices": [choice]}))["choices"][0]
    assert (written["finish_reason"], written["text"], written["logprobs"]) == (told, "no", None)


def chunk(delta: Json, reason: str | None = None, **more: Any) -> Chunk:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, **more}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]}
    return Chunk(json.dumps(body).encode(), bool(delta), reason is not None)


def events(data: bytes) -> list[Any]:
    found = [event.removeprefix(b"data: ") for event in data.split(b"\n\n") if event]
    return [event.decode() if event == b"[DONE]" else json.loads(event) for event in found]


def lone(token: str) -> Json:
    return {"content": [{"token": token, "logprob": -1.0, "top_logprobs": []}]}


def test_a_stream_is_text_and_its_end():
    encoder = call(stream=True).surface.encoder("r", 1)
    told = events(
        encoder.feed(
            [chunk({"role": "assistant", "content": ""}), chunk({"content": "ab"}, logprobs=lone("ab"))]
        )
        + encoder.feed([chunk({"content": "c"}, logprobs=lone("c")), chunk({}, "length")])
        + encoder.finish(b'{"choices":[],"usage":{"total_tokens":3}}')
    )
    assert told.pop() == "[DONE]"
    for event in told:
        Completion.model_validate({**event, "choices": [{**event["choices"][0], "finish_reason": "stop"}]})
    choices = [event["choices"][0] for event in told]
    assert [choice["text"] for choice in choices] == ["ab", "c", ""]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "length"]
    assert [choice["logprobs"]["text_offset"] for choice in choices[:2]] == [[0], [2]]


def test_usage_is_told_to_those_who_asked():
    surface = call(stream=True, stream_options={"include_usage": True}).surface
    usage, end = events(surface.encoder("r", 1).finish(b'{"choices":[],"usage":{"total_tokens":3}}'))
    assert usage == {"object": "text_completion", "choices": [], "usage": {"total_tokens": 3}}
    assert end == "[DONE]"


def test_a_broken_stream_ends_in_an_error():
    encoder = call(stream=True).surface.encoder("r", 1)
    body = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}}]}
    broken, end = events(encoder.fail(ProviderUnavailable("gone"), body))
    assert broken["error"]["message"] == "gone"
    assert broken["choices"][0]["finish_reason"] == "error"
    assert end == "[DONE]"


# A provider's own endpoint


def test_the_clients_own_request_goes_to_a_completions_endpoint():
    asked = call(prompt=[1, 2], stream=True, provider={"only": ["p"]}, echo=True)
    sent = json.loads(native.encode(asked, upstream="theirs", quirks=Quirks()))
    assert sent == {
        "model": "theirs",
        "prompt": [1, 2],
        "stream": True,
        "echo": True,
        "stream_options": {"include_usage": True},
    }
    sent = json.loads(native.encode(asked, upstream="theirs", quirks=Quirks(stream_usage=False)))
    assert "stream_options" not in sent


def decode(body: Any):
    raw = json.dumps(body).encode()
    return native.decode(raw, model="m", request_id="r", created=1, quirks=Quirks()), raw


def test_its_answer_passes_as_it_is():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    answer, raw = decode({"choices": [{"text": "a", "logprobs": {"odd": 1}}], "usage": usage})
    assert answer.raw == raw
    assert answer.usage == Usage(1, 2)
    assert answer.content


def test_what_is_no_completion_is_seen():
    with pytest.raises(ErrorBody):
        decode({"error": {"message": "no"}})
    for body in ([], {}, {"choices": []}):
        with pytest.raises(Malformed):
            decode(body)
    with pytest.raises(Malformed):
        native.decode(b"no", model="m", request_id="r", created=1, quirks=Quirks())


def decoder(*, include_usage: bool = False) -> native.Decoder:
    return native.Decoder(model="m", request_id="r", created=1, quirks=Quirks(), include_usage=include_usage)


def event(text: str, reason: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "text": text, "finish_reason": reason}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
STREAM = event("a") + event("b", "stop") + USAGE + b"data: [DONE]\n\n"


@given(st.lists(st.integers(1, len(STREAM)), max_size=6))
def test_its_events_pass_in_any_cutting(cuts):
    read = decoder()
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [
        item
        for start, end in pairwise(places)
        for item in (read.feed(STREAM[start:end]) if start < end else ())
    ]
    chunks += read.finish()
    assert b"".join(item.raw for item in chunks) == STREAM.replace(USAGE, b"")
    assert (read.done, read.saw_content, read.finish_reason, read.chars) == (True, True, "stop", 2)
    assert read.usage == Usage(1, 2)


def test_usage_passes_to_a_client_that_asked_for_it():
    read = decoder(include_usage=True)
    assert b"".join(item.raw for item in read.feed(STREAM)) == STREAM


def test_an_end_without_done_gets_one_and_a_cut_does_not():
    read = decoder()
    read.feed(event("a", "length"))
    assert [item.raw for item in read.finish()] == [b"data: [DONE]\n\n"]
    assert read.done
    read = decoder()
    read.feed(event("a", "stop") + event("b", index=1))
    with pytest.raises(CutError):
        read.finish()
    assert not read.done


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"message":"gone"}}\n\n',
        b'event: error\ndata: {"message":"gone"}\n\n',
        b"data: gone\n\n",
    ],
)
def test_an_error_in_the_stream_is_seen(data):
    read = decoder()
    read.feed(event("a"))
    assert read.feed(data + event("b")) == []
    assert read.error is not None
    assert "gone" in read.error.message or "not JSON" in read.error.message


def test_half_an_emoji_is_written_so_that_a_client_can_join_it():
    half = codec.read(b'{"content": "\\ud83d"}')
    written = (
        call().surface.encoder("r", 1).feed([Chunk(codec.write({"choices": [{"index": 0, "delta": half}]}))])
    )
    assert b"\\ud83d" in written
