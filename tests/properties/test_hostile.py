"""Whatever a client sends, it is understood or refused: no parser and no encoder raises anything else."""

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xroute import dialects
from xroute.catalog.entries import Quirks
from xroute.dialects.anthropic.parse import parse as parse_messages
from xroute.dialects.anthropic.parse import parse_count as parse_messages_count
from xroute.dialects.completions import parse as parse_completions
from xroute.dialects.custom import as_functions
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.dialects.gemini.parse import parse_count as parse_gemini_count
from xroute.dialects.media import parse_audio, parse_image_edits, parse_images, parse_speech
from xroute.dialects.openai import codec
from xroute.dialects.openai.parse import parse as parse_chat
from xroute.dialects.openai_responses import compact
from xroute.dialects.openai_responses.parse import parse as parse_responses
from xroute.dialects.requests import parse_embeddings, parse_moderations, parse_rerank
from xroute.errors import InvalidRequest
from xroute.wire import form
from xroute.wire.call import Call
from xroute.wire.form import Field, File

# One request of each surface that has nearly every field, to be spoilt in every way.
SEEDS: dict[str, Any] = orjson.loads((Path(__file__).parents[1] / "fixtures" / "requests.json").read_bytes())
EDITS = SEEDS["images"] | {
    "images": [{"image_url": "data:image/png;base64,QUJD"}],
    "mask": {"image_url": "x"},
}
SURFACES: dict[str, tuple[Any, Any]] = {
    "chat": (parse_chat, SEEDS["chat"]),
    "messages": (lambda raw: parse_messages(raw, {}), SEEDS["messages"]),
    "messages count": (lambda raw: parse_messages_count(raw, {}), SEEDS["messages"]),
    "gemini": (lambda raw: parse_gemini(raw, "m"), SEEDS["gemini"]),
    "gemini count": (lambda raw: parse_gemini_count(raw, "m"), {"generateContentRequest": SEEDS["gemini"]}),
    "responses": (parse_responses, SEEDS["responses"]),
    "compact": (compact.parse, SEEDS["responses"]),
    "completions": (parse_completions, SEEDS["completions"]),
    "embeddings": (parse_embeddings, SEEDS["embeddings"]),
    "rerank": (parse_rerank, SEEDS["rerank"]),
    "moderations": (parse_moderations, SEEDS["moderations"]),
    "speech": (parse_speech, SEEDS["speech"]),
    "images": (parse_images, SEEDS["images"]),
    "image edits": (lambda raw: parse_image_edits(bytearray(raw), "application/json"), EDITS),
}
UPSTREAMS = {
    "openai": "gpt-5",
    "openai_responses": "gpt-5",
    "anthropic": "claude-opus-4-7",
    "gemini": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "ollama": "qwen3",
    "elevenlabs": "eleven_v3",
    "deepgram": "nova-3",
}
ANYTHING = st.sampled_from(
    [None, True, 0, -1, 2**63, 1e308, 0.5, "", "x", "a\0b", "data:", "data:,x", "https://", "http://[", "[",
     "{}", "[1]", "null", "NaN", '{"a":"\\ud83d"}', [], {}, [[]], [{}], [None], [1], ["x"], {"type": None},
     {"type": []}, {"type": "text"}, {"text": None}, {"type": "function", "function": None}, {"$ref": "#"},
     {"type": ["string", "null"]}, {"anyOf": [None]}, {"properties": {"a": None}}, {"items": 3}]
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to every value inside of `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, one in inner for path in [(*at, key), *places(one, (*at, key))]]


def inner(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


@st.composite
def spoilt(draw: Any, seed: Any) -> Any:
    """A request with some of its values replaced, left out, doubled or wrapped."""
    body = copy.deepcopy(seed)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(body) or [()]))
        if not path:
            break
        holder, key = inner(body, path[:-1]), path[-1]
        match draw(st.integers(0, 5)):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2:
                holder[key] = {"type": holder[key]}
            case 3:
                holder[key] = copy.deepcopy(inner(body, draw(st.sampled_from(places(body)))))
            case _:
                holder[key] = copy.deepcopy(draw(ANYTHING))
    return body


def understood(parse: Any, raw: bytes) -> Call | None:
    try:
        return parse(raw)
    except InvalidRequest as error:
        assert error.message
        return None


def encode_everywhere(call: Call) -> None:
    """By each dialect that has this operation; the call stays as it is."""
    before = repr(call.body)
    for name, upstream in UPSTREAMS.items():
        part: Any = dialects.get(name) if call.operation == "chat" else dialects.part(name, call.operation)
        native: Any = dialects.part(name, "native") if call.surface.dialect == name and call.raw else None
        translates = hasattr(part, "encode") and call.operation != "count_tokens"
        for body in (call.body, as_functions(call.body)) if translates else ():
            try:
                encoded = part.encode(body, upstream=upstream, quirks=Quirks(), abilities=None, output=64_000)
                assert encoded.pieces or codec.read(codec.write(encoded.body)) is not None
            except InvalidRequest as error:
                assert error.message
        if native is not None:
            assert native.encode(call, upstream=upstream, quirks=Quirks())
        assert repr(call.body) == before


@pytest.mark.parametrize("surface", SURFACES)
def test_the_seed_is_understood(surface: str) -> None:
    parse, seed = SURFACES[surface]
    assert understood(parse, orjson.dumps(seed)) is not None


@pytest.mark.parametrize("surface", SURFACES)
@settings(max_examples=25)
@given(st.data())
def test_a_spoilt_request_is_understood_or_refused(surface: str, data: Any) -> None:
    parse, seed = SURFACES[surface]
    raw = codec.write(data.draw(spoilt(seed)))
    if (call := understood(parse, raw)) is not None:
        encode_everywhere(call)


@pytest.mark.parametrize(
    ("surface", "path", "value"),
    [
        ("chat", ("service_tier",), {}),
        ("chat", ("tools",), [1]),
        ("chat", ("tools", 0, "type"), {}),
        ("chat", ("tools", 0, "function", "name"), []),
        ("chat", ("labels",), "x"),
        ("chat", ("output_config",), ["x"]),
        ("chat", ("messages", 2, "content", 1, "type"), []),
        ("chat", ("messages", 2, "content", 1, "image_url", "url"), "http://["),
        ("chat", ("messages", 2, "content", 1, "image_url", "detail"), []),
        ("chat", ("messages", 3, "tool_calls"), 5),
        ("chat", ("messages", 3, "tool_calls", 0, "function", "arguments"), '{"a":"\\ud83d"}'),
        ("messages", ("tool_choice", "type"), []),
        ("gemini", ("contents", 1, "parts", 2, "functionCall", "id"), {}),
        ("gemini", ("contents", 2, "parts", 0, "functionResponse", "parts"), 5),
        ("gemini", ("contents", 2, "parts", 0, "functionResponse", "parts"), ["x"]),
        ("gemini", ("contents", 0, "parts"), [{"type": "text", "other": 1}]),
        ("gemini", ("tools", 0, "functionDeclarations"), 5),
        ("gemini", ("tools", 0, "functionDeclarations", 0, "name"), {}),
        ("gemini", ("toolConfig", "functionCallingConfig", "allowedFunctionNames"), {"x": 1}),
        ("gemini", ("generationConfig", "responseSchema"), {"minItems": "9" * 5000}),
        ("responses", ("input", 0, "content", 0, "type"), []),
        ("compact", ("input", 4), {"role": "tool", "content": [{"type": "text", "text": "x"}]}),
        ("embeddings", ("input",), {"type": "text"}),
        ("rerank", ("documents",), [{"text": None}]),
        ("rerank", ("documents",), [{"text": [{}]}]),
    ],
)
def test_one_odd_value_breaks_nothing(surface: str, path: tuple[Any, ...], value: Any) -> None:
    parse, seed = SURFACES[surface]
    body = copy.deepcopy(seed)
    inner(body, path[:-1])[path[-1]] = value
    if surface == "chat":
        body.pop("response_format")  # so that its own output_config counts
    if (call := understood(parse, orjson.dumps(body))) is not None:
        encode_everywhere(call)


SOUND = File("a.wav", "audio/wav", memoryview(b"RIFF"))
NAMES = (
    "file", "model", "response_format", "temperature", "stream", "timestamp_granularities[]", "include[]",
    "prompt", "n", "size", "image", "image[]", "mask", "timeouts", "models", "chunking_strategy", "[]",
)  # fmt: skip
VALUES = st.sampled_from(["", "json", "true", "0.5", "nan", "{", '{"a":1}', "word", "9" * 5000, SOUND])
FIELDS = st.lists(st.builds(Field, st.sampled_from(NAMES), VALUES), max_size=4)


@pytest.mark.parametrize("operation", ["transcriptions", "translations", "image_edits"])
@given(FIELDS)
def test_a_form_of_anything_is_understood_or_refused(operation: Any, more: list[Field]) -> None:
    needed = [Field("model", "m"), Field("prompt", "p"), Field("file", SOUND), Field("image", SOUND)]
    pieces, kind = form.write([*needed[: 4 - len(more) % 2], *more])
    raw = bytearray().join(pieces)
    try:
        call = (
            parse_image_edits(raw, kind) if operation == "image_edits" else parse_audio(raw, kind, operation)
        )
        encode_everywhere(call)
    except InvalidRequest as error:
        assert error.message


@pytest.mark.parametrize("odd", [b"audio/wav\nx-evil: 1", b"audio/wav\rx-evil: 1", b"audio\0", b"a\x1fb"])
def test_a_part_of_a_form_cannot_write_a_header_of_its_own(odd: bytes) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    raw = head + b"Content-Type: %b\r\n\r\nx\r\n--b--" % odd
    with pytest.raises(InvalidRequest):
        form.read(bytearray(raw), "multipart/form-data; boundary=b")
