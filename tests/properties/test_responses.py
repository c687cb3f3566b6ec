"""The Responses surface: what is sent is understood or refused, what is streamed adds up to the answer."""

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from xroute.dialects.custom import as_functions
from xroute.dialects.openai_responses.parse import parse
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SAID = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
KINDS = (
    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "item_reference",
    "custom_tool_call_output", "compaction", "web_search_call", "additional_tools", "input_text",
    "input_image", "input_file", "function", "custom", "namespace", "web_search", "allowed_tools",
)  # fmt: skip
WORDS = st.sampled_from((*KINDS, "user", "assistant", "system", "developer", "xr1:e30=", "auto"))
SCALARS = st.none() | st.booleans() | st.integers(-9, 2**40) | WORDS | TEXT
NAMES = ("type", "role", "content", "text", "id", "call_id", "name", "namespace", "arguments", "input")
MORE = ("output", "summary", "encrypted_content", "image_url", "file_id", "file_data", "detail", "tools")
REST = ("format", "parameters", "filters", "phase", "annotations", "json_schema", "schema", "mode", "effort")
KEYS = st.sampled_from(NAMES + MORE + REST)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    (
        "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "store",
        "stream", "background", "previous_response_id", "metadata", "max_output_tokens", "top_logprobs",
        "truncation", "models", "parallel_tool_calls", "temperature", "service_tier", "stream_options",
    )
)  # fmt: skip
ITEM = st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional={
    "role": WORDS, "content": JSON, "call_id": TEXT, "name": TEXT, "arguments": TEXT, "output": JSON,
    "summary": JSON, "encrypted_content": JSON, "namespace": TEXT, "tools": JSON, "id": TEXT,
})  # fmt: skip
ASKED = st.dictionaries(FIELDS, JSON, max_size=5) | st.builds(
    lambda more, items: {**more, "model": "m", "input": items},
    st.dictionaries(FIELDS, JSON, max_size=3),
    st.lists(ITEM | JSON, min_size=1, max_size=5),
)


@given(ASKED)
def test_a_request_is_understood_or_refused_by_a_field(asked):
    try:
        call = parse(orjson.dumps(asked))
    except CallError as error:
        assert error.status == 400
        return
    assert call.body["messages"]
    assert all(isinstance(said["role"], str) for said in call.body["messages"])
    orjson.dumps(as_functions(call.body))
    response = orjson.loads(call.surface.write({"id": "c", "created": 1, "model": "m", "choices": [{}]}))
    assert response["object"] == "response"
    events = call.surface.encoder("req-1", 1).finish(b"")
    assert b"event: response.completed" in events


DETAIL = st.builds(
    lambda text, form, index: {"type": "reasoning.text", "text": text, "format": form, "index": index},
    SAID,
    st.sampled_from(("anthropic-claude-v1", "openai-responses-v1", None)),
    st.just(0),
)
SECRET = st.builds(
    lambda data, form: {"type": "reasoning.encrypted", "data": data, "format": form, "index": 1},
    SAID,
    st.sampled_from(("google-gemini-v1", "openai-responses-v1")),
)
CALL = st.builds(
    lambda id_, name, arguments, custom: {
        "id": f"call_{id_}", "type": "function", "function": {
            "name": name, "arguments": json.dumps({"input": arguments} if custom else {"a": arguments})},
    } if name != "patch" else {
        "id": f"call_{id_}", "type": "custom", "custom": {"name": name, "input": arguments}},
    st.integers(0, 99), st.sampled_from(("f", "crm__find", "note", "patch")), SAID, st.booleans(),
)  # fmt: skip
MESSAGE = st.builds(
    lambda details, text, refusal, calls, finish: (
        {
            "reasoning_details": details,
            "reasoning": "".join(entry.get("text", "") for entry in details),
            "content": text,
            "refusal": refusal,
            "tool_calls": calls,
        },
        finish,
    ),
    st.lists(DETAIL, max_size=1).flatmap(lambda one: st.lists(SECRET, max_size=1).map(lambda two: one + two)),
    st.none() | SAID,
    st.none() | SAID,
    st.lists(CALL, max_size=3),
    st.sampled_from(("stop", "length", "tool_calls", "content_filter")),
)
TOOLS = [
    {"type": "custom", "name": "note"},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]},
]
ASK = orjson.dumps({"model": "m", "input": "Hi", "tools": TOOLS, "stream": True})


