"""Streams as a client of the Responses API reads them."""

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from tests.unit.dialects.openai_responses.answering import (
    EVENTS,
    SIGNED,
    call_of,
    checked,
    chunk,
    kinds,
    stream,
)

from xroute.dialects.openai_responses import seal
from xroute.errors import RateLimited


def test_a_streamed_call_has_its_pieces_and_its_end():
    start = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"a"', ":1}")]
    events = stream(*({"tool_calls": [piece]} for piece in (start, *pieces)), finish="tool_calls")
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert events[2]["item"]["arguments"] == ""
    assert events[-2]["item"]["arguments"] == '{"a":1}'


def test_a_call_without_arguments_has_an_empty_object():
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    events = stream({"tool_calls": [call]})
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"
    assert [e["delta"] for e in events if e["type"].endswith("arguments.delta")] == ["{}"]


def test_calls_that_come_between_one_another_stay_apart():
    def piece(index, text, **more):
        return {"tool_calls": [{"index": index, **more, "function": {"arguments": text}}]}

    one = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}
    two = {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"b":'}}
    events = stream({"tool_calls": [one]}, {"tool_calls": [two]}, piece(1, "2}"), piece(0, "1}"))
    done = events[-1]["response"]["output"]
    assert [(item["name"], item["arguments"]) for item in done] == [("f", '{"a":1}'), ("g", '{"b":2}')]


def test_free_text_that_is_native_passes_piece_by_piece():
    call = call_of(tools=[{"type": "custom", "name": "patch"}])
    start = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": "a"}}
    events = stream(
        {"tool_calls": [start]}, {"tool_calls": [{"index": 0, "custom": {"input": "b"}}]}, call=call
    )
    assert [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"] == ["a", "b"]
    assert events[-1]["response"]["output"][0]["input"] == "ab"


def test_reasoning_is_streamed_in_parts():
    def piece(text, index):
        return {"reasoning": text, "reasoning_details": [{**SIGNED, "text": text, "index": index}]}

    events = stream(piece("a", 0), piece("b", 0), piece("c", 1), {"content": "Hello"})
    assert kinds(events)[2:11] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
    ]
    thought = events[-1]["response"]["output"][0]
    assert [part["text"] for part in thought["summary"]] == ["ab", "c"]
    sealed = seal.unseal(thought["encrypted_content"])
    assert [entry["text"] for entry in sealed["details"]] == ["ab", "c"]


def test_log_probabilities_stand_with_their_text():
    probable = {
        "content": [{"token": "x", "logprob": -0.1, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }
    encoder = call_of(stream=True, top_logprobs=1).surface.encoder("req-1", 1)
    raw = encoder.feed([chunk({"content": "x"}, logprobs=probable)]) + encoder.finish(b"")
    events = checked(raw)
    wanted = [{"token": "x", "logprob": -0.1, "bytes": [], "top_logprobs": []}]
    assert next(e for e in events if e["type"].endswith("text.delta"))["logprobs"] == wanted
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == wanted
    assert events[-1]["response"]["usage"] is None


def test_openais_own_accumulator_puts_a_stream_together():
    start = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}
    events = stream(
        {"reasoning": "hm"},
        {"content": "Hel"},
        {"content": "lo"},
        {"tool_calls": [start]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        finish="tool_calls",
    )
    state = ResponseStreamState(input_tools=[], text_format=omit)
    for event in events:
        state.handle_event(EVENTS.validate_python(event))
    said = state._completed_response
    assert said is not None
    assert said.output_text == "Hello"
    assert said.output[2].arguments == '{"a":1}'


def test_a_stream_that_breaks_fails_and_never_completes():
    call = call_of(stream=True)
    kept = []
    call.surface.keep = kept.append
    encoder = call.surface.encoder("req-1", 1)
    raw = encoder.feed([chunk({"content": "Hel"})])
    raw += encoder.fail(RateLimited("slow down", provider="house"), {"model": "up", "choices": []})
    events = checked(raw)
    assert kinds(events)[-1] == "failed"
    failed = events[-1]["response"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "rate_limit_exceeded")
    assert failed["error"]["error_type"] == "rate_limit_exceeded"
    assert failed["output"][0]["status"] == "incomplete"
    assert failed["output"][0]["content"][0]["text"] == "Hel"
    assert "completed" not in kinds(events)
    assert kept == [call.surface.response] == [failed]


def test_a_response_that_broke_off_keeps_what_came_of_each_item():
    encoder = call_of(stream=True).surface.encoder("req-1", 1)
    raw = encoder.feed([chunk({"reasoning": "Hm"})])
    raw += encoder.fail(RateLimited("slow down"), {"model": "up", "choices": []})
    assert checked(raw)[-1]["response"]["output"][0]["summary"][0]["text"] == "Hm"
    encoder = call_of(stream=True).surface.encoder("req-2", 1)
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    raw = encoder.feed([chunk({"reasoning": "Hm"}), chunk({"content": "Hel"}), chunk({"tool_calls": [call]})])
    raw += encoder.fail(RateLimited("slow down"), {"model": "up", "choices": []})
    thought, said, called = checked(raw)[-1]["response"]["output"]
    assert thought["summary"][0]["text"] == "Hm"
    assert (said["status"], said["content"][0]["text"]) == ("completed", "Hel")
    assert (called["status"], called["arguments"]) == ("incomplete", '{"a')
