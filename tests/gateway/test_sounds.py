"""OpenAI's client in front; providers that know no OpenAI behind: ElevenLabs, Deepgram, Google."""

import base64
import struct
from email import policy
from email.parser import BytesParser

import openai
import pytest
from tests.gateway.scripted import answer, chunked, scripting
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY

WAV = b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
B64 = base64.b64encode(PNG).decode()
SAMPLES = struct.pack("<8h", *range(8))


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        yield upstream


@pytest.fixture
def open_stage(upstream, tmp_path):
    """A gateway in front of one provider of a dialect."""

    def opening(dialect: str, **more):
        section = provider(upstream.url, ("up", "m"), dialect=dialect, **more)
        return running(tmp_path, {"providers": {"house": section}})

    return opening


def client_of(stage):
    return openai.AsyncOpenAI(api_key=KEY, base_url=f"http://127.0.0.1:{stage.port}/v1", max_retries=0)


def form_of(seen):
    kind = seen.names["content-type"].encode()
    whole = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + seen.raw)
    parts = [(part.get_param("name", header="content-disposition"), part) for part in whole.iter_parts()]
    return {name: part.get_payload(decode=True) for name, part in parts}


def sound(*pieces: bytes, media: str = "audio/mpeg") -> bytes:
    start = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return start + b"".join(map(chunked, pieces)) + b"0\r\n\r\n"


ELEVEN = {
    "language_code": "eng",
    "text": "Hello there. Bye now",
    "words": [
        {"text": "Hello", "start": 0.1, "end": 0.4, "type": "word", "speaker_id": "speaker_0"},
        {"text": " ", "start": 0.4, "end": 0.5, "type": "spacing", "speaker_id": "speaker_0"},
        {"text": "there.", "start": 0.5, "end": 0.9, "type": "word", "speaker_id": "speaker_0"},
        {"text": " ", "start": 0.9, "end": 1.0, "type": "spacing", "speaker_id": "speaker_0"},
        {"text": "Bye", "start": 1.0, "end": 1.2, "type": "word", "speaker_id": "speaker_1"},
        {"text": " ", "start": 1.2, "end": 1.3, "type": "spacing", "speaker_id": "speaker_1"},
        {"text": "now", "start": 1.3, "end": 1.5, "type": "word", "speaker_id": "speaker_1"},
    ],
}


async def test_elevenlabs_speaks(upstream, open_stage):
    upstream.play(sound(b"ID3", b"x" * 99))
    async with (
        open_stage("elevenlabs", auth="header", auth_name="xi-api-key") as stage,
        client_of(stage) as client,
    ):
        said = await client.audio.speech.create(model="m", input="Hi", voice="a/b?c", speed=3.0)
        assert said.content == b"ID3" + b"x" * 99
        assert said.response.headers["x-xroute-dropped"] == "speed"
    (seen,) = upstream.seen
    assert seen.line == "POST /v1/text-to-speech/a%2Fb%3Fc/stream?output_format=mp3_44100_128 HTTP/1.1"
    assert seen.body == {"text": "Hi", "model_id": "up", "voice_settings": {"speed": 1.2}}
    assert seen.names["xi-api-key"] == "sk-upstream-1"


@pytest.mark.parametrize(
    ("wanted", "theirs"), [("pcm", "pcm_24000"), ("opus", "opus_48000_128"), ("ulaw_8000", "ulaw_8000")]
)
async def test_elevenlabs_gives_the_form_that_is_wanted(upstream, open_stage, wanted, theirs):
    upstream.play(sound(b"x", media="application/octet-stream"))
    async with open_stage("elevenlabs") as stage, client_of(stage) as client:
        said = await client.audio.speech.create(model="m", input="Hi", voice="v", response_format=wanted)
    kinds = {"pcm": "audio/pcm", "opus": "audio/ogg", "ulaw_8000": "application/octet-stream"}
    assert said.response.headers["content-type"] == kinds[wanted]
    assert upstream.seen[0].line.endswith(f"output_format={theirs} HTTP/1.1")


async def test_a_form_that_nobody_has_is_told(upstream, open_stage):
    async with open_stage("elevenlabs") as stage, client_of(stage) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.audio.speech.create(model="m", input="Hi", voice="v", response_format="flac")
    assert caught.value.param == "response_format"
    assert upstream.seen == []


