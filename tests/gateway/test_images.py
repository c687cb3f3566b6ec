"""Images through the whole gateway: made, edited, previewed and counted."""

import base64

import orjson
import pytest
from tests.gateway.scripted import answer, error
from tests.gateway.stage import provider, running
from tests.gateway.studio import PNG, client, events, first, second, stage

from xroute.wire import form

__all__ = ["client", "first", "second", "stage"]

B64 = base64.b64encode(PNG).decode()
DRAWN = {"created": 5, "data": [{"b64_json": B64}], "output_format": "png", "size": "1024x1024"}


async def test_images_are_drawn_and_counted(client, first):
    used = {
        "input_tokens": 14,
        "output_tokens": 272,
        "total_tokens": 286,
        "input_tokens_details": {"image_tokens": 4, "text_tokens": 10},
    }
    first.play(answer({**DRAWN, "usage": used}))
    drawn = await client.images.generate(model="m", prompt="A cat", n=1, size="1024x1024", quality="low")
    assert (drawn.data[0].b64_json, drawn.usage.output_tokens) == (B64, 272)
    assert drawn.usage.cost == pytest.approx((10 * 2.5 + 4 * 8 + 272 * 32) / 1e6)
    assert first.seen[0].line == "POST /v1/images/generations HTTP/1.1"
    assert first.seen[0].body == {
        "model": "up",
        "prompt": "A cat",
        "n": 1,
        "size": "1024x1024",
        "quality": "low",
    }


async def test_images_stream_with_their_previews(client, first):
    first.play(
        events(
            {"type": "image_generation.partial_image", "b64_json": B64, "partial_image_index": 0},
            {"type": "image_generation.completed", "b64_json": B64, "usage": {"total_tokens": 1}},
        )
    )
    stream = await client.images.generate(model="m", prompt="A cat", stream=True, partial_images=1)
    assert [event.type async for event in stream] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


async def test_images_of_several_events_larger_than_what_is_held_pass(client, first):
    large = "A" * (5 * 1024 * 1024)
    first.play(events({"type": "image_generation.completed", "b64_json": large}))
    stream = await client.images.generate(model="m", prompt="A cat", stream=True)
    assert [len(event.b64_json) async for event in stream] == [len(large)]


async def test_images_are_edited_from_a_form(client, first, second):
    first.play(error(429, retry_after="0"))
    second.play(answer(DRAWN))
    drawn = await client.images.edit(
        model="m", prompt="Greener", image=[("a.png", PNG), ("b.png", PNG[:9])], mask=("m.png", PNG[:20]), n=2
    )
    assert drawn.data[0].b64_json == B64
    found = form.read(bytearray(second.seen[0].raw), second.seen[0].names["content-type"])
    assert [(name, bytes(value.data)) for name, value in found if not isinstance(value, str)] == [
        ("image[]", PNG),
        ("image[]", PNG[:9]),
        ("mask", PNG[:20]),
    ]
    assert ("n", "2") in found
    assert ("model", "down") in found


async def test_images_are_edited_from_json(stage, first):
    first.play(answer(DRAWN))
    body = {"model": "m", "prompt": "Greener", "images": [{"image_url": "https://h/a.png"}]}
    assert (await stage.post(orjson.dumps(body), "/v1/images/edits")).status == 200
    assert first.seen[0].body == {**body, "model": "up"}


@pytest.mark.parametrize(("wanted", "dropped"), [("b64_json", None), ("url", "response_format")])
async def test_a_model_that_refuses_a_response_format_does_not_get_it(first, tmp_path, wanted, dropped):
    first.play(answer(DRAWN))
    section = provider(first.url, ("gpt-image-2", "openai/gpt-image-2"))
    async with running(tmp_path, {"providers": {"one": section}}) as stage:
        body = {"model": "gpt-image-2", "prompt": "A cat", "response_format": wanted}
        said = await stage.post(orjson.dumps(body), "/v1/images/generations")
    assert (said.status, said.headers.get("x-xroute-dropped")) == (200, dropped)
    assert first.seen[0].body == {"model": "gpt-image-2", "prompt": "A cat"}