def cuts(text, draw):
    """A text in pieces."""
    places = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def pieces(message, draw):
    """The message as a provider might stream it."""
    for entry in message["reasoning_details"]:
        name = next(name for name in ("text", "data") if name in entry)
        texts = cuts(entry[name], draw) if name == "text" else [entry[name]]
        for text in texts:
            yield {"reasoning": text if name == "text" else "", "reasoning_details": [{**entry, name: text}]}
    for text in cuts(message["content"] or "", draw):
        yield {"content": text}
    for text in cuts(message["refusal"] or "", draw):
        yield {"refusal": text}
    for index, call in enumerate(message["tool_calls"]):
        kind = call["type"]
        field = "arguments" if kind == "function" else "input"
        first = True
        for text in cuts(call[kind][field], draw):
            named = {"id": call["id"], "type": kind} if first else {}
            inner = {field: text} | ({"name": call[kind]["name"]} if first else {})
            first = False
            yield {"tool_calls": [{"index": index, **named, kind: inner}]}


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return Chunk(orjson.dumps({"id": "c", "created": 1, "model": "up", "choices": [choice]}))


@given(MESSAGE, st.data())
def test_a_stream_in_any_cutting_ends_in_the_response_of_the_whole_answer(made, data):
    message, finish = made
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    whole = parse(ASK, response_id="resp_0a").surface
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    whole.write({"id": "c", "created": 1, "model": "up", "choices": [choice], "usage": usage})
    streamed = parse(ASK, response_id="resp_0a").surface
    encoder = streamed.encoder("req-1", 1)
    chunks = [chunk(delta) for delta in pieces(message, data.draw)] + [chunk({}, finish)]
    raw = b""
    while chunks:
        count = data.draw(st.integers(1, 3))
        raw += encoder.feed(chunks[:count])
        chunks = chunks[count:]
    raw += encoder.finish(orjson.dumps({"choices": [], "usage": usage}))
    assert streamed.response == whole.response
    assert folded(raw) == whole.response["output"]


def folded(raw):
    """The output as the events tell it, one by one."""
    items: dict[int, dict[str, Any]] = {}
    texts: dict[tuple[Any, ...], str] = {}
    for block in raw.decode().split("\n\n")[:-2]:
        event = json.loads(block.split("\n")[1][6:])
        kind, place = event["type"], event.get("output_index")
        if kind.endswith(".delta"):
            key = (kind[:-6], place, event.get("content_index"), event.get("summary_index"))
            texts[key] = texts.get(key, "") + event["delta"]
        elif kind == "response.output_item.done":
            items[place] = event["item"]
        elif kind.endswith(".done") and not kind.endswith("part.done"):
            key = (kind[:-5], place, event.get("content_index"), event.get("summary_index"))
            whole = next(event[name] for name in ("text", "refusal", "arguments", "input") if name in event)
            assert texts.get(key, "") == whole
    return [items[place] for place in sorted(items)]


@given(MESSAGE)
def test_what_a_client_sends_back_is_what_the_model_said(made):
    message, _ = made
    surface = parse(ASK, response_id="resp_0a").surface
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    response = orjson.loads(surface.write({"id": "c", "created": 1, "model": "up", "choices": [choice]}))
    asked = {"model": "m", "input": [*response["output"], {"role": "user", "content": "x"}], "tools": TOOLS}
    said = parse(orjson.dumps(asked)).body["messages"]
    if len(said) == 1:
        assert not any(message.values())
        return
    back = said[0]
    assert (back["content"] or "") == (message["content"] or "")
    assert (back.get("refusal") or "") == (message["refusal"] or "")
    assert [call["id"] for call in back.get("tool_calls", [])] == [
        call["id"] for call in message["tool_calls"]
    ]
    assert [bare(entry) for entry in back.get("reasoning_details", [])] == [
        bare(entry) for entry in message["reasoning_details"]
    ]


def bare(entry):
    return {name: value for name, value in entry.items() if name in ("type", "text", "data", "format")}
