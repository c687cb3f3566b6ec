"""OpenAI's client in front; Google behind: speech, transcripts and images."""

import base64
import struct

import openai
import orjson
import pytest
from google.genai import types
from tests.gateway.scripted import answer, scripting
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


def google(*parts, **usage):
    body = {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}]}
    return answer({**body, "usageMetadata": usage} if usage else body)


def spoken(media: str = "audio/L16;codec=pcm;rate=16000"):
    return {"inlineData": {"mimeType": media, "data": base64.b64encode(SAMPLES).decode()}}


def checked(seen):
    """The request as Google's own types read it."""
    body = dict(seen.body)
    config = body.pop("generationConfig", None)
    types.GenerateContentConfig.model_validate(config or {})
    for content in body.pop("contents"):
        types.Content.model_validate(content)
    assert body == {}
    return seen.body


async def test_gemini_speaks_wav(upstream, open_stage):
    upstream.play(google(spoken(), promptTokenCount=5, candidatesTokenCount=9, totalTokenCount=14))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        said = await client.audio.speech.create(
            model="m", input="Hi", voice="Kore", response_format="wav", instructions="Say cheerfully"
        )
    assert said.response.headers["content-type"] == "audio/wav"
    assert said.content[:4] == b"RIFF"
    assert struct.unpack("<I", said.content[24:28]) == (16000,)
    assert said.content[44:] == SAMPLES
    body = checked(upstream.seen[0])
    assert body["contents"][0]["parts"] == [{"text": "Say cheerfully: Hi"}]
    assert body["generationConfig"]["responseModalities"] == ["AUDIO"]


async def test_gemini_speaks_bare_samples(upstream, open_stage):
    upstream.play(google(spoken()))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        said = await client.audio.speech.create(model="m", input="Hi", voice="Kore", response_format="pcm")
    assert (said.content, said.response.headers["content-type"]) == (SAMPLES, "audio/pcm")


async def test_gemini_speaks_in_events(upstream, open_stage):
    upstream.play(google(spoken(), promptTokenCount=5, candidatesTokenCount=9, totalTokenCount=14))
    async with open_stage("gemini") as stage:
        body = {
            "model": "m",
            "input": "Hi",
            "voice": "Kore",
            "stream_format": "sse",
            "response_format": "pcm",
        }
        said = await stage.post(orjson.dumps(body), "/v1/audio/speech")
    assert base64.b64decode(said.chunks[0]["audio"]) == SAMPLES
    assert said.chunks[-1]["type"] == "speech.audio.done"
    assert said.chunks[-1]["usage"]["output_tokens"] == 9
    assert said.done


async def test_what_gemini_cannot_give_is_said(upstream, open_stage):
    upstream.play(google(spoken()))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        said = await client.audio.speech.create(
            model="m", input="Hi", voice="Kore", response_format="mp3", speed=2
        )
    assert said.response.headers["x-xroute-dropped"] == "speed, response_format"
    assert said.response.headers["content-type"] == "audio/wav"


async def test_gemini_hears(upstream, open_stage):
    upstream.play(
        google({"text": "Hello there."}, promptTokenCount=40, candidatesTokenCount=4, totalTokenCount=44)
    )
    async with open_stage("gemini") as stage, client_of(stage) as client:
        said = await client.audio.transcriptions.create(
            file=("xroute:data:0.mp3", WAV), model="m", prompt="xroute:data:0", temperature=0
        )
    assert (said.text, said.usage.type, said.usage.input_tokens) == ("Hello there.", "tokens", 40)
    body = checked(upstream.seen[0])
    held = body["contents"][0]["parts"][0]["inlineData"]
    assert (held["mimeType"], base64.b64decode(held["data"])) == ("audio/mpeg", WAV)
    assert "xroute:data:0" in body["contents"][0]["parts"][1]["text"]


async def test_gemini_gives_times_where_they_are_wanted(upstream, open_stage):
    said = {
        "language": "en",
        "segments": [{"start": "00:01.5", "end": "01:02", "text": "Hello", "speaker": "A"}],
    }
    upstream.play(google({"text": orjson.dumps(said).decode()}))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        got = await client.audio.transcriptions.create(file=("a.wav", WAV), model="m", response_format="srt")
    assert got == "1\n00:00:01,500 --> 00:01:02,000\nA: Hello\n\n"
    assert checked(upstream.seen[0])["generationConfig"]["responseSchema"]["type"] == "OBJECT"


