"""Transcripts through the whole gateway, and what is wrong with requests for images and audio."""

import asyncio
import tracemalloc

import openai
import orjson
import pytest
from tests.gateway.scripted import DONE, answer, chunked, error
from tests.gateway.studio import WAV, client, events, first, second, stage
from tests.gateway.wires import head

from xroute.wire import form

__all__ = ["client", "first", "second", "stage"]

TOKENS = {
    "type": "tokens",
    "input_tokens": 54,
    "output_tokens": 16,
    "total_tokens": 70,
    "input_token_details": {"audio_tokens": 54, "text_tokens": 0},
}


def asked(seen):
    """The form that a provider got."""
    found = form.read(bytearray(seen.raw), seen.names["content-type"])
    return {name: value if isinstance(value, str) else bytes(value.data) for name, value in found}


async def test_a_recording_goes_out_as_it_came_and_its_text_comes_back(client, first):
    first.play(answer({"text": "Hello there.", "usage": TOKENS}))
    said = await client.audio.transcriptions.create(
        file=("söng.wav", WAV, "audio/wav"), model="m", language="en", prompt="Names", temperature=0.2
    )
    assert said.text == "Hello there."
    assert (said.usage.type, said.usage.total_tokens) == ("tokens", 70)
    assert said.usage.cost == pytest.approx((54 * 6 + 16 * 10) / 1e6)
    (seen,) = first.seen
    assert seen.line == "POST /v1/audio/transcriptions HTTP/1.1"
    assert asked(seen) == {
        "model": "up",
        "language": "en",
        "prompt": "Names",
        "temperature": "0.2",
        "file": WAV,
        **({"response_format": "json"} if b"response_format" in seen.raw else {}),
    }
    found = [field.value for field in form.read(bytearray(seen.raw), seen.names["content-type"])]
    assert found[-1].filename == "söng.wav"
    assert found[-1].media == "audio/wav"


async def test_a_provider_that_fails_leaves_the_recording_to_the_next(stage, first, second):
    first.play(error(500))
    second.play(answer({"text": "Hello", "usage": {"type": "duration", "seconds": 4}}))
    pieces, media = form.write(
        [form.Field("model", "m"), form.Field("file", form.File("a.wav", "audio/wav", memoryview(WAV)))]
    )
    said = await stage.post(b"".join(pieces), "/v1/audio/transcriptions", **{"content-type": media})
    assert (said.status, said.provider, said.attempts) == (200, "two", 2)
    assert asked(first.seen[0])["file"] == asked(second.seen[0])["file"] == WAV
    assert said.body["usage"] == {"type": "duration", "seconds": 4, "cost": None}
    assert said.headers["x-xroute-cost"] == "unknown"


SEGMENTS = [
    {"id": 0, "start": 0.0, "end": 1.25, "text": " Hello there."},
    {"id": 1, "start": 3661.0, "end": 3662.0, "text": " Bye."},
]
SUBTITLES = {
    "text": "Hello there. Bye.\n",
    "srt": ("1\n00:00:00,000 --> 00:00:01,250\nHello there.\n\n2\n01:01:01,000 --> 01:01:02,000\nBye.\n\n"),
    "vtt": (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHello there.\n\n01:01:01.000 --> 01:01:02.000\nBye.\n\n"
    ),
}


@pytest.mark.parametrize("wanted", sorted(SUBTITLES))
async def test_texts_and_subtitles_are_made_here(client, first, wanted):
    first.play(answer({"text": "Hello there. Bye.", "segments": SEGMENTS, "duration": 3662.0}))
    said = await client.audio.transcriptions.with_raw_response.create(
        file=("a.wav", WAV), model="m", response_format=wanted
    )
    assert said.text() == SUBTITLES[wanted] if callable(said.text) else said.text == SUBTITLES[wanted]
    assert said.headers["content-type"].startswith("text/")
    assert asked(first.seen[0])["response_format"] == ("json" if wanted == "text" else "verbose_json")