async def test_elevenlabs_hears_words_that_become_segments(upstream, open_stage):
    upstream.play(answer(ELEVEN))
    async with open_stage("elevenlabs") as stage, client_of(stage) as client:
        said = await client.audio.transcriptions.create(
            file=("a.wav", WAV, "audio/wav"),
            model="m",
            language="en",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert (said.text, said.language, said.duration) == ("Hello there. Bye now", "eng", 1.5)
    assert [(each.start, each.end, each.text) for each in said.segments] == [
        (0.1, 0.9, "Hello there."),
        (1.0, 1.5, "Bye now"),
    ]
    assert [each.word for each in said.words] == ["Hello", "there.", "Bye", "now"]
    (seen,) = upstream.seen
    assert seen.line == "POST /v1/speech-to-text HTTP/1.1"
    assert form_of(seen) == {
        "model_id": b"up",
        "language_code": b"en",
        "tag_audio_events": b"false",
        "file": WAV,
    }


async def test_elevenlabs_tells_speakers_apart(upstream, open_stage):
    upstream.play(answer(ELEVEN))
    async with open_stage("elevenlabs") as stage, client_of(stage) as client:
        said = await client.audio.transcriptions.create(
            file=("a.wav", WAV), model="m", response_format="diarized_json"
        )
    assert [(each.speaker, each.text) for each in said.segments] == [
        ("speaker_0", "Hello there."),
        ("speaker_1", "Bye now"),
    ]
    assert form_of(upstream.seen[0])["diarize"] == b"true"


async def test_elevenlabs_says_what_is_wrong(upstream, open_stage):
    upstream.play(answer({"detail": {"status": "voice_not_found", "message": "No such voice."}}, 400))
    async with open_stage("elevenlabs") as stage, client_of(stage) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.audio.speech.create(model="m", input="Hi", voice="v")
    assert (caught.value.code, "No such voice." in caught.value.message) == ("voice_not_found", True)


DEEP = {
    "metadata": {"duration": 2.5, "request_id": "r"},
    "results": {
        "channels": [
            {
                "detected_language": "en",
                "alternatives": [
                    {
                        "transcript": "Hello there.",
                        "confidence": 0.9,
                        "words": [
                            {
                                "word": "hello",
                                "punctuated_word": "Hello",
                                "start": 0.1,
                                "end": 0.5,
                                "speaker": 0,
                            },
                            {
                                "word": "there",
                                "punctuated_word": "there.",
                                "start": 0.6,
                                "end": 1,
                                "speaker": 0,
                            },
                        ],
                    }
                ],
            }
        ],
        "utterances": [{"start": 0.1, "end": 1, "transcript": "Hello there.", "speaker": 0}],
    },
}


async def test_deepgram_hears(upstream, open_stage):
    upstream.play(answer(DEEP))
    auth = {"auth": "header", "auth_name": "authorization Token"}
    async with open_stage("deepgram", **auth) as stage, client_of(stage) as client:
        said = await client.audio.transcriptions.create(
            file=("a.wav", WAV, "audio/wav"), model="m", response_format="verbose_json", prompt="Names"
        )
        assert said.usage is None
    assert (said.text, said.language, said.duration) == ("Hello there.", "en", 2.5)
    assert [each.text for each in said.segments] == ["Hello there."]
    assert said.words is None
    (seen,) = upstream.seen
    assert seen.line == (
        "POST /v1/listen?model=up&smart_format=true&utterances=true&detect_language=true HTTP/1.1"
    )
    assert (seen.raw, seen.names["content-type"]) == (WAV, "audio/wav")
    assert seen.names["authorization"] == "Token sk-upstream-1"


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ("srt", "1\n00:00:00,100 --> 00:00:01,000\nspeaker_0: Hello there.\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.100 --> 00:00:01.000\nspeaker_0: Hello there.\n\n"),
        ("text", "Hello there.\n"),
    ],
)
async def test_deepgram_becomes_subtitles(upstream, open_stage, wanted, written):
    upstream.play(answer(DEEP))
    async with open_stage("deepgram") as stage, client_of(stage) as client:
        said = await client.audio.transcriptions.create(
            file=("a.wav", WAV), model="m", response_format=wanted, language="en"
        )
    assert said == written
    assert "language=en" in upstream.seen[0].line


async def test_deepgram_in_a_stream_is_two_events(upstream, open_stage):
    upstream.play(answer(DEEP))
    async with open_stage("deepgram") as stage, client_of(stage) as client:
        stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
        assert [event.type async for event in stream] == ["transcript.text.delta", "transcript.text.done"]


@pytest.mark.parametrize(
    ("voice", "model"),
    [("thalia", "up-thalia-en"), ("celeste-es", "up-celeste-es"), ("up-thalia-en", "up-thalia-en")],
)
async def test_deepgram_speaks(upstream, open_stage, voice, model):
    upstream.play(sound(b"RIFF", media="audio/wav"))
    async with open_stage("deepgram") as stage, client_of(stage) as client:
        said = await client.audio.speech.create(model="m", input="Hi", voice=voice, response_format="wav")
    assert said.content == b"RIFF"
    (seen,) = upstream.seen
    assert seen.line == (
        f"POST /v1/speak?model={model}&encoding=linear16&container=wav&sample_rate=24000 HTTP/1.1"
    )
    assert seen.body == {"text": "Hi"}


async def test_deepgram_says_what_is_wrong(upstream, open_stage):
    body = {"err_code": "Bad Request", "err_msg": "No such model/language/tier.", "request_id": "r"}
    upstream.play(answer(body, 400))
    async with open_stage("deepgram") as stage, client_of(stage) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.audio.transcriptions.create(file=("a.wav", WAV), model="m")
    assert "No such model/language/tier." in caught.value.message
