"""Between any client's dialect and any provider's, requests and answers keep their meaning."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties import asked, heard, responded, said, talk, told
from tests.properties.said import Said
from tests.properties.talk import Meaning, meant
from tests.wire import claude, geminis, reading, responses

from xroute import dialects
from xroute.catalog.entries import Quirks
from xroute.dialects import anthropic, completions, openai_responses
from xroute.dialects import openai as chat
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.errors import CutError, ProviderUnavailable
from xroute.wire.call import Call

Json = dict[str, Any]

UPSTREAMS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere": "command-a-03-2025",
    "openai_responses": "gpt-5",
    "ollama": "llama3.3",
}
MARKING = ("anthropic", "bedrock")  # have marks for the cache
FAILING = ("anthropic", "bedrock", "gemini", "cohere", "ollama")  # tell a failed result from a good one
MARKING_CLIENTS = ("chat", "messages")
NARROWING = ("cohere", "ollama")  # a tool is chosen by offering no other
FEWER = settings(max_examples=20)  # of each pair: there are dozens of them
each_upstream = pytest.mark.parametrize("name", UPSTREAMS)


def sent(name: str, body: Json) -> tuple[Json, tuple[str, ...]]:
    """(the request as JSON, what was dropped); the client's body is never changed."""
    before = copy.deepcopy(body)
    encoded = dialects.get(name).encode(body, upstream=UPSTREAMS[name], quirks=Quirks())
    assert body == before
    return json.loads(json.dumps(encoded.body)), encoded.dropped


def expected(name: str, body: Json, dropped: tuple[str, ...]) -> Meaning:
    """All that was said, but for what the dialect said it lost, and what it has no word for."""
    meaning = meant(body, dropped)
    if name not in MARKING:
        meaning.marks = []
    if name not in FAILING:
        meaning.failed = []
    chosen = body.get("tool_choice")
    if name in NARROWING and isinstance(chosen, dict):
        named = chosen["function"]["name"]
        meaning.tools = [tool for tool in meaning.tools if tool[0] == named]
        meaning.choice = "auto" if "tool_choice" in dropped else "required"
    return meaning


@each_upstream
@given(body=talk.conversations())
def test_a_request_means_the_same_in_every_dialect(name, body):
    request, dropped = sent(name, body)
    assert heard.READERS[name](request) == expected(name, body, dropped)


@each_upstream
@pytest.mark.parametrize("client", asked.CLIENTS)
@FEWER
@given(body=talk.conversations(marks=True))
def test_what_a_client_asks_reaches_every_provider(client, name, body):
    call = asked.CLIENTS[client](body)
    wanted = meant(body)
    if client not in MARKING_CLIENTS:
        wanted.marks = []
    if client == "responses":
        wanted.failed = []  # its items have no word for it
    assert meant(call.body) == wanted
    request, dropped = sent(name, call.body)
    assert heard.READERS[name](request) == expected(name, call.body, dropped)


HI = [{"role": "user", "content": "Hi"}]
SURFACES: dict[str, Callable[[], Call]] = {
    "chat": lambda: chat.parse(_raw(messages=HI, stream=True, stream_options={"include_usage": True})),
    "completions": lambda: completions.parse(
        _raw(prompt="Hi", stream=True, stream_options={"include_usage": True})
    ),
    "messages": lambda: anthropic.parse(
        _raw(messages=HI, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 1024})
    ),
    "responses": lambda: openai_responses.parse(_raw(input="Hi"), response_id="resp_0a"),
    "gemini": lambda: parse_gemini(
        _raw(contents="Hi", generationConfig={"thinkingConfig": {"includeThoughts": True}}), "m", stream=True
    ),
}
WHOLE = {name: getattr(said, name, responded.whole) for name in UPSTREAMS}
STREAM = {name: getattr(said, f"{name}_stream", responded.stream) for name in UPSTREAMS}
GIVEN: Json = {"model": "m", "request_id": "r1", "created": 1, "quirks": Quirks()}
each_client = pytest.mark.parametrize("client", SURFACES)


