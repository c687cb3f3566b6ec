"""Gemini's streams, translated and passed on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from xroute.catalog.entries import Quirks
from xroute.dialects.gemini import Decoder, encode, native
from xroute.errors import CutError
from xroute.wire.call import Call
from xroute.wire.usage import Usage

GIVEN = {"model": "asked", "request_id": "r1", "created": 5, "quirks": Quirks()}


def event(*parts, **more):
    candidate = {"content": {"role": "model", "parts": list(parts)}, **more}
    return {"candidates": [candidate], "responseId": "id1", "modelVersion": "gemini-x"}


def sse(*events, end=b"\r\n\r\n"):
    return b"".join(b"data: %b%b" % (json.dumps(one).encode(), end) for one in events)


def run(raw, kind=Decoder, pieces=None):
    decoder = kind(**GIVEN)
    chunks = []
    for piece in pieces or [raw]:
        chunks += decoder.feed(piece)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    return decoder, chunks, cut


def deltas(raw):
    _, chunks, _ = run(raw)
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk.raw, strict=True)
    return [json.loads(chunk.raw)["choices"][0] for chunk in chunks]


WHOLE = sse(
    event({"text": "hm", "thought": True}),
    event({"text": " so", "thought": True}),
    {**event({"text": "Grüße"}), "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1}},
    event({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"}),
    {
        **event({"text": ""}, finishReason="STOP", index=0, safetyRatings=[{"probability": "LOW"}]),
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9, "trafficType": "ON_DEMAND"},
    },
)


def test_a_stream_is_chunks_of_openai() -> None:
    found = deltas(WHOLE)
    assert [list(choice["delta"]) for choice in found] == [
        ["role", "reasoning", "reasoning_details"],
        ["reasoning", "reasoning_details"],
        ["content"],
        ["tool_calls"],
        ["reasoning_details"],
        [],
    ]
    assert (
        found[0]["delta"]["reasoning_details"][0]["index"]
        == found[1]["delta"]["reasoning_details"][0]["index"]
    )
    call = found[3]["delta"]["tool_calls"][0]
    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert found[4]["delta"]["reasoning_details"][0]["id"] == call["id"]
    assert (found[5]["finish_reason"], found[5]["native_finish_reason"]) == ("tool_calls", "STOP")
    assert found[5]["safety_ratings"] == [{"probability": "LOW"}]


def test_the_end_of_the_bytes_after_a_finish_reason_is_the_end() -> None:
    decoder, chunks, cut = run(WHOLE)
    assert (decoder.done, cut, decoder.finish_reason) == (True, False, "tool_calls")
    assert decoder.usage == Usage(4, 9)
    last = json.loads(decoder.usage_chunk(Usage(), {"cost": 1}))
    assert (last["id"], last["model"], last["choices"]) == ("id1", "gemini-x", [])
    assert last["usage"]["trafficType"] == "ON_DEMAND"
    assert json.loads(chunks[0].raw)["id"] == "id1"


def test_usage_after_the_finish_reason_still_counts() -> None:
    raw = sse(event({"text": "a"}, finishReason="STOP"), {"usageMetadata": {"promptTokenCount": 3}})
    assert run(raw)[0].usage == Usage(3, 0)


def test_a_finish_reason_with_every_event_ends_nothing_early() -> None:
    raw = sse(event({"text": "a"}, finishReason="STOP"), event({"text": "b"}, finishReason="MAX_TOKENS"))
    found = deltas(raw)
    assert [choice["finish_reason"] for choice in found] == [None, None, "length"]


@pytest.mark.parametrize(
    "raw",
    [
        sse(event({"text": "a"})),
        sse(event({"text": "a"}, finishReason="STOP"), event({"text": "b"}, index=1)),
        sse(event({"text": "a"})) + b'data: {"candidates": [{"finishReason": "STO',
        json.dumps([event({"text": "a"}, finishReason="STOP")])[:-1].encode(),
    ],
)
@pytest.mark.parametrize("kind", [Decoder, native.Decoder])
def test_a_cut_stream_does_not_look_complete(raw, kind) -> None:
    decoder, chunks, cut = run(raw, kind)
    assert cut
    assert not decoder.done
    assert decoder.error is None
    assert kind is native.Decoder or not any(chunk.finish for chunk in chunks)


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
BEGUN = sse(event({"text": "a"}))


@pytest.mark.parametrize(
    "raw",
    [
        BEGUN + sse(ERROR),
        BEGUN + json.dumps(ERROR, indent=2).encode(),
        BEGUN + json.dumps([ERROR]).encode(),
        BEGUN + b"event: error\n" + sse(ERROR),
        json.dumps([event({"text": "a"}), ERROR], indent=1).encode(),
    ],
)
@pytest.mark.parametrize("kind", [Decoder, native.Decoder])
def test_an_error_in_a_stream_is_seen_however_it_is_framed(raw, kind) -> None:
    decoder, chunks, _ = run(raw, kind)
    assert decoder.error is not None
    assert (decoder.error.message, decoder.error.status) == ("The model is overloaded.", 503)
    assert not decoder.done
    assert len(chunks) == 1
    assert b"overloaded" not in chunks[0].raw


@pytest.mark.parametrize("kind", [Decoder, native.Decoder])
def test_an_event_that_cannot_be_read_is_an_error(kind) -> None:
    decoder, _, _ = run(b'data: {"candidates": ["finishReason"\n\n' + WHOLE, kind)
    assert decoder.error.type == "malformed"


@pytest.mark.parametrize("kind", [Decoder, native.Decoder])
def test_a_blocked_prompt_is_a_refusal(kind) -> None:
    decoder, chunks, _ = run(sse({"promptFeedback": {"blockReason": "SAFETY"}}), kind)
    assert (decoder.done, decoder.finish_reason) == (True, "content_filter")
    assert decoder.chars == 0  # the words are the filter's: no tokens to estimate
    assert b"SAFETY" in b"".join(chunk.raw for chunk in chunks)


@pytest.mark.parametrize("kind", [Decoder, native.Decoder])
def test_a_model_that_failed_without_a_word_is_an_error(kind) -> None:
    decoder, _, _ = run(sse(event(finishReason="MALFORMED_FUNCTION_CALL", finishMessage="print()")), kind)
    assert decoder.error.message == "MALFORMED_FUNCTION_CALL: print()"
    assert not decoder.done


def test_an_answer_without_content_ends_properly() -> None:
    decoder, chunks, _ = run(sse(event(finishReason="MAX_TOKENS")))
    assert (decoder.done, decoder.saw_content, decoder.finish_reason) == (True, False, "length")
    assert chunks[-1].finish


def test_a_plain_json_list_is_a_stream_too() -> None:
    events = [event({"text": 'a"]}'}), event({"text": "\\"}, finishReason="STOP")]
    raw = b"[" + b"\r\n,\r\n".join(json.dumps(one, indent=1).encode() for one in events) + b"]"
    decoder, chunks, _ = run(raw)
    assert decoder.done
    assert [json.loads(chunk.raw)["choices"][0]["delta"].get("content") for chunk in chunks[:2]] == [
        'a"]}',
        "\\",
    ]
    passed, out, _ = run(raw, native.Decoder)
    assert passed.done
    assert [json.loads(chunk.raw.removeprefix(b"data: ")) for chunk in out] == events


def test_arguments_that_stream_at_json_paths_are_put_together() -> None:
    def piece(path, going=True, **value):
        partial = {"jsonPath": path, **value}
        return event({"functionCall": {"partialArgs": [partial], "willContinue": going}})

    raw = sse(
        event({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"}),
        piece("$.items[0].name", stringValue="ap", willContinue=True),
        piece("$.items[0].name", stringValue="ple"),
        piece("$.items[0]['unit price']", numberValue=0.5),
        piece("$.items[1].fresh", boolValue=True),
        piece("$.none", nullValue="NULL_VALUE"),
        event({"functionCall": {}}),
        event({"functionCall": {"name": "g"}}),
        event(finishReason="STOP"),
    )
    calls = [call for choice in deltas(raw) for call in choice["delta"].get("tool_calls", [])]
    arguments = ["", ""]
    for call in calls:
        arguments[call["index"]] += call["function"]["arguments"]
    assert json.loads(arguments[0]) == {
        "items": [{"name": "apple", "unit price": 0.5}, {"fresh": True}],
        "none": None,
    }
    assert json.loads(arguments[1]) == {}


def test_a_call_that_carries_the_answer_streams_as_content() -> None:
    found = deltas(
        sse(event({"functionCall": {"name": "xroute_answer", "args": {"a": 1}}}, finishReason="STOP"))
    )
    assert found[0]["delta"]["content"] == '{"a":1}'
    assert found[-1]["finish_reason"] == "stop"


def test_sources_come_at_the_end_once() -> None:
    metadata = {"groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}]}
    raw = sse(
        event(
            {"text": "a"},
            groundingMetadata=metadata,
            citationMetadata={"citations": [{"uri": "https://b.test"}]},
        ),
        event(
            {"text": "b"},
            groundingMetadata=metadata,
            citationMetadata={"citations": [{"uri": "https://c.test"}]},
        ),
        event(finishReason="STOP"),
    )
    cited = [item for choice in deltas(raw) for item in choice["delta"].get("annotations", [])]
    assert [item["url_citation"]["url"] for item in cited] == [
        "https://b.test",
        "https://c.test",
        "https://a.test",
    ]


def test_passed_bytes_are_the_providers_own() -> None:
    decoder, chunks, _ = run(WHOLE, native.Decoder)
    assert b"".join(chunk.raw for chunk in chunks) == WHOLE
    assert [chunk.content for chunk in chunks] == [True, True, True, True, False]
    assert (decoder.done, decoder.usage, decoder.finish_reason) == (True, Usage(4, 9), "stop")
    assert decoder.chars >= len("hm soGr")


def test_a_client_s_bytes_go_on_as_they_are() -> None:
    def sent(raw):
        call = Call({}, ("m",), surface=None, raw=raw)  # type: ignore[arg-type]
        return native.encode(call, upstream="gemini-x", quirks=Quirks())

    plain = b'{ "contents": [{"parts": [{"text": "the \\"model\\""}]}] }'
    assert sent(plain) == plain
    inside = b'{"contents": [{"parts": [{"functionCall": {"args": {"model": 1}}}]}]}'
    assert sent(inside) == inside
    named = b'{"contents": [], "model": "models/other", "provider": {"only": ["google"]}}'
    assert json.loads(sent(named)) == {"contents": []}


def test_what_was_streamed_goes_back_as_it_came() -> None:
    """Signatures and calls survive the way through the client."""
    signed = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "s"}
    choices = deltas(sse(event({"text": "hm", "thought": True}), event(signed), event(finishReason="STOP")))
    said = {"role": "assistant", "content": None, "tool_calls": [], "reasoning_details": []}
    for choice in choices:
        said["tool_calls"] += choice["delta"].get("tool_calls", [])
        said["reasoning_details"] += choice["delta"].get("reasoning_details", [])
    body = {"messages": [{"role": "user", "content": "x"}, said]}
    sent = encode(body, upstream="gemini-3-flash-preview", quirks=Quirks()).body
    assert sent["contents"][1]["parts"] == [{"text": "hm", "thought": True}, signed]


STREAMS = [
    WHOLE,
    WHOLE.replace(b"\r\n", b"\n"),
    BEGUN + json.dumps(ERROR, indent=2).encode(),
    json.dumps([event({"text": '{["\\'}), event({"text": "b"}, finishReason="STOP")], indent=1).encode(),
    WHOLE[:-200],
]


@given(
    st.sampled_from(STREAMS),
    st.lists(st.integers(1, 40), min_size=1),
    st.sampled_from([Decoder, native.Decoder]),
)
def test_any_cutting_gives_the_same_chunks(raw, sizes, kind) -> None:
    pieces, place = [], 0
    while place < len(raw):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(raw[place : place + size])
        place += size
    whole, one, cut = run(raw, kind)
    cutted, other, cut_too = run(raw, kind, pieces)
    assert [(c.raw, c.content) for c in one] == [(c.raw, c.content) for c in other]
    assert (cut, whole.done, whole.error, whole.usage) == (cut_too, cutted.done, cutted.error, cutted.usage)


@given(st.binary(max_size=200), st.sampled_from([b"", b"data: ", b"[", b"\n{"]))
def test_no_bytes_break_it(raw, head) -> None:
    for kind in (Decoder, native.Decoder):
        run(BEGUN + head + raw, kind)
        run(head + raw, kind)
