"""The calls for images and audio: large requests that are forms, answers that are sound."""

import hashlib

import orjson

from xroute.dialects.media import parse_audio, parse_image_edits, parse_images, parse_speech
from xroute.dialects.openai import codec
from xroute.web.asgi import AsgiReply
from xroute.web.body import read_body, read_buffer
from xroute.web.edge import Request
from xroute.web.inference import Inference
from xroute.wire.call import Call, Operation
from xroute.wire.form import File


class Media:
    """Handlers. Each call has the plan, the failover and the settlement that a chat has."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def transcriptions(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/audio/transcriptions."""
        await self._audio(request, reply, "transcriptions")

    async def translations(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/audio/translations."""
        await self._audio(request, reply, "translations")

    async def speech(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/audio/speech."""
        raw = await read_body(request.headers, request.client, self._inference.max_body)
        call = parse_speech(raw)
        reply.is_array = call.is_bytes  # no comments between the bytes of a sound
        await self._inference.answer(request, reply, call, raw)

    async def images(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/images/generations."""
        await self._inference.serve(request, reply, parse_images)

    async def image_edits(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/images/edits."""
        raw = await read_buffer(request.headers, request.client, self._inference.max_body)
        call = parse_image_edits(raw, request.headers.get("content-type") or "")
        await self._answer(request, reply, call, raw)

    async def _audio(self, request: Request, reply: AsgiReply, operation: Operation) -> None:
        raw = await read_buffer(request.headers, request.client, self._inference.max_body)
        call = parse_audio(raw, request.headers.get("content-type") or "", operation)
        await self._answer(request, reply, call, raw)

    async def _answer(self, request: Request, reply: AsgiReply, call: Call, raw: bytearray) -> None:
        told = raw if request.headers.get("idempotency-key") is None else fingerprint(call)
        await self._inference.answer(request, reply, call, told)


def fingerprint(call: Call) -> bytes:
    """What a form says, whatever its boundary: clients make a new one when they try again."""
    digest = hashlib.sha256()
    for name, value in call.body.items():
        for each in value if codec.is_list(value) else [value]:
            digest.update(f"\n{name}:".encode())
            if isinstance(each, File):
                digest.update(f"{each.filename} {len(each.data)}\n".encode("utf-8", "replace"))
                digest.update(each.data)
            else:
                digest.update(orjson.dumps(each))
    return digest.digest()
