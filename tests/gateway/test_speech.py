"""Speech through the whole gateway: it comes as it is made, and a cut never looks like an end."""

import asyncio
import base64

import orjson
from tests.gateway.scripted import answer, chunked, error
from tests.gateway.studio import client, events, first, second, sound, stage
from tests.gateway.wires import head

__all__ = ["client", "first", "second", "stage"]


async def test_speech_comes_as_it_is_made(stage, first):
    more = asyncio.Event()

    async def slowly(visit):
        await visit.send(sound(b"ID3one", end=b""))
        await more.wait()
        await visit.send(chunked(b"two"), b"0\r\n\r\n")

    first.play(slowly)
    wire = await stage.dial()
    body = orjson.dumps({"model": "m", "input": "Hi", "voice": "alloy", "speed": 1.5})
    await wire.send(head(f"content-length: {len(body)}", start="POST /v1/audio/speech") + body)
    status, headers = await wire.head()
    assert (status, headers["content-type"]) == (200, "audio/mpeg")
    assert (await wire.until(b"ID3one\r\n")).endswith(b"ID3one\r\n")
    more.set()
    assert await wire.until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
    assert first.seen[0].body == {"model": "up", "input": "Hi", "voice": "alloy", "speed": 1.5}
    assert await stage.metric("xroute_calls_total", outcome="completed") == 1


async def test_speech_can_be_read_with_the_client(client, first, second):
    first.play(error(503))
    second.play(sound(b"OggS", b"x" * 100_000, media="audio/ogg"))
    async with client.audio.speech.with_streaming_response.create(
        model="m", input="Hi", voice="alloy", response_format="opus"
    ) as said:
        assert said.headers["content-type"] == "audio/ogg"
        assert said.headers["x-xroute-provider"] == "two"
        assert await said.read() == b"OggS" + b"x" * 100_000


async def test_speech_that_is_cut_off_never_looks_complete(stage, first, second):
    heard = asyncio.Event()

    async def cut(visit):
        await visit.send(sound(b"ID3one", end=b""))
        await heard.wait()
        visit.close()

    first.play(cut)
    second.play(sound(b"never"))
    wire = await stage.dial()
    body = orjson.dumps({"model": "m", "input": "Hi", "voice": "alloy"})
    await wire.send(head(f"content-length: {len(body)}", start="POST /v1/audio/speech") + body)
    await wire.head()
    assert await wire.until(b"ID3one\r\n") == b"6\r\nID3one\r\n"
    heard.set()
    assert await wire.ended() == b""  # no last chunk
    assert second.seen == []
    assert await stage.metric("xroute_calls_total", outcome="upstream_cut") == 1


async def test_speech_without_a_byte_goes_to_the_next(client, first, second):
    first.play(sound())
    second.play(sound(b"ID3"))
    said = await client.audio.speech.create(model="m", input="Hi", voice="alloy")
    assert said.content == b"ID3"


async def test_speech_inside_json_is_taken_out(client, first):
    first.play(answer({"audio_data": base64.b64encode(b"ID3" * 99).decode()}))
    said = await client.audio.speech.create(model="m", input="Hi", voice="alloy", response_format="flac")
    assert said.content == b"ID3" * 99
    assert said.response.headers["content-type"] == "audio/flac"


async def test_speech_as_events_passes(stage, first):
    used = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    first.play(
        events({"type": "speech.audio.delta", "audio": "SUQz"}, {"type": "speech.audio.done", "usage": used})
    )
    body = {"model": "m", "input": "Hi", "voice": "alloy", "stream_format": "sse"}
    said = await stage.post(orjson.dumps(body), "/v1/audio/speech")
    assert [chunk["type"] for chunk in said.chunks] == ["speech.audio.delta", "speech.audio.done"]


async def test_a_repeat_of_speech_gets_the_same_bytes(stage, first):
    first.play(sound(b"ID3", b"x" * 50))
    body = orjson.dumps({"model": "m", "input": "Hi", "voice": "alloy"})
    got = [
        await stage.client.post("/v1/audio/speech", content=body, headers={"idempotency-key": "k"})
        for _ in "ab"
    ]
    assert [each.content for each in got] == [b"ID3" + b"x" * 50] * 2
    assert {each.headers["content-type"] for each in got} == {"audio/mpeg"}
    assert len(first.seen) == 1


async def test_a_page_is_no_speech(client, first, second):
    first.play(sound(b"\n<!DOCTYPE html><title>Busy</title>", media="text/html"))
    second.play(sound(b"ID3"))
    said = await client.audio.speech.create(model="m", input="Hi", voice="alloy")
    assert said.content == b"ID3"


async def test_an_error_inside_a_good_answer_goes_to_the_next(client, first, second):
    first.play(answer({"error": {"message": "overloaded", "type": "server_error"}}))
    second.play(sound(b"ID3"))
    said = await client.audio.speech.create(model="m", input="Hi", voice="alloy")
    assert said.content == b"ID3"
