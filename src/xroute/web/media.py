"""The calls for images and audio: large requests that are forms, answers that are sound."""

from xroute.dialects.media import parse_audio, parse_image_edits, parse_images, parse_speech
from xroute.web.asgi import AsgiReply, read_body, read_buffer
from xroute.web.edge import Request
from xroute.web.inference import Inference
from xroute.wire.call import Operation


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
        raw = await read_body(request.headers, request.receive, self._inference.max_body)
        call = parse_speech(raw)
        reply.is_array = call.is_bytes  # no comments between the bytes of a sound
        await self._inference.answer(request, reply, call, raw)

    async def images(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/images/generations."""
        await self._inference.serve(request, reply, parse_images)

    async def image_edits(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/images/edits."""
        raw = await read_buffer(request.headers, request.receive, self._inference.max_body)
        call = parse_image_edits(raw, request.headers.get("content-type") or "")
        await self._inference.answer(request, reply, call, raw)

    async def _audio(self, request: Request, reply: AsgiReply, operation: Operation) -> None:
        raw = await read_buffer(request.headers, request.receive, self._inference.max_body)
        call = parse_audio(raw, request.headers.get("content-type") or "", operation)
        await self._inference.answer(request, reply, call, raw)
