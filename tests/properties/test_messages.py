"""Anthropic's surface: what is sent is understood or refused, what is streamed adds up to the answer."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures import claude
from tests.fixtures.events import fold

from xroute.catalog.entries import ABILITIES, Quirks
from xroute.dialects.anthropic import seal
from xroute.dialects.anthropic.encode import encode
from xroute.dialects.anthropic.parse import parse, parse_count
from xroute.dialects.anthropic.surface import surface_of
from xroute.errors import CallError, InvalidRequest
from xroute.wire.chunk import Chunk

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SAID = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=8)
WORDS = st.sampled_from(
    ("text", "image", "document", "tool_use", "tool_result", "thinking", "base64", "url", "user", "enabled")
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 2**40) | WORDS | TEXT
BLOCK_FIELDS = ("text", "source", "content", "citations", "cache_control", "id", "name", "input", "thinking")
KEYS = st.sampled_from(
    (*BLOCK_FIELDS, "type", "data", "url", "signature", "tool_use_id", "media_type", "effort")
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
TOP = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format")
REST = ("stop_sequences", "metadata", "service_tier", "stream", "max_tokens", "models", "timeouts", "stop")
OPENAI = ("n", "stream_options", "response_format", "modalities", "usage", "functions", "logprobs")
FIELDS = st.sampled_from((*TOP, *REST, *OPENAI))
BLOCK = st.fixed_dictionaries(
    {"type": WORDS | TEXT},
    optional=dict.fromkeys(("text", "source", "content", "citations", "signature", "thinking"), JSON)
    | {"id": SCALARS, "name": SCALARS, "input": JSON, "tool_use_id": SCALARS, "cache_control": JSON},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant", "system")) | SCALARS},
    optional={"content": JSON | st.lists(BLOCK | JSON, max_size=3)},
)
ANY = st.dictionaries(FIELDS, JSON, max_size=5)
BODY = st.tuples(ANY, st.lists(MESSAGE, min_size=1, max_size=3)).map(
    lambda made: {"model": "m", "max_tokens": 5, **made[0], "messages": made[1]}
)


@given(st.binary(max_size=40) | JSON.map(orjson.dumps) | ANY.map(orjson.dumps) | BODY.map(orjson.dumps))
def test_any_request_is_refused_or_understood(raw):
    for reading in (parse, parse_count):
        try:
            call = reading(raw, {})
        except CallError as error:
            assert isinstance(error, InvalidRequest)
            assert error.message
            continue
        assert call.abilities <= ABILITIES
        assert 0 <= call.text_bytes <= len(raw)
        assert orjson.loads(call.raw)
        assert isinstance(call.body["messages"], list)


USERS = st.one_of(
    SAID.map(claude.text),
    SAID.map(lambda said: claude.text(said, cache_control=claude.MARK)),
    st.just({"type": "image", "source": {"type": "url", "url": "https://i.test/a.png"}}),
    st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}),
    st.just({"type": "document", "source": {"type": "url", "url": "https://d.test/a.pdf"}, "title": "T"}),
)
IDS = st.text("abc123_-", min_size=1, max_size=6)
INPUTS = st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | TEXT | st.lists(TEXT, max_size=2), max_size=3)


@st.composite
def conversations(draw: Any) -> list[dict[str, Any]]:
    """Turns in which every call of a tool gets its result."""
    turns: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(st.lists(USERS, min_size=1, max_size=3))})
        said: list[Any] = [claude.thinking(draw(SAID), "S")] if draw(st.booleans()) else []
        said += draw(st.lists(SAID.map(claude.text), min_size=1, max_size=2))
        ids = draw(st.lists(IDS, max_size=2, unique=True))
        said += [claude.use(id_, draw(SAID), **draw(INPUTS.map(dict))) for id_ in ids]
        turns.append({"role": "assistant", "content": said})
        if ids:
            results = [claude.result(id_, draw(st.lists(USERS, min_size=1, max_size=2))) for id_ in ids]
            turns.append({"role": "user", "content": [*results, *draw(st.lists(USERS, max_size=1))]})
            turns.append({"role": "assistant", "content": [claude.text(draw(SAID))]})
    turns.append({"role": "user", "content": [claude.text(draw(SAID))]})
    return turns


def flat(content: Any) -> list[Any]:
    """The blocks of a content, those of results too, a plain text as its block."""
    if isinstance(content, str):
        return [claude.text(content)]
    return [
        {**block, "content": flat(block["content"])} if block["type"] == "tool_result" else block
        for block in content
    ]


@given(conversations(), st.booleans())
def test_a_conversation_comes_back_as_it_was(turns, marked):
    system = [claude.text("Be brief.", cache_control=claude.MARK)] if marked else "Be brief."
    asked = {"model": "m", "max_tokens": 9, "system": system, "messages": turns, "tools": claude.tools()}
    call = parse(orjson.dumps(asked))
    sent = encode(call.body, upstream="claude-sonnet-4-5", quirks=Quirks())
    assert [(turn["role"], flat(turn["content"])) for turn in sent.body["messages"]] == [
        (turn["role"], flat(turn["content"])) for turn in turns
    ]
    assert sent.body["system"] == system
    assert sent.body["tools"] == asked["tools"]
    assert sent.dropped == ()


FINISH = st.sampled_from(("stop", "length", "tool_calls", "content_filter"))
OWN = {"type": "reasoning.text", "format": "anthropic-claude-v1"}


@st.composite
def answers(draw: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A whole message, and the deltas of a stream that says the same."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    how = draw(st.sampled_from(("none", "plain", "foreign", "own")))
    thoughts = draw(st.lists(SAID, min_size=1, max_size=3))
    if how != "none":
        message["reasoning"] = "".join(thoughts)
    if how == "plain":
        deltas += [{"reasoning": thought} for thought in thoughts]
    elif how == "foreign":
        item = {"type": "reasoning.summary", "format": "openai-responses-v1", "index": 0}
        locked = {"type": "reasoning.encrypted", "data": "E", "format": "openai-responses-v1", "index": 1}
        message["reasoning_details"] = [item | {"summary": "".join(thoughts)}, locked]
        deltas += [{"reasoning": t, "reasoning_details": [item | {"summary": t}]} for t in thoughts]
        deltas += [{"reasoning_details": [locked]}]
    elif how == "own":
        items = [OWN | {"index": n, "text": t, "signature": "S"} for n, t in enumerate(thoughts)]
        message["reasoning_details"] = items
        for item in items:
            piece = OWN | {"index": item["index"], "text": item["text"]}
            deltas.append({"reasoning": item["text"], "reasoning_details": [piece]})
            deltas.append({"reasoning_details": [OWN | {"index": item["index"], "signature": "S"}]})
    if texts := draw(st.lists(TEXT.filter(bool), max_size=4)):
        message["content"] = "".join(texts)
        deltas += [{"content": text} for text in texts]
    calls, pieces = draw(tools())
    if calls:
        message["tool_calls"] = calls
    return message, deltas + [{"tool_calls": [piece]} for piece in pieces]


@st.composite
def tools(draw: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Calls, and their pieces: in order, or those of several calls mixed."""
    calls: list[dict[str, Any]] = []
    rows: list[list[dict[str, Any]]] = []
    for number in range(draw(st.integers(0, 3))):
        arguments = orjson.dumps(draw(INPUTS)).decode()
        name = draw(SAID)
        calls.append(
            {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        )
        cuts = sorted({0, len(arguments), *draw(st.lists(st.integers(0, len(arguments)), max_size=3))})
        row = [{"index": number, "id": f"c{number}", "function": {"name": name, "arguments": ""}}]
        for start, end in pairwise(cuts):
            row.append({"index": number, "function": {"arguments": arguments[start:end]}})
        rows.append(row)
    mixed: list[dict[str, Any]] = []
    while rows:
        row = rows[draw(st.integers(0, len(rows) - 1))] if draw(st.booleans()) else rows[0]
        if row[0]["index"] > max((piece["index"] for piece in mixed), default=-1) + 1:
            row = rows[0]  # calls begin in order
        mixed.append(row.pop(0))
        rows = [row for row in rows if row]
    return calls, mixed


def unsealed(content: list[Any]) -> list[Any]:
    """The blocks with what stands in a seal in place of the seal."""
    for block in content:
        if block["type"] == "thinking" and seal.is_sealed(block["signature"]):
            block["signature"] = seal.unseal(block["signature"], block["thinking"])
    return content


USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cost": 0.5}


@given(answers(), FINISH, st.sampled_from(({}, {"thinking": {"type": "adaptive"}})), st.data())
def test_any_cutting_of_a_stream_adds_up_to_the_answer(answer, finish, wish, data):
    message, deltas = answer
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish})
    chunks = [Chunk(orjson.dumps({**about, "choices": [choice]})) for choice in choices]
    encoder = surface_of(wish).encoder("r", 1)
    raw = b""
    while chunks:
        size = data.draw(st.integers(1, len(chunks)))
        raw += encoder.feed(chunks[:size])
        chunks = chunks[size:]
    raw += encoder.finish(orjson.dumps({**about, "choices": [], "usage": USAGE}))
    choice = {"index": 0, "message": message, "finish_reason": finish}
    whole = orjson.loads(surface_of(wish).write({**about, "choices": [choice], "usage": USAGE}))
    folded = fold(raw)
    assert unsealed(folded.pop("content")) == unsealed(whole.pop("content"))
    assert folded == whole
