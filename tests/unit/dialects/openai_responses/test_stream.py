"""Streams: every text once, whatever pieces and wholes the provider sends; an end only where it is one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from xroute.catalog.entries import Quirks
from xroute.dialects.openai_responses import Decoder, decode
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]

GIVEN: Json = {"model": "o3-pro", "request_id": "req1", "created": 5, "quirks": Quirks()}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 7,
    "model": "o3-pro-x",
    "service_tier": "auto",
}
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
CREATED = {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}}


def decoder() -> Decoder:
    return Decoder(**GIVEN, include_usage=True)


def wire(*events: Json | str) -> bytes:
    """Events as OpenAI frames them; a string goes as it is."""
    lines = [
        event if isinstance(event, str) else f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in events
    ]
    return "".join(lines).encode()


def completed(*output: Json, kind: str = "completed", **fields: Any) -> Json:
    response = {**RESPONSE, "status": kind, "output": list(output), "usage": USAGE, **fields}
    return {"type": f"response.{kind}", "response": response}


def added(item: Json, place: int = 0) -> Json:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def done(item: Json, place: int = 0) -> Json:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def piece(kind: str, text: str, place: int = 0, **more: Any) -> Json:
    return {"type": f"response.{kind}.delta", "output_index": place, "delta": text, **more}


def said(text: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], **more}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def read(*events: Json | str) -> tuple[Json, Decoder]:
    """(the message that a client puts together, the decoder)."""
    reader = decoder()
    chunks = reader.feed(wire(*events))
    chunks += reader.finish()
    for chunk in chunks:
        if b'"type":"custom"' not in chunk.raw:  # OpenAI's own types lack it in streams
            ChatCompletionChunk.model_validate_json(chunk.raw, strict=True)
    return folded([chunk.raw for chunk in chunks]), reader


def folded(raws: list[bytes]) -> Json:
    message: Json = {}
    for raw in raws:
        for name, value in json.loads(raw)["choices"][0]["delta"].items():
            if isinstance(value, str) and name != "role":
                message[name] = message.get(name, "") + value
            elif name in ("tool_calls", "reasoning_details"):
                _pieces(message.setdefault(name, []), value)
            elif isinstance(value, list):
                message.setdefault(name, []).extend(value)
    return message


def _pieces(known: list[Json], new: list[Json]) -> None:
    for given_ in new:
        entry = dict(given_)
        index = entry.pop("index")
        if index == len(known):
            known.append(entry)
            continue
        for name, value in entry.items():
            if name in ("function", "custom"):
                for field, text in value.items():
                    known[index][name][field] += text
            elif name in ("summary", "text", "data"):
                known[index][name] += value


def test_text_comes_piece_by_piece_and_the_end_says_why() -> None:
    reader = decoder()
    raws = [
        json.loads(chunk.raw)
        for chunk in reader.feed(
            wire(CREATED, piece("output_text", "a"), piece("output_text", "b"), completed(said("ab")))
        )
    ]
    assert [raw["choices"][0]["delta"].get("content") for raw in raws] == ["a", "b", None]
    assert {(raw["id"], raw["model"], raw["created"]) for raw in raws} == {("resp_1", "o3-pro-x", 7)}
    assert raws[-1]["choices"][0]["finish_reason"] == "stop"
    assert raws[-1]["choices"][0]["native_finish_reason"] == "completed"
    assert (reader.done, reader.usage, reader.chars) == (True, Usage(3, 2), 2)
    assert json.loads(reader.usage_chunk(Usage(), {"cost": 1}))["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
def test_an_end_ends_it(kind: str) -> None:
    _, reader = read(CREATED, piece("output_text", "a"), completed(kind=kind))
    assert (reader.done, reader.finish_reason) == (True, "stop" if kind == "completed" else "length")


@pytest.mark.parametrize("last", ["", "data: [DONE]\n\n", wire(done(said("a"))).decode()])
def test_anything_else_is_a_cut(last: str) -> None:
    reader = decoder()
    reader.feed(wire(CREATED, piece("output_text", "a"), last))
    with pytest.raises(CutError):
        reader.finish()
    assert not reader.done


def test_nothing_at_all_is_no_cut_and_no_end() -> None:
    for body in (b"", b"  \n", wire(CREATED)):
        reader = decoder()
        assert reader.feed(body) + reader.finish() == []
        assert (reader.done, reader.saw_content) == (False, False)


@pytest.mark.parametrize(
    ("event", "message", "code"),
    [
        ({"type": "error", "code": "server_error", "message": "oh", "param": None}, "oh", "server_error"),
        (
            {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "oh"}},
            "oh",
            "rate_limit_exceeded",
        ),
        (completed(kind="failed", error={"code": "server_error", "message": "oh"}), "oh", "server_error"),
        ({"type": "response.failed", "response": {}}, "failed", "server_error"),
        (completed(error={"code": "x", "message": "oh"}), "oh", "x"),
        ('data: {"error": {"message": "oh", "code": "y"}}\n\n', "oh", "y"),
        ("event: error\ndata: plain words\n\n", "plain words", None),
        ('{"error": {"message": "oh", "code": "z"}}', "oh", "z"),
    ],
)
def test_an_error_is_never_lost(event: Any, message: str, code: str | None) -> None:
    reader = decoder()
    before = [] if isinstance(event, str) and event.startswith("{") else [CREATED, piece("output_text", "a")]
    reader.feed(wire(*before, event))
    reader.finish()
    assert reader.error is not None
    assert (message in reader.error.message, reader.error.code, reader.done) == (True, code, False)


def test_what_a_failed_response_used_is_known() -> None:
    _, reader = read(CREATED, completed(kind="failed", error={"code": "server_error", "message": "oh"}))
    assert reader.usage == Usage(3, 2)


@pytest.mark.parametrize("streamed", ["", "ab", "abc", "abcd"])
def test_a_whole_text_adds_what_its_pieces_lacked(streamed: str) -> None:
    whole = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "abcd"}
    events = [piece("output_text", streamed, content_index=0)] if streamed else []
    for more in ([whole], [done(said("abcd"))], [], [whole, done(said("abcd"))]):
        message, _ = read(CREATED, *events, *more, completed(said("abcd")))
        assert message == {"content": "abcd"}


def test_pieces_that_say_something_else_stand() -> None:
    message, _ = read(CREATED, piece("output_text", "xy"), done(said("abcd")), completed(said("abcd")))
    assert message["content"] == "xy"


def test_parts_that_are_numbered_otherwise_in_their_item_are_not_doubled() -> None:
    message, _ = read(CREATED, piece("output_text", "ab", content_index=1), completed(said("ab")))
    assert message["content"] == "ab"


def test_ids_that_change_from_event_to_event_do_no_harm() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}
    message, _ = read(
        CREATED,
        added({**call, "id": "a"}),
        piece("function_call_arguments", "{}", item_id="b"),
        done({**call, "id": "c", "arguments": "{}"}),
        completed({**call, "id": "d", "arguments": "{}"}, id="resp_2"),
    )
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]


def test_places_that_count_items_which_the_end_leaves_out_do_no_harm() -> None:
    one, two = {**said("one"), "id": "a"}, {**said("two"), "id": "b"}
    for id_ in ("b", "changed"):
        message, _ = read(CREATED, done(one, 0), done(two, 2), completed(one, {**two, "id": id_}))
        assert message["content"] == "one\n\ntwo"


def test_a_call_is_begun_before_its_arguments_are_known() -> None:
    reader = decoder()
    call = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": ""}
    assert reader.feed(wire(CREATED, added(call)))[0].content
    reader.feed(wire(piece("function_call_arguments", '{"a":')))
    reader.feed(wire(piece("function_call_arguments", "1}"), completed({**call, "arguments": '{"a":1}'})))
    assert (reader.done, reader.finish_reason) == (True, "tool_calls")


def test_a_call_whose_name_comes_last_is_whole() -> None:
    call = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}"}
    begun, half = added({"type": "function_call"}), piece("function_call_arguments", "{")
    message, _ = read(CREATED, begun, half, done(call), completed(call))
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


def test_free_text_for_a_custom_tool() -> None:
    call = {"type": "custom_tool_call", "id": "ct", "call_id": "c1", "name": "g", "input": ""}
    message, _ = read(
        CREATED, added(call), piece("custom_tool_call_input", "SEL"), completed({**call, "input": "SELECT"})
    )
    assert message["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "g", "input": "SELECT"}}
    ]


def test_encrypted_reasoning_comes_with_the_finished_item() -> None:
    item = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "half"}
    whole = {**item, "summary": [{"type": "summary_text", "text": "ab"}], "encrypted_content": "gAAA"}
    message, _ = read(
        CREATED,
        added(item),
        piece("reasoning_summary_text", "a", summary_index=0),
        done(whole),
        completed(whole),
    )
    shared = {"format": "openai-responses-v1", "id": "rs"}
    assert message["reasoning"] == "ab"
    assert message["reasoning_details"][0] == {"type": "reasoning.summary", "summary": "ab", **shared}
    assert message["reasoning_details"][1]["data"] == "gAAA"


def test_log_probabilities_come_with_their_piece() -> None:
    entry = {"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}
    reader = decoder()
    chunk = json.loads(reader.feed(wire(CREATED, piece("output_text", "a", logprobs=[entry])))[0].raw)
    assert chunk["choices"][0]["logprobs"]["content"] == [entry]
    assert reader.feed(wire(done(said("a", logprobs=[entry])))) == []


def test_annotations_come_once() -> None:
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    other = {"type": "file_citation", "file_id": "f"}
    event = {
        "type": "response.output_text.annotation.added",
        "output_index": 0,
        "content_index": 0,
        "annotation": cited,
    }
    whole = said("a", annotations=[cited, other])
    message, _ = read(CREATED, piece("output_text", "a"), event, done(whole), completed(whole))
    assert (len(message["annotations"]), message["other_annotations"]) == (1, [other])


def test_plain_json_in_the_place_of_a_stream_is_read() -> None:
    message, reader = read(json.dumps(completed(said("hi"))["response"]))
    assert (message["content"], reader.done, reader.usage) == ("hi", True, Usage(3, 2))


def test_events_that_nobody_knows_pass_by() -> None:
    odd: list[Json | str] = [
        {"type": "response.future.delta", "delta": "x"},
        {"type": "keepalive"},
        'data: "text"\n\n',
        ": ping\n\n",
        {"type": "response.output_item.added", "item": None},
        {"type": "response.output_text.delta", "delta": None},
    ]
    message, reader = read(CREATED, *odd, piece("output_text", "a"), completed(said("a")))
    assert (message["content"], reader.done) == ("a", True)


def test_garbage_is_an_error() -> None:
    _, reader = read(CREATED, "data: {broken\n\n")
    assert reader.error is not None
    assert reader.error.type == "malformed"


def test_an_unknown_service_tier_is_not_shown_as_openais() -> None:
    reader = decoder()
    raw = json.loads(reader.feed(wire(CREATED, completed(said("a"), service_tier="provisioned")))[-1].raw)
    assert (raw.get("service_tier"), raw["native_service_tier"]) == (None, "provisioned")


TEXT = st.text(max_size=6)
ITEMS = st.one_of(
    st.builds(
        lambda text, phase: {**said(text), **({"phase": phase} if phase else {})},
        TEXT,
        st.none() | st.just("commentary"),
    ),
    st.builds(
        lambda texts, secret: {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text} for text in texts],
            "encrypted_content": secret,
        },
        st.lists(TEXT, max_size=2),
        st.none() | st.just("gAAA"),
    ),
    st.builds(lambda text: {"type": "function_call", "call_id": "c", "name": "f", "arguments": text}, TEXT),
    st.builds(lambda text: {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": text}, TEXT),
    st.just({"type": "web_search_call", "status": "completed"}),
)
FIELDS = {"message": "output_text", "function_call": "function_call_arguments"}
FIELDS |= {"custom_tool_call": "custom_tool_call_input", "reasoning": "reasoning_summary_text"}


def pieces(item: Json, place: int, cut: int) -> list[Json]:
    """The item's texts, each cut in two."""
    kind = FIELDS.get(item["type"])
    if kind is None:
        return []
    texts = [part["text"] for part in item.get("content") or item.get("summary") or []]
    texts = texts or [item.get("arguments") or item.get("input") or ""]
    return [
        piece(kind, half, place, summary_index=number, content_index=number)
        for number, text in enumerate(texts)
        for half in (text[:cut], text[cut:])
        if half
    ]


