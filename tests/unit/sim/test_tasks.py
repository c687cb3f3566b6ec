"""What the simulator answers besides chats."""

import base64
import io
import struct
import wave
import zlib
from array import array

import openai
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sim.asking import HELLO
from tests.unit.sim.carriers import serving

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Fault, Profile
from xroute.sim.script import script
from xroute.sim.steps import Bytes, Head
from xroute.sim.tasks.meaning import likeness, vector
from xroute.wire import form
from xroute.wire.form import Field, File


def ask(path, body, profile=None, **headers):
    """(head, body) of a request."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    request = SimRequest(
        "POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )
    steps = list(script(request, profile or Profile(), 1, 0.0))
    head = next(step for step in steps if isinstance(step, Head))
    return head, b"".join(step.data for step in steps if isinstance(step, Bytes))


def read(path, body, **headers):
    head, raw = ask(path, body, **headers)
    assert head.status == 200, raw
    return orjson.loads(raw)


def refused(path, body):
    head, raw = ask(path, body)
    assert head.status == 400
    return orjson.loads(raw)["error"]


def asked(**fields):
    """A form: texts, and files as bytes."""
    made = [
        Field(name, value if isinstance(value, str) else File("a.wav", "audio/wav", memoryview(value)))
        for name, value in fields.items()
    ]
    pieces, media = form.write(made)
    return b"".join(pieces), media


def embed(**body):
    return read("/v1/embeddings", {"model": "m", **body})


@given(st.text(), st.integers(1, 64))
def test_a_vector_has_length_one(text, size):
    assert abs(sum(value * value for value in vector(text, size)) - 1) < 1e-9


def test_texts_with_the_same_words_are_near_each_other():
    cat, cats, money = map(vector, ("the cat sat down", "down sat the big cat", "interest rates rise"))
    assert likeness(cat, cats) > 0.8 > 0.2 > likeness(cat, money)


def test_embeddings_come_in_order_and_the_same_each_time():
    made = embed(input=["one", "two", "one"])
    first, second, third = (each["embedding"] for each in made["data"])
    assert first == third != second
    assert len(first) == 1536
    assert [each["index"] for each in made["data"]] == [0, 1, 2]
    assert made == embed(input=["one", "two", "one"])
    assert made["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_base64_holds_the_same_numbers():
    plain = embed(input="a b c", dimensions=8)["data"][0]["embedding"]
    packed = embed(input="a b c", dimensions=8, encoding_format="base64")["data"][0]["embedding"]
    assert array("f", base64.b64decode(packed)).tolist() == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]], [{"content": [{"type": "text", "text": "x"}]}]])
def test_token_numbers_and_objects_have_vectors_too(given):
    assert len(embed(input=given)["data"]) == (2 if given == [[1, 2], [3]] else 1)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/embeddings", {"model": "m"}, "input"),
        ("/v1/embeddings", {"input": "x"}, "model"),
        ("/v1/embeddings", {"model": "m", "input": "x", "dimensions": 0}, "dimensions"),
        ("/v1/embeddings", {"model": "m", "input": 5}, "input"),
        ("/v1/embeddings", {"model": "m", "input": "x", "encoding_format": "int8"}, "encoding_format"),
        ("/v1/rerank", {"model": "m", "query": "x"}, "documents"),
        ("/v1/moderations", {}, "input"),
        ("/v1/images/generations", {"prompt": "x", "n": 11}, "n"),
        ("/v1/images/generations", {}, "prompt"),
        ("/v1/audio/speech", {"model": "m"}, "input"),
        ("/v1/completions", {"model": "m", "prompt": ["a", "b"]}, "prompt"),
    ],
)
def test_what_is_wrong_is_named(path, body, param):
    assert refused(path, body)["param"] == param


def test_documents_are_ranked_by_the_words_they_share_with_the_query():
    documents = ["rates rise", "the cat sat", {"text": "a cat"}]
    body = {"model": "m", "query": "where is the cat", "documents": documents, "return_documents": True}
    made = read("/v1/rerank", body)["results"]
    scores = [each["relevance_score"] for each in made]
    assert made[-1]["index"] == 0
    assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] < scores[0] <= 1
    assert made[0]["document"]["text"] == "the cat sat"
    assert len(read("/v2/rerank", body | {"top_n": 1})["results"]) == 1


def test_a_text_is_flagged_for_the_category_that_it_names():
    tame, wild = read("/v1/moderations", {"input": ["Good morning", "So much violence"]})["results"]
    assert not tame["flagged"] and wild["flagged"]
    assert wild["categories"]["violence"] and not wild["categories"]["violence/graphic"]
    assert wild["category_scores"]["violence"] > 0.5 > wild["category_scores"]["hate"]


def test_an_image_is_a_png():
    made = read("/v1/images/generations", {"prompt": "a cat", "n": 2})
    one, two = (base64.b64decode(each["b64_json"]) for each in made["data"])
    assert one != two
    assert one.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack("!II", one[16:24])
    at = one.index(b"IDAT")
    (length,) = struct.unpack("!I", one[at - 4 : at])
    assert len(zlib.decompress(one[at + 4 : at + 4 + length])) == height * (1 + 3 * width)
    assert made["usage"]["total_tokens"] == made["usage"]["input_tokens"] + made["usage"]["output_tokens"]


def test_an_image_can_come_as_an_address():
    made = read("/v1/images/generations", {"prompt": "a cat", "response_format": "url"})
    assert made["data"][0]["url"].startswith("data:image/png;base64,")


def test_a_form_can_ask_for_images():
    body, media = asked(prompt="blue", n="2", image=b"\x89PNG")
    assert len(read("/v1/images/edits", body, content_type=media)["data"]) == 2


def test_speech_is_sound_as_long_as_its_text():
    head, raw = ask("/v1/audio/speech", {"model": "m", "input": "Hello there", "voice": "v"})
    assert head.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(raw)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(0.55)
    _, samples = ask("/v1/audio/speech", {"model": "m", "input": "Hello there", "response_format": "pcm"})
    assert raw.endswith(samples)


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
def test_a_file_is_told_by_its_name_and_size(path):
    _, sound = ask("/v1/audio/speech", {"model": "m", "input": "a" * 40})
    body, media = asked(model="m", file=sound)
    made = read(path, body, content_type=media)
    assert f"a.wav has {len(sound)} bytes" in made["text"]
    assert made["usage"] == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("text", "This is"), ("srt", "1\n00:00:00,000 --> 00:00:00,000\n"), ("vtt", "WEBVTT\n\n")],
)
def test_a_transcription_comes_in_the_form_that_is_asked_for(kind, begins):
    body, media = asked(model="m", file=b"", response_format=kind)
    _, raw = ask("/v1/audio/transcriptions", body, content_type=media)
    assert raw.decode().startswith(begins)


def test_segments_are_told():
    body, media = asked(model="m", file=b"x" * 32_000, response_format="verbose_json")
    made = read("/v1/audio/transcriptions", body, content_type=media)
    assert (made["duration"], made["segments"][0]["end"]) == (2.0, 2.0)


def test_no_form_is_refused():
    assert refused("/v1/audio/transcriptions", {"model": "m"})["code"] == "invalid_form"


def test_an_old_completion_says_what_a_chat_says():
    chat = read("/v1/chat/completions", {"model": "m", "messages": HELLO})
    made = read("/v1/completions", {"model": "m", "prompt": HELLO[0]["content"]})
    assert made["choices"][0]["text"] == chat["choices"][0]["message"]["content"]
    assert (made["object"], made["usage"]) == ("text_completion", chat["usage"])


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/messages/count_tokens", {"model": "m", "messages": HELLO}, "input_tokens"),
        ("/v1/responses/input_tokens", {"model": "m", "input": HELLO[0]["content"]}, "input_tokens"),
        ("/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "Say hello."}]}]}, "totalTokens"),
        (
            "/model/m/count-tokens",
            {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}}},
            "inputTokens",
        ),
    ],
)
def test_tokens_are_counted_as_chats_count_them(path, body, name):
    chat = read("/v1/chat/completions", {"model": "m", "messages": HELLO})
    assert read(path, body)[name] == chat["usage"]["prompt_tokens"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/audio/speech"])
def test_the_faults_meet_these_too(path):
    body = {"model": "m", "input": "x"}
    assert ask(path, body, Profile(faults=(Fault("status_503"),)))[0].status == 503
    assert ask(path, body, x_sim_fault="status_429; retry_after=2")[0].headers["retry-after"] == "2"
    assert ask(path, {"model": "m#fault=empty_stream", "input": "x"})[1] == b"{}"
    assert len(ask(path, {"model": "m#fault=huge_answer&size=100000", "input": "x"})[1]) > 100_000


async def test_openais_client_reads_them_all():
    async with serving() as socket:
        url = f"http://127.0.0.1:{socket.port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
            made = await client.embeddings.create(model="m", input="Hi")
            assert len(made.data[0].embedding) == 1536
            judged = await client.moderations.create(input="hate")
            assert judged.results[0].categories.hate
            drawn = await client.images.generate(prompt="a cat")
            assert drawn.data[0].b64_json
            spoken = await client.audio.speech.create(model="m", voice="alloy", input="Hello")
            heard = await client.audio.transcriptions.create(model="m", file=("h.wav", spoken.content))
            assert "h.wav" in heard.text
            written = await client.completions.create(model="m", prompt="Hi", stream=True)
            text = "".join([chunk.choices[0].text async for chunk in written])
            assert text.startswith("This is the xroute simulator")
