"""Transcripts in every form: nothing that was said is lost, and times stand in their order."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import Transcription, TranscriptionDiarized, TranscriptionVerbose

from xroute.dialects import transcript

NONE = frozenset()
texts = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=12)


@st.composite
def words(draw):
    found, at = [], 0.0
    for text in draw(st.lists(texts, max_size=30)):
        at += draw(st.floats(0, 3))
        end = at + draw(st.floats(0, 2))
        word = {"word": text, "start": at, "end": end}
        if draw(st.booleans()):
            word["speaker"] = draw(st.sampled_from("AB"))
        found.append(word)
        at = end
    return found


@given(words())
def test_segments_hold_every_word_once_and_in_order(given):
    segments = transcript.grouped(given)
    assert " ".join(each["text"] for each in segments).split() == [each["word"] for each in given]
    for segment, after in itertools.pairwise(segments):
        assert segment["start"] <= segment["end"] <= after["start"]


@given(words())
def test_a_segment_is_of_one_speaker_and_no_longer_than_a_subtitle(given):
    for segment in transcript.grouped(given):
        assert len(segment["text"]) <= transcript.MOST_CHARACTERS
        inside = [
            each for each in given if segment["start"] <= each["start"] and each["end"] <= segment["end"]
        ]
        if len(inside) == len(segment["text"].split()):
            assert len({each.get("speaker") for each in inside}) == 1


@given(words(), st.sampled_from(sorted(transcript.FORMS)))
def test_every_form_is_valid_and_says_everything(given, form):
    body = transcript.made(" ".join(each["word"] for each in given), given, language="en")
    raw = transcript.write(body, form, frozenset({"word", "segment"}))
    match form:
        case "json":
            assert Transcription.model_validate_json(raw).text == body["text"]
        case "verbose_json":
            found = TranscriptionVerbose.model_validate_json(raw)
            assert [each.word for each in found.words or []] == [each["word"] for each in given]
        case "diarized_json":
            found = TranscriptionDiarized.model_validate_json(raw)
            assert " ".join(each.text for each in found.segments).split() == body["text"].split()
        case "text":
            assert raw.decode() == body["text"] + "\n"
        case _:
            assert raw.decode().count(" --> ") == len(body.get("segments", ()))


def test_a_text_cannot_end_its_own_subtitle():
    body = {"text": "x", "segments": [{"start": 0, "end": 1, "text": "a --> b"}]}
    assert transcript.write(body, "vtt", NONE) == b"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na -> b\n\n"


def test_a_text_without_times_is_one_subtitle():
    raw = transcript.write({"text": "Hello", "duration": 2.5}, "srt", NONE)
    assert raw == b"1\n00:00:00,000 --> 00:00:02,500\nHello\n\n"
    assert transcript.write({"text": ""}, "srt", NONE) == b""


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (set(), {"segments"}),
        ({"word"}, {"words"}),
        ({"segment"}, {"segments"}),
        ({"word", "segment"}, {"words", "segments"}),
    ],
)
def test_verbose_holds_what_was_asked_for(asked, kept):
    body = transcript.made("Hi", [{"word": "Hi", "start": 0.0, "end": 1.0}])
    assert (
        json.loads(transcript.write(body, "verbose_json", frozenset(asked))).keys() & {"words", "segments"}
        == kept
    )


def test_fields_of_the_provider_stay():
    body = {"text": "Hi", "x_groq": {"id": "r"}}
    assert json.loads(transcript.write(body, "json", NONE)) == body


def test_what_stands_between_words_is_the_providers_and_stays_inside():
    words = [{"word": "你", "start": 0, "end": 1, "gap": ""}, {"word": "好", "start": 1, "end": 2, "gap": ""}]
    body = transcript.made("你好", words)
    assert body["segments"][0]["text"] == "你好"
    assert b"gap" not in transcript.write(body, "verbose_json", frozenset({"word"}))
    assert b"gap" not in transcript.write(body, "json", NONE)


def test_events_of_a_whole_answer():
    body = {"text": "Hi", "usage": {"type": "duration", "seconds": 1}}
    delta, done = transcript.events(body, "json")
    assert delta == {"type": "transcript.text.delta", "delta": "Hi"}
    assert done == {"type": "transcript.text.done", "text": "Hi", "usage": body["usage"]}
