"""How a call is put to a deployment: translated, or as the client wrote it where both speak one dialect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

from xroute import dialects
from xroute.dialects.answer import Answer, Encoded
from xroute.dialects.custom import as_functions
from xroute.dialects.openai import codec
from xroute.dialects.relayed import Events, Sound, Whole
from xroute.dialects.surfaces import MediaSurface
from xroute.dialects.translated import Translated
from xroute.errors import CallError
from xroute.gateway.settle import MEDIA
from xroute.routing.deployment import Deployment
from xroute.wire.call import Call
from xroute.wire.chunk import Chunk
from xroute.wire.http import Body
from xroute.wire.surface import Encoder

NATIVE = "native"
JSON, EVENTS = "application/json", "text/event-stream"
COMPLETIONS, RESPONSES = "completions", "openai_responses"


class Way:
    """The functions of one dialect for one operation."""

    is_large = False  # a single event may be as large as an answer

    def __init__(self, dialect: ModuleType, part: ModuleType, operation: str) -> None:
        self.dialect = dialect
        self.operation = operation  # whose address is called
        self._part = part
        self.batch: ModuleType | None = part if hasattr(part, "split") else None

    def request(self, call: Call, deployment: Deployment) -> tuple[Body, Encoded]:
        """(the body to send, what else to know of it)."""
        encoded: Encoded = self._part.encode(
            call.body if call.surface.dialect != RESPONSES else self._body(call, deployment),
            upstream=deployment.upstream,
            quirks=deployment.quirks,
            abilities=deployment.abilities,
            output=deployment.output,
        )
        return encoded.pieces or codec.write(encoded.body), encoded

    def _body(self, call: Call, deployment: Deployment) -> dict[str, Any]:
        """The request of a client of the Responses API; tools that take free text are functions for those who
        know nothing else. It alone gets its own kind of call back, which others would not know."""
        if "custom" in deployment.quirks.tools or deployment.dialect == RESPONSES:
            return call.body
        return as_functions(call.body)

    def parts(self, call: Call, deployment: Deployment) -> list[Call]:
        """The call as several, each no larger than one request of this deployment; for those with `batch`."""
        assert self.batch is not None
        most = self.batch.most(deployment.upstream, deployment.quirks)
        bodies: list[dict[str, Any]] = self.batch.split(call.body, most)
        return [call] if len(bodies) == 1 else [replace(call, body=body) for body in bodies]

    def decode(self, raw: bytes, deployment: Deployment, request_id: str, created: int) -> Answer:
        """A whole answer; raises Malformed or ErrorBody."""
        return self._part.decode(
            raw,
            model=deployment.upstream,
            request_id=request_id,
            created=created,
            quirks=deployment.quirks,
        )

    def counted(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        """An answer whose body tells no usage, with what stands in its headers."""
        return self._part.counted(answer, headers) if hasattr(self._part, "counted") else answer

    def is_whole(self, call: Call, media: str) -> bool:
        """Whether an answer of this content type is whole, though a stream was asked for."""
        return False

    def decoder(self, call: Call, deployment: Deployment, request_id: str, created: int) -> Translated:
        """The decoder of a stream."""
        return self._part.Decoder(
            model=deployment.upstream,
            request_id=request_id,
            created=created,
            quirks=deployment.quirks,
            include_usage=call.include_usage,
        )

    def unrolled(
        self, call: Call, deployment: Deployment, answer: Answer, request_id: str, created: int
    ) -> tuple[Translated, list[Chunk], str]:
        """An answer that came whole: (what stands for its decoder, the chunks of the stream that it becomes,
        the content type of that stream)."""
        raise NotImplementedError

    def encoder(self, call: Call, request_id: str, created: int) -> Encoder:
        """The encoder of the client's side of a stream."""
        return call.surface.encoder(request_id, created)


class Media(Way):
    """Images and audio: streams pass as they come, and some providers answer whole where one was wanted."""

    is_large = True

    def is_whole(self, call: Call, media: str) -> bool:
        kind = media.partition(";")[0].strip().lower()
        return kind == JSON if call.is_bytes else kind != EVENTS

    def decoder(self, call: Call, deployment: Deployment, request_id: str, created: int) -> Translated:
        kind = Sound if call.is_bytes else Events
        return kind(**_known(deployment, request_id, created))

    def unrolled(
        self, call: Call, deployment: Deployment, answer: Answer, request_id: str, created: int
    ) -> tuple[Translated, list[Chunk], str]:
        surface = call.surface
        assert isinstance(surface, MediaSurface)
        answer = surface.shaped(answer)
        whole = Whole(answer, **_known(deployment, request_id, created))
        return whole, whole.sound() if call.is_bytes else whole.events(surface), answer.media


class Passage(Way):
    """Client and deployment speak the same dialect: their bytes pass."""

    def request(self, call: Call, deployment: Deployment) -> tuple[bytes, Encoded]:
        raw: bytes = self._part.encode(call, upstream=deployment.upstream, quirks=deployment.quirks)
        return raw, Encoded({}, (), call.headers)

    def encoder(self, call: Call, request_id: str, created: int) -> Encoder:
        return Passing(call.surface.encoder(request_id, created))


class Counting(Passage):
    """The provider counts the tokens of a request, in the words of the client's own dialect."""

    def decode(self, raw: bytes, deployment: Deployment, request_id: str, created: int) -> Answer:
        return Answer({}, None, True, raw)


class Passing:
    """Events go on as they came; only an error that the provider did not report is of our making."""

    def __init__(self, own: Encoder) -> None:
        self._own = own

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        return b"".join([chunk.raw for chunk in chunks])

    def finish(self, last: bytes) -> bytes:
        return b""  # the provider's own end has passed

    def fail(self, error: CallError, chunk: dict[str, Any]) -> bytes:
        return self._own.fail(error, chunk)


def way_of(call: Call, deployment: Deployment) -> Way:
    """How this call goes to this deployment, which is one that the plan allows."""
    spoken = call.surface.dialect
    if spoken == COMPLETIONS and COMPLETIONS in deployment.targets:
        return _completions(deployment.dialect)
    native = call.raw != b"" and spoken == deployment.dialect
    return _way(deployment.dialect, call.operation, native)


@cache
def _way(name: str, operation: str, native: bool) -> Way:
    dialect = dialects.get(name)
    if native and (passing := dialects.part(name, NATIVE)) is not None:
        return (Counting if operation == "count_tokens" else Passage)(dialect, passing, operation)
    part = dialect if operation == "chat" else dialects.part(name, operation)
    assert part is not None  # the fleet offers no operation that the dialect lacks
    return (Media if operation in MEDIA else Way)(dialect, part, operation)


@cache
def _completions(name: str) -> Way:
    """The old completions at an endpoint of their own, beside the chat of a dialect."""
    passing = dialects.part(COMPLETIONS, NATIVE)
    assert passing is not None
    return Passage(dialects.get(name), passing, COMPLETIONS)


def _known(deployment: Deployment, request_id: str, created: int) -> dict[str, Any]:
    return {
        "model": deployment.upstream,
        "request_id": request_id,
        "created": created,
        "quirks": deployment.quirks,
    }