@given(st.lists(ITEMS, max_size=5), st.data())
def test_a_stream_says_what_the_whole_response_says(output: list[Json], data: st.DataObject) -> None:
    output = [{**item, "id": f"i{place}"} for place, item in enumerate(output)]
    events: list[Json | str] = [CREATED]
    for place, item in enumerate(output):
        begun = {
            **item,
            "content": [],
            "summary": [],
            "arguments": "",
            "input": "",
            "encrypted_content": None,
        }
        shape = data.draw(st.sampled_from(["all", "pieces", "done", "none"]))
        if shape in ("all", "pieces"):
            events += [added(begun, place), *pieces(item, place, data.draw(st.integers(0, 6)))]
        if shape in ("all", "done"):
            events.append(done(item, place))
    message, reader = read(*events, completed(*output))
    whole = decode(json.dumps(completed(*output)["response"]).encode(), **GIVEN)
    expected = whole.body["choices"][0]["message"]
    assert _comparable(message) == _comparable(expected)
    assert reader.finish_reason == whole.body["choices"][0]["finish_reason"]
    assert reader.saw_content == whole.content


def _comparable(message: Json) -> Json:
    """Without what depends on the order in which a provider sends its events."""
    kept = {name: value for name, value in message.items() if value and name != "role"}
    native = [item for item in kept.get("native_content", []) if item["type"] != "xroute.order"]
    kept["native_content"] = sorted(json.dumps(item, sort_keys=True) for item in native)
    strip = ("index", "id")
    kept["reasoning_details"] = sorted(
        json.dumps({k: v for k, v in entry.items() if k not in strip}, sort_keys=True)
        for entry in kept.get("reasoning_details", [])
    )
    for name in ("content", "reasoning"):
        kept[name] = sorted((kept.get(name) or "").split("\n\n"))
    kept["tool_calls"] = sorted(json.dumps(call, sort_keys=True) for call in kept.get("tool_calls", []))
    return kept