def _raw(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


def understood(client: str, name: str, answer: Said) -> told.Told:
    """What the client has to be told."""
    calls = tuple((id_, tool, told._same(arguments)) for id_, tool, arguments in answer.calls)
    cached = 0 if name == "ollama" else said.CACHED
    shown = replace(answer, calls=calls)
    if client == "completions":
        shown = replace(answer, thought="", calls=())
    return shown, (said.READ, cached, said.WROTE)


def streamed(client: str, name: str, raw: bytes, draw: Any) -> tuple[str, list[bytes]]:
    """(what the client gets of a stream that comes in any pieces, its chunks)."""
    encoder = SURFACES[client]().surface.encoder("r1", 1)
    decoder = dialects.get(name).Decoder(**GIVEN, include_usage=True)
    places = sorted({0, len(raw), *draw(st.lists(st.integers(0, len(raw)), max_size=12))})
    out, chunks = b"", list[bytes]()
    for start, end in pairwise(places):
        found = decoder.feed(raw[start:end])
        chunks += [chunk.raw for chunk in found]
        out += encoder.feed(found) if found else b""
    found = decoder.finish()
    assert decoder.done
    assert decoder.error is None
    chunks += [chunk.raw for chunk in found]
    out += encoder.feed(found) if found else b""
    out += encoder.finish(decoder.usage_chunk(decoder.usage, {}))
    return out.decode(), chunks


@each_upstream
@each_client
@FEWER
@given(answer=said.answers(), data=st.data())
def test_what_a_provider_says_reaches_every_client(client, name, answer, data):
    whole = dialects.get(name).decode(WHOLE[name](answer), **GIVEN)
    written = SURFACES[client]().surface.write(whole.body).decode()
    assert told.WHOLE[client](written) == understood(client, name, answer)
    raw = STREAM[name](answer, said.pieces(data.draw))
    text, _ = streamed(client, name, raw, data.draw)
    assert told.STREAM[client](text) == understood(client, name, answer)


@each_upstream
@given(answer=said.answers(), data=st.data())
def test_a_stream_cut_anywhere_gives_the_same_chunks(name, answer, data):
    raw = STREAM[name](answer, said.pieces(data.draw))
    whole = dialects.get(name).Decoder(**GIVEN, include_usage=True)
    expected = [chunk.raw for chunk in whole.feed(raw) + whole.finish()]
    _, chunks = streamed("chat", name, raw, data.draw)
    assert chunks == expected


@each_upstream
@given(answer=said.answers(), data=st.data())
def test_a_stream_that_is_cut_off_never_looks_complete(name, answer, data):
    raw = STREAM[name](answer, said.pieces(data.draw))
    end = data.draw(st.integers(0, len(raw) - 1))
    decoder = dialects.get(name).Decoder(**GIVEN, include_usage=True)
    decoder.feed(raw[:end])
    if decoder.finish_reason:
        return  # all but the usage was there
    try:
        decoder.finish()
    except CutError:
        return
    assert decoder.error is not None or decoder.finish_reason or not decoder.saw_content


BROKEN: dict[str, Callable[[str], Any]] = {
    "chat": lambda text: reading.stream(text).error,
    "completions": lambda text: reading.stream(text).error,
    "messages": lambda text: claude.stream(claude.events(text)).error,
    "responses": lambda text: responses.stream(text).error,
    "gemini": lambda text: geminis.stream(text).error,
}


@each_upstream
@each_client
@FEWER
@given(answer=said.answers(), data=st.data())
def test_every_client_is_told_of_a_stream_that_broke(client, name, answer, data):
    raw = STREAM[name](answer, said.pieces(data.draw))
    decoder = dialects.get(name).Decoder(**GIVEN, include_usage=True)
    encoder = SURFACES[client]().surface.encoder("r1", 1)
    found = decoder.feed(raw[: data.draw(st.integers(0, len(raw) - 1))])
    out = encoder.feed(found) if found else b""
    chunk = decoder.chunk_of({"index": 0, "delta": {}, "finish_reason": "error"})
    out += encoder.fail(ProviderUnavailable("The provider broke off."), chunk)
    assert BROKEN[client](out.decode()) == "The provider broke off."


SIGNED = {"anthropic": "Sig==", "bedrock": "Sig==", "openai_responses": "gAAA"}


@each_upstream
@pytest.mark.parametrize("maker", SIGNED)
@FEWER
@given(answer=said.answers().filter(lambda made: made.thought))
def test_signed_reasoning_goes_back_to_who_can_read_it_and_to_nobody_else(maker, name, answer):
    given = {**GIVEN, "model": UPSTREAMS[maker]}
    message = dialects.get(maker).decode(WHOLE[maker](answer), **given).body["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": id_, "content": "Fine."} for id_, _, _ in answer.calls]
    tools = [{"type": "function", "function": {"name": tool, "parameters": {}}} for tool in talk.NAMES]
    thinks = {"reasoning": {"effort": "low"}, "max_tokens": 9000, "tools": tools}
    body = {"messages": [*HI, message, *(results or HI)], **thinks}
    request, dropped = sent(name, body)
    reads = name == maker or {name, maker} == {"anthropic", "bedrock"}  # Claude, on either
    assert (SIGNED[maker] in json.dumps(request)) == reads
    assert not [lost for lost in dropped if lost.startswith("messages")]
