"""Recorded Messages through the client's side: requests lose nothing, answers come back as they were."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from anthropic.lib.streaming._beta_messages import accumulate_event
from tests.wire.claude import events
from tests.wire.recordings import SHARED, Recording, files, read

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.anthropic.decode import decode
from xroute.dialects.anthropic.parse import BILLING, parse, parse_count
from xroute.dialects.anthropic.stream import Decoder
from xroute.dialects.anthropic.surface import surface_of
from xroute.errors import InvalidRequest

Json = dict[str, Any]

FILES = [path for path in files() if path.name.split(".")[0] in ("anthropic", "azure", "ollama")]
ABOUT: Json = {"model": "m", "request_id": "r", "created": 1, "quirks": Quirks()}
SURFACE = surface_of({"thinking": {"type": "adaptive"}})
NO_HEADERS: Any = {}
COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

pytestmark = pytest.mark.skipif(
    not FILES, reason=f"no recordings at ../{SHARED.relative_to(SHARED.parents[2])}"
)


def texts(value: Any) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def said(content: Any) -> Iterator[str]:
    """What a content says: words, ids, pictures."""
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else []:
        for name in ("text", "thinking", "signature", "data", "id", "tool_use_id", "name", "title"):
            yield from texts(block.get(name))
        source = block.get("source")
        if isinstance(source, dict) and source["type"] in ("base64", "url", "file"):
            yield from (source[name] for name in ("data", "url", "file_id") if name in source)
        yield from said(block.get("content"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])
def test_nothing_that_a_client_says_is_lost(path):
    lost: list[str] = []
    for recording in read(path):
        raw = recording.data.get("request_body") or ""
        if not recording.endpoint.startswith("messages") or recording.data["request_encoding"] != "text":
            continue
        reading = parse_count if recording.endpoint.endswith("count_tokens") else parse
        try:
            given, call = orjson.loads(raw), reading(raw.encode())
        except (orjson.JSONDecodeError, InvalidRequest):
            if recording.status < 400:
                lost.append(f"{recording.where} is refused")
            continue
        kept = "\0".join(texts(call.body))
        asked = [*said(given.get("system")), *(t for m in given["messages"] for t in said(m["content"]))]
        asked += [tool["name"] for tool in given.get("tools") or () if "input_schema" in tool]
        lost += [
            f"{recording.where} {text[:60]!r}"
            for text in asked
            if text not in kept and not text.startswith(BILLING)
        ]
    assert lost == []


def summed(recording: Recording) -> Json:
    """The message that Anthropic's own client makes of a recorded answer; {} where it makes none."""
    if not recording.streaming:
        return orjson.loads(recording.text)
    snapshot: Any = None
    held: dict[int, bytes] = {}
    for _, data in events(recording.text):
        if data.strip() == "[DONE]" or (body := orjson.loads(data))["type"] == "ping":
            continue
        if body["type"] == "error" or (snapshot is not None and body["type"] == "message_start"):
            return {}
        snapshot = accumulate_event(
            event=body, current_snapshot=snapshot, json_bufs=held, request_headers=NO_HEADERS
        )
    return orjson.loads(snapshot.to_json()) if snapshot is not None else {}


def again(recording: Recording) -> Json:
    """The same answer through the canonical form and back."""
    if not recording.streaming:
        return orjson.loads(SURFACE.write(decode(recording.body, **ABOUT).body))
    decoder, encoder = Decoder(**ABOUT), SURFACE.encoder("r", 1)
    raw = b"".join(encoder.feed([chunk]) for chunk in [*decoder.feed(recording.body), *decoder.finish()])
    raw += encoder.finish(decoder.usage_chunk(decoder.usage, {}) if decoder.usage else b"")
    snapshot: Any = None
    held: dict[int, bytes] = {}
    for _, data in events(raw.decode()):
        snapshot = accumulate_event(
            event=orjson.loads(data), current_snapshot=snapshot, json_bufs=held, request_headers=NO_HEADERS
        )
    return orjson.loads(snapshot.to_json())


def blocks(content: list[Json]) -> list[Json]:
    """The blocks without fields that say nothing; texts in a row, and their citations, as one.

    A stream's call is out before its `caller` is known; where it matters, the provider's own bytes pass.
    """
    found: list[Json] = []
    for block in content:
        kept = {n: value for n, value in block.items() if value not in (None, "", []) and n != "caller"}
        if kept["type"] == "text" and found and found[-1]["type"] == "text":
            for name in ("text", "citations"):
                if name in kept:
                    found[-1][name] = found[-1][name] + kept[name] if name in found[-1] else kept[name]
        elif kept.keys() != {"type"}:
            found.append(kept)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])
def test_an_answer_comes_back_as_it_was(path):
    other: list[str] = []
    count = 0
    for recording in read(path):
        if recording.endpoint != "messages" or recording.status >= 400 or "truncated" in recording.notes:
            continue
        given = summed(recording)
        if not given:
            continue
        try:
            got = again(recording)
        except (ErrorBody, Malformed):
            continue  # no answer: tests.wire.judges.messages says whether that is right
        count += 1
        for name in ("id", "model", "stop_reason", "stop_sequence"):
            if given.get(name) != got.get(name):
                other.append(f"{recording.where} {name} {given.get(name)!r}, not {got.get(name)!r}")
        if blocks(given["content"]) != blocks(got["content"]):
            other.append(f"{recording.where} other blocks")
        if not given["usage"].get("iterations"):
            counts = [[usage["usage"].get(name) or 0 for name in COUNTS] for usage in (given, got)]
            other += [] if counts[0] == counts[1] else [f"{recording.where} usage {counts}"]
    assert other == []
    assert count > 0