async def test_words_and_segments_come_where_they_are_asked_for(client, first):
    words = [{"word": "Hello", "start": 0.0, "end": 0.5}]
    first.play(answer({"text": "Hello", "words": words, "language": "english", "duration": 0.5, "task": "t"}))
    said = await client.audio.transcriptions.create(
        file=("a.wav", WAV), model="m", response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert (said.words[0].word, said.language, said.duration) == ("Hello", "english", 0.5)
    assert asked(first.seen[0])["timestamp_granularities[]"] == "word"


async def test_a_transcript_streams_and_failover_ends_at_its_first_event(client, first, second):
    first.play(events({"type": "error", "error": {"message": "overloaded"}}))
    second.play(
        events(
            {"type": "transcript.text.delta", "delta": "Hel"},
            {"type": "transcript.text.delta", "delta": "lo"},
            {"type": "transcript.text.done", "text": "Hello", "usage": TOKENS},
        )
    )
    stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
    got = [event async for event in stream]
    assert [event.type for event in got] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert got[-1].usage.total_tokens == 70
    assert asked(second.seen[0])["stream"] == "true"


async def test_a_transcript_that_is_cut_off_ends_with_an_error(client, first):
    first.play(events({"type": "transcript.text.delta", "delta": "Hel"}, end=b""), b"")

    async def cut(visit):
        await visit.send(events({"type": "transcript.text.delta", "delta": "Hel"}, end=b""))
        visit.close()

    first.play(cut)
    stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
    got = []
    with pytest.raises(openai.APIError) as caught:
        async for event in stream:
            got.append(event)
    assert [event.delta for event in got] == ["Hel"]
    assert caught.value.body["metadata"]["error_type"] == "provider_unavailable"


async def test_a_transcript_that_ends_without_its_last_event_is_an_error(client, first):
    first.play(events({"type": "transcript.text.delta", "delta": "Hel"}))
    stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
    with pytest.raises(openai.APIError):
        [event async for event in stream]


async def test_a_model_that_cannot_stream_answers_in_events_all_the_same(client, first):
    first.play(answer({"text": "Hello", "usage": TOKENS}))
    stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
    got = [event async for event in stream]
    assert [event.type for event in got] == ["transcript.text.delta", "transcript.text.done"]
    assert (got[0].delta, got[1].text, got[1].usage.total_tokens) == ("Hello", "Hello", 70)


@pytest.mark.filterwarnings("ignore:deprecated")  # by the client: whisper-1 goes in 2027
async def test_a_translation_has_an_address_of_its_own(client, first):
    first.play(answer({"text": "Hello"}))
    assert (await client.audio.translations.create(file=("a.wav", WAV), model="m")).text == "Hello"
    assert first.seen[0].line == "POST /v1/audio/translations HTTP/1.1"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/audio/speech", {"model": "m", "voice": "a"}, "input"),
        ("/v1/audio/speech", {"model": "m", "input": "Hi"}, "voice"),
        ("/v1/audio/speech", {"model": "m", "input": "Hi", "voice": "a", "speed": "x"}, "speed"),
        ("/v1/audio/speech", {"input": "Hi", "voice": "a"}, "model"),
        ("/v1/images/generations", {"model": "m"}, "prompt"),
        ("/v1/images/generations", {"model": "m", "prompt": "x", "n": 0}, "n"),
        ("/v1/images/edits", {"model": "m", "prompt": "x"}, "images"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(stage, path, body, param):
    said = await stage.post(orjson.dumps(body), path)
    assert (said.status, said.error["param"], said.error_type) == (400, param, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([], "file"),
        ([("file", "text")], "file"),
        ([("file", None), ("response_format", "mp3")], "response_format"),
        ([("file", None), ("temperature", "warm")], "temperature"),
        ([("file", None), ("timestamp_granularities[]", "day")], "timestamp_granularities"),
        ([("file", None), ("model", "")], "model"),
    ],
)
async def test_what_is_wrong_in_a_form_is_told_by_its_field(stage, fields, param):
    file = form.File("a.wav", "", memoryview(WAV))
    given = {"model": "m", **{name: file if value is None else value for name, value in fields}}
    pieces, media = form.write([form.Field(*item) for item in given.items()])
    said = await stage.post(b"".join(pieces), "/v1/audio/transcriptions", **{"content-type": media})
    assert (said.status, said.error["param"]) == (400, param)


async def test_the_provider_says_no_and_the_client_is_told(client, first, second):
    for upstream in (first, second):
        upstream.play(error(400, "Invalid file format.", "invalid_file"))
    with pytest.raises(openai.BadRequestError) as caught:
        await client.audio.transcriptions.create(file=("a.txt", b"x"), model="m")
    assert "Invalid file format." in caught.value.message
    assert caught.value.code == "invalid_file"


async def test_a_large_recording_is_held_once(stage):
    size = 24 * 1024 * 1024
    start = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    end = b"\r\n--b--\r\n"
    wire = await stage.dial()
    piece = bytes(1024 * 1024)
    lines = [
        f"content-length: {len(start) + size + len(end)}",
        "content-type: multipart/form-data; boundary=b",
    ]

    received = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        total = 0
        await reader.readuntil(b"\r\n\r\n")
        while total < size:
            total += len(await reader.read(65536))
        writer.write(answer({"text": "Hello"}))
        received.set_result(total)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    fleet = stage.app.scene.fleet
    (deployment,) = [each for each in fleet.lineup("m").groups[0] if each.provider == "one"]
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/audio/transcriptions"
    deployment.targets["transcriptions"] = type(deployment.target)(url, ())
    await wire.send(head(*lines, start="POST /v1/audio/transcriptions") + start)
    tracemalloc.start()
    try:
        for _ in range(size // len(piece)):
            await wire.send(piece)
        await wire.send(end)
        said = await wire.reply()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        server.close()
        await server.wait_closed()
    assert said.body["text"] == "Hello"
    assert await received >= size
    assert peak < 1.5 * size


async def test_a_done_mark_before_the_last_event_is_no_end(client, first, second):
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    delta = b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n'
    first.play(start + chunked(delta + DONE) + b"0\r\n\r\n")
    second.play(answer({"text": "Hello"}))
    stream = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", stream=True)
    assert [event.type async for event in stream] == ["transcript.text.delta", "transcript.text.done"]


def recording(boundary: str, text: str = "m") -> tuple[bytes, dict[str, str]]:
    start = f"--{boundary}\r\nContent-Disposition: form-data; name=".encode()
    body = start + b'"model"\r\n\r\n' + text.encode() + b"\r\n"
    body += start + b'"file"; filename="a.wav"\r\n\r\n' + WAV + f"\r\n--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}", "idempotency-key": "k"}


async def test_a_repeat_of_a_form_is_one_whatever_its_boundary(stage, first):
    first.play(answer({"text": "Hello"}))
    path = "/v1/audio/transcriptions"
    for boundary in ("one", "two"):
        body, headers = recording(boundary)
        said = await stage.post(body, path, **headers)
        assert (said.status, said.body["text"]) == (200, "Hello")
    assert said.headers["x-xroute-replayed"] == "true"
    assert len(first.seen) == 1
    body, headers = recording("one", "gpt-4o")
    assert (await stage.post(body, path, **headers)).status == 409
