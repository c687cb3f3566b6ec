"""Images made from a text: Gemini's image models by generateContent, Imagen by :predict.

https://ai.google.dev/gemini-api/docs/image-generation · https://ai.google.dev/gemini-api/docs/imagen
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api; all read 2026-11-21.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.gemini.sound import data_of, parts_of, usage_body
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN
from xroute.wire.usage import Usage

PATH = "/models/{model}:generateContent"
PREDICT = "/models/{model}:predict"

_SHAPES = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_IMAGEN = ("1:1", "3:4", "4:3", "9:16", "16:9")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_READ = frozenset({"model", "prompt", "n", "size", "stream", "partial_images", "image", "images"})
_OUTPUT = frozenset({"output_format", "output_compression"})  # that Imagen takes
_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}


def path(upstream: str, quirks: Quirks) -> str:
    """Where the images of this model are asked for."""
    return PREDICT if is_predicted(upstream) else PATH


def most(upstream: str, quirks: Quirks) -> int:
    """The greatest number of images of one request."""
    return 4 if is_predicted(upstream) else 1


def split(body: Json, size: int) -> list[Json]:
    """The request as several of `size` images at the most."""
    count = body.get("n") or 1
    if count <= size:
        return [body]
    return [{**body, "n": min(size, count - start)} for start in range(0, count, size)]


def merge(requests: Sequence[Json], answers: Sequence[Answer]) -> Answer:
    """The images of all answers in one."""
    if len(answers) == 1:
        return answers[0]
    body = {**answers[0].body, "data": [image for answer in answers for image in answer.body["data"]]}
    used = [answer.usage for answer in answers if answer.usage is not None]
    if len(used) < len(answers):
        body.pop("usage", None)
        return Answer(body, None, content=True)
    total = Usage(
        input=sum(usage.input for usage in used),
        output=sum(usage.output for usage in used),
        reasoning=sum(usage.reasoning for usage in used),
        image_in=sum(usage.image_in for usage in used),
        image_out=sum(usage.image_out for usage in used),
    )
    body["usage"] = _usage(total)
    return Answer(body, total, content=True)


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """One image of a Gemini model, up to four of Imagen."""
    predicted = is_predicted(upstream)
    read_too = _READ | OWN | (_OUTPUT if predicted else frozenset[str]())
    dropped = [name for name, value in body.items() if name not in read_too and value is not None]
    if body.get("response_format") == "b64_json":  # as they always are
        dropped.remove("response_format")
    if predicted:
        return Encoded(_instances(body), tuple(dropped))
    if (body.get("n") or 1) > 1:  # in a stream, which cannot be several
        dropped.append("n")
    return Encoded(made(body, [{"text": body["prompt"]}]), tuple(dropped))


def made(body: Json, parts: list[Json]) -> Json:
    """A request for an image."""
    options: Json = {"responseModalities": ["TEXT", "IMAGE"]}
    if wish := _wish(body.get("size"), _SHAPES, "imageSize"):
        options["imageConfig"] = wish
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": options}


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    if body.keys().isdisjoint(("candidates", "promptFeedback")):
        return _predicted(body, created)
    parts, usage = parts_of(body)
    text = "".join(
        part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought")
    )
    data = [_image(*held) for part in parts if not part.get("thought") and (held := data_of(part))]
    if not data:
        raise ErrorBody(
            ErrorInfo(f"the provider drew nothing: {text[:200]}" if text else "the provider drew nothing")
        )
    answer: Json = {"created": created, "data": data}
    if text:
        answer["text"] = text
    if usage is not None and (counted := usage_body(body)) is not None:
        usage = _with_images(usage, counted)
        answer["usage"] = {**counted, **_usage(usage)}
    return Answer(answer, usage, content=True)


def is_predicted(upstream: str) -> bool:
    """Whether a model is one of Imagen's."""
    return upstream.removeprefix("models/").startswith("imagen")


def _instances(body: Json) -> Json:
    parameters: Json = {
        "sampleCount": body.get("n") or 1,
        **_wish(body.get("size"), _IMAGEN, "sampleImageSize"),
    }
    output: Json = {}
    if body.get("output_format") in _TYPES:
        output["mimeType"] = _TYPES[body["output_format"]]
    if body.get("output_compression") is not None:
        output["compressionQuality"] = body["output_compression"]
    if output:
        parameters["outputOptions"] = output
    return {"instances": [{"prompt": body["prompt"]}], "parameters": parameters}


def _wish(size: Any, shapes: Sequence[str], name: str) -> Json:
    """The shape that comes next to a size, and its resolution where that is not the usual 1K."""
    if size in shapes:
        return {"aspectRatio": size}
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None or "0" in found.groups():
        return {}
    width, height = map(int, found.groups())
    shape = min(
        shapes,
        key=lambda each: (
            abs(width * int(each.split(":")[1]) - height * int(each.split(":")[0])) / int(each.split(":")[1])
        ),
    )
    wish: Json = {"aspectRatio": shape}
    if max(width, height) > 1792:
        wish[name] = "4K" if max(width, height) > 3072 else "2K"
    return wish


def _image(media: str, data: str) -> Json:
    return {"b64_json": data, "mime_type": media} if media else {"b64_json": data}


def _predicted(body: Json, created: int) -> Answer:
    given: Any = body.get("predictions")
    every: list[Json] = [each for each in given if codec.is_object(each)] if codec.is_list(given) else []
    data: list[Json] = []
    for each in every:
        if isinstance(held := each.get("bytesBase64Encoded"), str) and held:
            image = _image(str(each.get("mimeType") or ""), held)
            data.append({**image, "revised_prompt": each["prompt"]} if each.get("prompt") else image)
        elif isinstance(place := each.get("gcsUri"), str) and place:
            data.append({"url": place})
    if data:
        return Answer({"created": created, "data": data}, None, content=True)
    reason = next((each["raiFilteredReason"] for each in every if each.get("raiFilteredReason")), None)
    if reason is not None or codec.is_list(given):
        told = str(reason or "every image was filtered out")
        raise ErrorBody(ErrorInfo(told, code="content_filter", status=400))
    raise Malformed("the provider's answer has no images")


def _with_images(usage: Usage, counted: Json) -> Usage:
    ins, outs = counted["prompt_tokens_details"], counted["completion_tokens_details"]
    return replace(
        usage,
        image_in=min(tokens.count(ins.get("image_tokens")) or 0, usage.input),
        image_out=min(tokens.count(outs.get("image_tokens")) or 0, usage.output),
    )


def _usage(usage: Usage) -> Json:
    """OpenAI's usage object of images."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "input_tokens_details": {"image_tokens": usage.image_in, "text_tokens": usage.input - usage.image_in},
        "output_tokens_details": {
            "image_tokens": usage.image_out,
            "text_tokens": usage.output - usage.image_out,
        },
    }
