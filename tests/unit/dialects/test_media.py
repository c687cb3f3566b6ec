"""Requests for images and audio, and streams that pass as they come."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects import media
from xroute.dialects.openai import audio, speech, transcriptions
from xroute.dialects.relayed import Events, Sound
from xroute.errors import CutError, InvalidRequest
from xroute.wire import form
from xroute.wire.form import Field, File
from xroute.wire.usage import Usage

KNOWN = {"model": "up", "request_id": "r", "created": 1, "quirks": Quirks()}
FILE = File("a.wav", "audio/wav", memoryview(b"RIFF"))


def hear(*fields: tuple[str, str]):
    pieces, kind = form.write([Field("model", "m"), Field("file", FILE), *(Field(*each) for each in fields)])
    return media.parse_audio(bytearray(b"".join(pieces)), kind, "transcriptions")


def test_the_fields_of_a_form_have_the_types_of_json():
    call = hear(
        ("temperature", "0.5"),
        ("stream", "true"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("include", "logprobs"),
        ("chunking_strategy", '{"type": "server_vad"}'),
        ("prompt", "5"),
        ("provider", '{"order": ["x"]}'),
        ("unknown", "kept"),
    )
    body = {name: value for name, value in call.body.items() if name != "file"}
    assert body == {
        "model": "m",
        "temperature": 0.5,
        "stream": True,
        "timestamp_granularities": ["word", "segment"],
        "include": ["logprobs"],
        "chunking_strategy": {"type": "server_vad"},
        "prompt": "5",
        "provider": {"order": ["x"]},
        "unknown": "kept",
    }
    assert (call.stream, call.provider, call.is_heavy) == (True, {"order": ["x"]}, True)


def test_what_is_ours_stays_here_and_what_cannot_be_taken_is_named():
    call = hear(("provider", '{"order": ["x"]}'), ("prompt", "Names"), ("response_format", "srt"))
    sent = transcriptions.encode(call.body, upstream="up", quirks=Quirks(drop=frozenset({"prompt"})))
    fields = form.read(bytearray(b"".join(sent.pieces)), sent.headers[0][1])
    assert sent.dropped == ("prompt",)
    assert [field.name for field in fields] == ["model", "response_format", "file"]
    assert fields[1].value == "verbose_json"
    assert sent.pieces[1] is call.body["file"].data


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "x", "0x1"])
def test_a_temperature_is_a_number(value):
    with pytest.raises(InvalidRequest) as caught:
        hear(("temperature", value))
    assert caught.value.param == "temperature"


def test_no_form_is_told():
    with pytest.raises(InvalidRequest, match="multipart/form-data"):
        media.parse_audio(bytearray(b"{}"), "application/json", "transcriptions")


@given(
    st.dictionaries(
        st.sampled_from(["model", "input", "voice", "speed", "response_format", "stream_format"]),
        st.one_of(
            st.none(), st.text(max_size=5), st.integers(), st.booleans(), st.lists(st.none(), max_size=1)
        ),
    )
)
def test_any_object_is_speech_or_told_what_is_wrong(body):
    try:
        call = media.parse_speech(orjson.dumps(body))
    except InvalidRequest as error:
        assert error.param
    except orjson.JSONEncodeError:
        pass
    else:
        assert speech.encode(call.body, upstream="up", quirks=Quirks()).body["model"] == "up"


DELTA = b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n'
LAST = (
    b"event: transcript.text.done\n"
    b'data: {"type":"transcript.text.done","text":"Hello","usage":{"type":"tokens","input_tokens":54,'
    b'"output_tokens":16,"total_tokens":70,"input_token_details":{"audio_tokens":50,"text_tokens":4}}}\n\n'
)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_any_cutting_gives_the_same_events(places):
    raw = DELTA + LAST + b"data: [DONE]\n\n"
    cuts = [0, *sorted({place for place in places if place < len(raw)}), len(raw)]
    decoder = Events(**KNOWN)
    parts = [raw[a:b] for a, b in itertools.pairwise(cuts) if a < b]
    chunks = [chunk for part in parts for chunk in decoder.feed(part)]
    assert b"".join(chunk.raw for chunk in chunks) == raw
    assert decoder.done
    assert decoder.usage == Usage(input=54, output=16, audio_in=50)


def test_an_end_without_the_last_event_is_a_cut():
    decoder = Events(**KNOWN)
    decoder.feed(DELTA)
    with pytest.raises(CutError):
        decoder.finish()


def test_an_end_without_done_is_one_after_the_last_event():
    decoder = Events(**KNOWN)
    decoder.feed(DELTA + LAST)
    decoder.finish()
    assert decoder.done


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"type":"error","error":{"message":"no","code":"c"}}\n\n',
        b'event: error\ndata: {"message":"no","code":"c"}\n\n',
        b'data: {"error":{"message":"no","code":"c"}}\n\n',
    ],
)
def test_an_error_inside_a_stream_is_seen(raw):
    decoder = Events(**KNOWN)
    assert decoder.feed(raw) == []
    assert (decoder.error.message, decoder.error.code) == ("no", "c")


def test_sound_passes_and_an_empty_one_is_none():
    decoder = Sound(**KNOWN)
    assert [chunk.raw for chunk in decoder.feed(b"ID3")] == [b"ID3"]
    decoder.finish()
    assert decoder.done
    empty = Sound(**KNOWN)
    empty.finish()
    assert not empty.done and not empty.saw_content


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ({"type": "duration", "seconds": 4}, None),
        (None, None),
        ({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, Usage(input=5, output=7)),
        (
            {
                "input_tokens": 9,
                "output_tokens": 7,
                "total_tokens": 16,
                "input_tokens_details": {"image_tokens": 4},
            },
            Usage(input=9, output=7, image_in=4, image_out=7),
        ),
        (
            {
                "input_tokens": 9,
                "output_tokens": 7,
                "total_tokens": 16,
                "input_tokens_details": {"image_tokens": 4},
                "output_tokens_details": {"image_tokens": 5, "text_tokens": 2},
            },
            Usage(input=9, output=7, image_in=4, image_out=5),
        ),
    ],
)
def test_usage_is_of_tokens_or_of_nothing(given, usage):
    assert audio.usage_of(given) == usage