DRAWN = {"inlineData": {"mimeType": "image/png", "data": B64}}
USED = {
    "promptTokenCount": 7,
    "candidatesTokenCount": 1290,
    "totalTokenCount": 1297,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
}


async def test_gemini_draws_one_after_the_other(upstream, open_stage):
    upstream.play(google({"text": "Here:"}, DRAWN, **USED))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        drawn = await client.images.generate(model="m", prompt="A cat", n=3, size="1536x1024", quality="high")
        assert [each.b64_json for each in drawn.data] == [B64] * 3
    assert (drawn.usage.input_tokens, drawn.usage.output_tokens) == (21, 3870)
    assert len(upstream.seen) == 3
    body = checked(upstream.seen[0])
    assert body["generationConfig"]["imageConfig"] == {"aspectRatio": "3:2"}


async def test_gemini_draws_in_a_stream(upstream, open_stage):
    upstream.play(google(DRAWN, **USED))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        stream = await client.images.generate(model="m", prompt="A cat", stream=True)
        got = [event async for event in stream]
    assert [(event.type, event.b64_json) for event in got] == [("image_generation.completed", B64)]
    assert got[0].usage.output_tokens == 1290


async def test_gemini_edits(upstream, open_stage):
    upstream.play(google(DRAWN, **USED))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        drawn = await client.images.edit(
            model="m", prompt="Greener", image=[("a.png", PNG), ("b.webp", PNG[:5])], mask=("m.png", PNG)
        )
    assert drawn.data[0].b64_json == B64
    *images, text = checked(upstream.seen[0])["contents"][0]["parts"]
    assert text == {"text": "Greener"}
    assert [base64.b64decode(each["inlineData"]["data"]) for each in images] == [PNG, PNG[:5]]
    assert [each["inlineData"]["mimeType"] for each in images] == ["image/png", "image/webp"]


async def test_gemini_refuses(upstream, open_stage):
    upstream.play(answer({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
    async with open_stage("gemini") as stage, client_of(stage) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.images.generate(model="m", prompt="A cat")
    assert caught.value.body["metadata"]["error_type"] == "content_policy_violation"


async def test_imagen_draws(upstream, tmp_path):
    section = provider(upstream.url, ("imagen-4.0-generate-001", "google/imagen-4"), dialect="gemini")
    prediction = {"bytesBase64Encoded": B64, "mimeType": "image/png", "prompt": "A small cat"}
    upstream.play(answer({"predictions": [prediction] * 4}), answer({"predictions": [prediction]}))
    async with running(tmp_path, {"providers": {"house": section}}) as stage, client_of(stage) as client:
        drawn = await client.images.generate(model="imagen-4", prompt="A cat", n=5, size="2048x2048")
        assert len(drawn.data) == 5
        assert drawn.data[0].revised_prompt == "A small cat"
        upstream.play(answer({"predictions": [{"raiFilteredReason": "Violence."}]}))
        with pytest.raises(openai.BadRequestError, match=r"Violence\."):
            await client.images.generate(model="imagen-4", prompt="A cat")
    assert upstream.seen[0].line == "POST /v1/models/imagen-4.0-generate-001:predict HTTP/1.1"
    assert {seen.body["parameters"]["sampleCount"] for seen in upstream.seen[:2]} == {4, 1}
    assert upstream.seen[0].body["parameters"]["aspectRatio"] == "1:1"
    assert upstream.seen[0].body["parameters"]["sampleImageSize"] == "2K"


async def test_imagen_edits_nothing(upstream, tmp_path):
    section = provider(upstream.url, ("imagen-4.0-generate-001", "google/imagen-4"), dialect="gemini")
    async with running(tmp_path, {"providers": {"house": section}}) as stage, client_of(stage) as client:
        with pytest.raises(openai.BadRequestError, match="from texts alone"):
            await client.images.edit(model="imagen-4", prompt="Greener", image=("a.png", PNG))
    assert upstream.seen == []
