"""Images made from a text.

https://platform.openai.com/docs/api-reference/images · https://docs.x.ai/docs/guides/image-generations
https://docs.together.ai/reference/post-images-generations; all read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import audio, codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read

PATH = "/images/generations"

_ALWAYS_BASE64 = ("gpt-image", "chatgpt-image")
_BARE = ("base64", "images")  # a list of base64 texts, as Fireworks has it, or of objects with `image`


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body under the provider's names."""
    return fitted(body, upstream, quirks)


def fitted(body: Json, upstream: str, quirks: Quirks) -> Encoded:
    """A body under the provider's names; without `response_format` where a model does not know it.

    GPT image models answer with base64 always, and with 400 to who asks for it: openai-python 3.52.0,
    types/image_generate_params.py, and recorded answers.
    """
    encoded = audio.named(body, upstream, quirks)
    if not upstream.startswith(_ALWAYS_BASE64) or "response_format" not in encoded.body:
        return encoded
    sent = {name: value for name, value in encoded.body.items() if name != "response_format"}
    lost = () if body["response_format"] == "b64_json" else ("response_format",)
    return Encoded(sent, (*encoded.dropped, *lost))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    body["data"] = _images(body)
    if body.get("created").__class__ is not int:
        body["created"] = created
    return Answer(body, audio.usage_of(body.get("usage")), content=True)


def _images(body: Json) -> list[Json]:
    given: Any = body.get("data")
    for name in _BARE:
        if not codec.is_list(given):
            given = body.pop(name, None)
    if not codec.is_list(given) or not given:
        raise Malformed("the provider's answer has no images")
    return [_image(each) for each in given]


def _image(given: Any) -> Json:
    if isinstance(given, str):
        return {"b64_json": given}
    if not codec.is_object(given):
        raise Malformed("the provider's answer holds something that is no image")
    if isinstance(own := given.get("image"), str):
        given = {**{name: value for name, value in given.items() if name != "image"}, "b64_json": own}
    if not (given.get("b64_json") or given.get("url")):
        raise Malformed("the provider's answer holds something that is no image")
    return given
