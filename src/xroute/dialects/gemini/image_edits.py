"""Images made from others and a text, by generateContent.

https://ai.google.dev/gemini-api/docs/image-generation#image-editing, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.gemini import images
from xroute.dialects.gemini.images import PATH, decode, merge, most, split
from xroute.dialects.gemini.sound import inline, with_files
from xroute.dialects.openai import codec, pieces
from xroute.dialects.openai.codec import Json
from xroute.errors import InvalidRequest
from xroute.wire.form import File

__all__ = ["PATH", "decode", "encode", "merge", "most", "split"]


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The images before the text; a mask cannot be said. InvalidRequest for Imagen."""
    if images.is_predicted(upstream):
        raise InvalidRequest(
            "This model makes images from texts alone.", code="unsupported_value", param="image"
        )
    given: Any = body.get("images") or body.get("image")
    files: list[File] = []
    parts: list[Json] = []
    for each in given if codec.is_list(given) else [given]:
        if isinstance(each, File):
            parts.append(inline(each, len(files)))
            files.append(each)
        else:
            parts.append(_part(each))
    _, dropped, *_ = images.encode(body, upstream=upstream, quirks=quirks)
    return with_files(images.made(body, [*parts, {"text": body["prompt"]}]), files, dropped)


def _part(given: Any) -> Json:
    """An image of a JSON request: {image_url}, or xAI's {url}."""
    url: Any = given
    if codec.is_object(given):
        url = given.get("image_url") or given.get("url")
        url = url.get("url") if codec.is_object(url) else url
    if not isinstance(url, str):
        raise InvalidRequest("This provider takes images by `image_url` alone.", param="images")
    if data := pieces.inline(url):
        return {"inlineData": {"mimeType": data[0], "data": data[1]}}
    return {"fileData": {"fileUri": url}}
