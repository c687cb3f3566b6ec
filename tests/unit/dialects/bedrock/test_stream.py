"""ConverseStream's frames as chunks; OpenAI's own types say whether they are ones."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from tests.unit.dialects.bedrock.test_frames import event, frame, header

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import MALFORMED
from xroute.dialects.bedrock import Decoder
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 22, "cacheReadInputTokens": 7}


def decoder(model: str = "anthropic/claude-x") -> Decoder:
    return Decoder(model=model, request_id="r1", created=7, quirks=Quirks(), include_usage=True)


def made(name: str, **body: Any) -> bytes:
    return event(name, json.dumps(body).encode())


def delta(index: int = 0, **body: Any) -> bytes:
    return made("contentBlockDelta", contentBlockIndex=index, delta=body)


def begin(index: int = 0, **body: Any) -> bytes:
    return made("contentBlockStart", contentBlockIndex=index, start=body)


def stop(index: int = 0) -> bytes:
    return made("contentBlockStop", contentBlockIndex=index)


START = made("messageStart", role="assistant")
END = made("messageStop", stopReason="end_turn")
TOLD = made("metadata", usage=USAGE, metrics={"latencyMs": 9})


def read(raw: bytes, reader: Decoder | None = None) -> list[Json]:
    """The choices of all chunks, each valid."""
    own = reader or decoder()
    chunks = own.feed(raw) + own.finish()
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk.raw, strict=True)
    return [json.loads(chunk.raw)["choices"][0] for chunk in chunks]


def deltas(raw: bytes, reader: Decoder | None = None) -> list[Json]:
    return [choice["delta"] for choice in read(raw, reader)]


def test_text_usage_and_the_end() -> None:
    own = decoder()
    choices = read(START + delta(text="Hel") + delta(text="lo") + stop() + END + TOLD, own)
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "Hello"
    assert (choices[-1]["finish_reason"], choices[-1]["native_finish_reason"]) == ("stop", "end_turn")
    assert (own.done, own.error, own.usage) == (True, None, Usage(17, 5, 7))
    last = json.loads(own.usage_chunk(Usage(), {"cost": 0.5}))
    assert last["usage"]["total_tokens"] == 22
    assert (last["usage"]["cost"], last["metrics"]) == (0.5, {"latencyMs": 9})


def test_the_stream_is_not_over_before_its_usage_is_in() -> None:
    own = decoder()
    own.feed(START + delta(text="a") + END)
    assert not own.done
    own.feed(TOLD)
    assert own.done


def test_metadata_may_come_first() -> None:
    own = decoder()
    own.feed(START + delta(text="a") + TOLD + END)
    assert (own.done, own.usage) == (True, Usage(17, 5, 7))


def test_a_stream_without_metadata_ends_with_its_bytes_and_has_no_usage() -> None:
    own = decoder()
    read(START + delta(text="a") + END, own)
    assert (own.done, own.usage) == (True, None)


def test_a_call_of_a_tool_in_pieces() -> None:
    choices = read(
        begin(toolUse={"toolUseId": "t1", "name": "weather"})
        + delta(toolUse={"input": '{"city":'})
        + delta(toolUse={"input": '"Ulm"}'})
        + stop()
        + begin(1, toolUse={"toolUseId": "t2", "name": "now"})
        + delta(1, toolUse={"input": ""})
        + stop(1)
        + made("messageStop", stopReason="tool_use")
    )
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls") or []]
    assert [(call["index"], call.get("id"), call["function"]["arguments"]) for call in calls] == [
        (0, "t1", ""),
        (0, None, '{"city":'),
        (0, None, '"Ulm"}'),
        (1, "t2", ""),
        (1, None, "{}"),  # clients read arguments as JSON
    ]
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_our_answer_tool_streams_the_answer() -> None:
    choices = read(
        begin(toolUse={"toolUseId": "t1", "name": "xroute_answer"})
        + delta(toolUse={"input": '{"a":'})
        + delta(toolUse={"input": "1}"})
        + stop()
        + made("messageStop", stopReason="tool_use")
    )
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == '{"a":1}'
    assert choices[-1]["finish_reason"] == "stop"
    assert not any("tool_calls" in choice["delta"] for choice in choices)


def test_reasoning_comes_in_pieces_of_one_entry() -> None:
    sealed = b64encode(b"EuQFabc").decode()
    found = deltas(
        delta(reasoningContent={"text": "h"})
        + delta(reasoningContent={"text": "m"})
        + delta(reasoningContent={"signature": "c2ln"})
        + stop()
        + delta(1, reasoningContent={"redactedContent": sealed})
        + delta(2, text="so")
        + END
    )
    details = [entry for piece in found for entry in piece.get("reasoning_details") or []]
    assert "".join(piece.get("reasoning") or "" for piece in found) == "hm"
    assert [(entry["index"], entry.get("text"), entry.get("signature")) for entry in details] == [
        (0, "h", None),
        (0, "m", None),
        (0, "", "c2ln"),
        (1, None, None),
    ]
    assert details[3]["data"] == "EuQFabc"


def test_citations_follow_their_text() -> None:
    web = {"location": {"web": {"url": "https://a.b", "domain": "a.b"}}}
    found = deltas(delta(text="See ") + delta(1, text="this") + delta(1, citation=web) + stop(1) + END)
    notes = [note for piece in found for note in piece.get("annotations") or []]
    assert [note["url_citation"] for note in notes] == [
        {"url": "https://a.b", "title": "a.b", "start_index": 4, "end_index": 8}
    ]


def test_sources_without_an_address_are_kept() -> None:
    cited = {"title": "facts", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
    found = deltas(delta(text="a") + delta(citation=cited) + stop() + END)
    assert {"native_content": [{"citationsContent": {"citations": [cited]}}]} in found


def test_what_the_providers_tools_did_is_kept_whole() -> None:
    found = deltas(
        START
        + begin(toolUse={"toolUseId": "t", "name": "nova_code_interpreter", "type": "server_tool_use"})
        + delta(toolUse={"input": '{"snippet": "1+1"}'})
        + stop()
        + begin(1, toolResult={"toolUseId": "t", "type": "nova_code_interpreter_result", "status": "success"})
        + delta(1, toolResult=[{"json": {"stdOut": "2"}}])
        + stop(1)
        + delta(2, text="2")
        + END
    )
    native = [block for piece in found for block in piece.get("native_content") or []]
    assert native[0]["toolUse"]["input"] == {"snippet": "1+1"}
    assert native[1]["toolResult"]["content"] == [{"json": {"stdOut": "2"}}]
    assert not any("tool_calls" in piece for piece in found)


def test_a_picture_in_a_stream() -> None:
    found = deltas(begin(image={"format": "png"}) + delta(image={"source": {"bytes": "aGk="}}) + stop() + END)
    assert found[0]["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]


def failed(kind: str, name: str, payload: bytes, more: bytes = b"") -> bytes:
    """An exception or error as AWS frames it."""
    key = ":exception-type" if kind == "exception" else ":error-code"
    return frame(header(":message-type", kind.encode()) + header(key, name.encode()) + more, payload)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("throttlingException", 429),
        ("modelStreamErrorException", 424),
        ("validationException", 400),
        ("internalServerException", 500),
        ("serviceUnavailableException", 503),
        ("newException", None),
    ],
)
def test_an_exception_in_the_stream_is_its_error(name: str, status: int | None) -> None:
    own = decoder()
    chunks = own.feed(START + delta(text="a") + failed("exception", name, b'{"message":"wait"}') + END + TOLD)
    assert len(chunks) == 1
    assert own.error is not None
    assert (own.error.message, own.error.code, own.error.status) == ("wait", name, status)
    assert own.finish() == []
    assert not own.done


def test_an_error_in_headers_alone_is_seen() -> None:
    own = decoder()
    own.feed(failed("error", "InternalError", b"", header(":error-message", b"it broke")))
    assert own.error is not None
    assert (own.error.message, own.error.code) == ("it broke", "InternalError")


def test_an_exception_that_calls_itself_an_event_is_one() -> None:
    own = decoder()
    own.feed(event("modelStreamErrorException", b'{"message":"bad","originalMessage":"deep"}'))
    assert own.error is not None
    assert own.error.message == "bad: deep"


def test_a_broken_frame_keeps_what_came_before_and_is_malformed() -> None:
    own = decoder()
    chunks = own.feed(delta(text="a") + END[:-1] + b"\x00")
    assert [json.loads(chunk.raw)["choices"][0]["delta"]["content"] for chunk in chunks] == ["a"]
    assert own.error is not None
    assert own.error.type == MALFORMED


@pytest.mark.parametrize("payload", [b"no json", b"[1]"])
def test_an_event_that_cannot_be_read_is_malformed(payload: bytes) -> None:
    own = decoder()
    own.feed(event("contentBlockDelta", payload))
    assert own.error is not None
    assert own.error.type == MALFORMED


def test_a_stream_that_ends_early_is_cut() -> None:
    for raw in (
        START + delta(text="a"),
        START + delta(text="a") + END[:20],
        delta(text="a") + END + TOLD[:9],
    ):
        own = decoder()
        own.feed(raw)
        with pytest.raises(CutError):
            own.finish()
        assert not own.done


def test_nothing_at_all_is_no_answer() -> None:
    own = decoder()
    assert own.feed(b"") + own.finish() == []
    assert not own.done
    assert not own.saw_content


def test_output_that_the_model_spoiled_altogether_is_an_error() -> None:
    own = decoder()
    own.feed(START + made("messageStop", stopReason="malformed_tool_use"))
    assert own.error is not None
    assert own.error.code == "malformed_tool_use"


def test_blocks_that_do_not_say_where_they_end_are_closed_with_the_message() -> None:
    found = deltas(
        begin(toolUse={"toolUseId": "t", "name": "now"}) + made("messageStop", stopReason="tool_use")
    )
    assert found[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_padding_and_unknown_events_mean_nothing() -> None:
    found = deltas(made("messageStart", role="assistant", p="abc") + made("odd", a=1) + delta(text="a") + END)
    assert len(found) == 2


EVENTS = st.lists(
    st.sampled_from(
        [
            START,
            delta(text="ä"),
            delta(reasoningContent={"text": "x"}),
            begin(1, toolUse={"toolUseId": "t", "name": "n"}),
            delta(1, toolUse={"input": "{}"}),
            stop(1),
            END,
            TOLD,
            failed("exception", "throttlingException", b"{}"),
        ]
    ),
    max_size=8,
)


@given(EVENTS, st.data())
def test_any_cutting_of_the_bytes_gives_the_same(parts: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(parts)
    whole, cut, place = decoder(), decoder(), 0
    expected, found = whole.feed(raw), []
    while place < len(raw):
        size = data.draw(st.integers(1, 200))
        found += cut.feed(raw[place : place + size])
        place += size
    assert [chunk.raw for chunk in found] == [chunk.raw for chunk in expected]
    assert (cut.done, cut.error, cut.usage) == (whole.done, whole.error, whole.usage)
