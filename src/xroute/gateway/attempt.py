"""One try of a call on one deployment: encode, send, decode. What goes wrong is a Failure, raised once."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

from xroute.dialects.answer import MALFORMED, Answer, Chunk, Encoded, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.openai.surface import CHAT
from xroute.dialects.translated import Translated
from xroute.errors import (
    ConfigError,
    InvalidRequest,
    ProtocolError,
    TimedOut,
    TransportError,
    XrouteError,
)
from xroute.gateway.batch import together
from xroute.gateway.fleet import with_changes
from xroute.gateway.run import Run
from xroute.gateway.way import Way, way_of
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.upstream.auth import mask
from xroute.upstream.failure import classify, of_transport
from xroute.wire.call import Call
from xroute.wire.http import Exchange, Signer, Target, Timeouts, Transport
from xroute.wire.surface import Encoder

MAX_ERROR_BYTES = 1024 * 1024
LEAST_S = 0.001  # seconds of a wait
TOO_DEEP = "The request is nested too deeply."
MAX_HELD = 4 * 1024 * 1024  # bytes kept back while waiting for the first content


class AttemptFailed(XrouteError):
    """An attempt that failed before anything reached the client."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class Opened:
    """A stream whose first content is in: nothing of it has been sent yet."""

    exchange: Exchange
    decoder: Translated
    encoder: Encoder
    held: list[Chunk]
    between_s: float | None
    until: float  # monotonic seconds: the end of the attempt's time
    ended: bool  # the first bytes were also the last
    media: str = ""  # content type of the answer


class Attempts:
    """Makes attempts. `transports` are by URL scheme; `clock` gives monotonic seconds."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        max_answer: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transports = transports
        self._max_answer = max_answer
        self._max_held = min(MAX_HELD, max_answer)
        self._clock = clock

    def most(self, call: Call) -> float:
        """Bytes that a stream may have: as a whole answer, where its encoder keeps some of it."""
        return math.inf if call.surface.dialect == CHAT.dialect else self._max_answer

    def complete(self, run: Run, deployment: Deployment) -> Awaitable[Answer]:
        """A whole answer; AttemptFailed if there is none.

        What is more than one request of the provider holds goes as several, and comes back as one.
        """
        way = way_of(run.call, deployment)
        if way.batch is None:
            return self._complete(run, run.call, way, deployment)
        return self._batched(run, way, way.batch, deployment)

    async def _batched(self, run: Run, way: Way, batch: ModuleType, deployment: Deployment) -> Answer:
        calls = way.parts(run.call, deployment)
        answers = await together([partial(self._complete, run, call, way, deployment) for call in calls])
        try:
            return batch.merge([call.body for call in calls], answers)
        except Malformed as error:
            raise AttemptFailed(Failure("malformed", error.message)) from error

    async def _complete(self, run: Run, call: Call, way: Way, deployment: Deployment) -> Answer:
        """The answer to one request."""
        try:
            timeouts, until = self.timeouts(run, deployment)
            exchange = await self._send(run, call, way, deployment, timeouts, until)
            try:
                raw = exchange.whole(self._max_answer)
                if raw is None:
                    raw = await self._read(exchange, timeouts, until, self._max_answer)
            finally:
                exchange.close()
        except TransportError as error:
            raise AttemptFailed(self.transport_failure(run, error)) from error
        answer = self._decode(run, way, deployment, exchange, raw)
        return answer if answer.usage is not None else way.counted(answer, exchange.headers)

    async def open(self, run: Run, deployment: Deployment) -> Opened:
        """A stream up to its first content; AttemptFailed if it does not get there."""
        sent = self._clock()
        timeouts, until = self.timeouts(run, deployment)
        first = until
        if timeouts.first_token is not None:
            first = min(until, sent + timeouts.first_token)
            if timeouts.first_byte is None or timeouts.first_byte > timeouts.first_token:
                timeouts = replace(timeouts, first_byte=timeouts.first_token)
        way, request_id, created = way_of(run.call, deployment), run.reply.request_id, int(time.time())
        try:
            exchange = await self._send(run, run.call, way, deployment, timeouts, until)
            try:
                encoder = way.encoder(run.call, request_id, created)
                media = exchange.headers.get("content-type", "")
                if way.is_whole(run.call, media):
                    raw = await self._read(exchange, timeouts, until, self._max_answer)
                    whole = self._decode(run, way, deployment, exchange, raw)
                    decoder, held, media = way.unrolled(run.call, deployment, whole, request_id, created)
                    ended = True
                else:
                    decoder = way.decoder(run.call, deployment, request_id, created)
                    run.decoder = decoder  # it knows what a call has cost that its client leaves now
                    most = self._max_answer if way.is_large else self._max_held
                    target = run.target or deployment.target
                    held, ended = await self._until_content(decoder, target, exchange, first, most)
                run.decoder, run.encoder = decoder, encoder
                return Opened(exchange, decoder, encoder, held, timeouts.between_chunks, until, ended, media)
            except BaseException:
                exchange.close()
                raise
        except TransportError as error:
            raise AttemptFailed(self.transport_failure(run, error)) from error

    def transport_failure(self, run: Run, error: TransportError) -> Failure:
        """A broken exchange as a failure; a limit that the caller set is not the deployment's fault."""
        failure = of_transport(error)
        if not isinstance(error, TimedOut) or not run.call.timeouts:
            return failure
        own = run.call.timeouts.get(error.stage)
        total = "total" in run.call.timeouts and self._clock() >= run.deadline
        return replace(failure, is_impatience=total or (own is not None and error.limit_s <= own))

    async def _send(
        self, run: Run, call: Call, way: Way, deployment: Deployment, timeouts: Timeouts, until: float
    ) -> Exchange:
        """The exchange of a good answer; AttemptFailed for a status that is none."""
        try:
            body, encoded = way.request(call, deployment)
        except InvalidRequest as error:  # another deployment may take what this one has no words for
            failure = Failure("unsupported", error.message, code=error.code, param=error.param)
            raise AttemptFailed(failure) from error
        except RecursionError as error:
            raise AttemptFailed(Failure("unsupported", TOO_DEEP, code="invalid_json")) from error
        run.dropped = encoded.dropped
        if run.strict and run.dropped:
            raise AttemptFailed(
                Failure("unsupported", _lost(run.dropped), code="unsupported_parameter", param=run.dropped[0])
            )
        target = _aim(way.operation, call, deployment, encoded)
        if deployment.signer is not None:
            whole = body if isinstance(body, bytes) else b"".join(body)  # what signs wants it in one
            target = await self._signed(deployment.signer, target, whole)
        run.target = target
        scheme = target.url.partition(":")[0]
        exchange = await self._transports[scheme].send("POST", target, body, timeouts)
        if exchange.status < 300:
            return exchange
        if exchange.status < 400:  # not followed: the credential belongs to this host
            exchange.close()
            raise AttemptFailed(Failure("malformed", "the provider redirects elsewhere", exchange.status))
        try:
            raw = await self._read(exchange, timeouts, until, MAX_ERROR_BYTES)
        except TransportError:
            raw = b""  # the status says enough
        finally:
            exchange.close()
        info = way.dialect.error_of(exchange.status, exchange.headers, raw)
        raise AttemptFailed(classify(exchange.status, exchange.headers, _safe(info, target)))

    async def _signed(self, signer: Signer, target: Target, body: bytes) -> Target:
        try:
            return await signer.sign("POST", target, body)
        except ConfigError as error:
            raise AttemptFailed(Failure("credentials", error.message)) from error

    async def _read(self, exchange: Exchange, timeouts: Timeouts, until: float, limit: int) -> bytes:
        """The whole body: no larger, no slower and no longer silent than allowed."""
        parts: list[bytes] = []
        size = 0
        while True:
            left = max(until - self._clock(), LEAST_S)
            data = await exchange.chunk(least(timeouts.between_chunks, left))
            if not data:
                return parts[0] if len(parts) == 1 else b"".join(parts)
            size += len(data)
            if size > limit:
                raise ProtocolError(f"the answer is larger than {limit} bytes")
            parts.append(data)

    def timeouts(self, run: Run, deployment: Deployment) -> tuple[Timeouts, float]:
        """(the deployment's with the route's and the request's over them, when the attempt's time ends)."""
        timeouts = deployment.timeouts
        if run.timeouts is not None:
            timeouts = with_changes(timeouts, run.timeouts)
        if run.call.timeouts:
            timeouts = with_changes(timeouts, run.call.timeouts)
        now, until, total = self._clock(), run.deadline, timeouts.total
        if total is not None and now + total < until:
            until = now + total
        left, first_byte, connect = max(until - now, LEAST_S), timeouts.first_byte, timeouts.connect
        if first_byte is None or connect is None or first_byte > left or connect > left:
            timeouts = replace(timeouts, first_byte=least(first_byte, left), connect=least(connect, left))
        return timeouts, until

    def _decode(self, run: Run, way: Way, deployment: Deployment, exchange: Exchange, raw: bytes) -> Answer:
        try:
            answer = way.decode(raw, deployment, run.reply.request_id, int(time.time()))
        except ErrorBody as error:
            raise AttemptFailed(
                inner_failure(exchange, error.info, run.target or deployment.target)
            ) from error
        except Malformed as error:
            raise AttemptFailed(Failure("malformed", error.message, exchange.status)) from error
        except RecursionError as error:
            deep = Failure("malformed", "the provider's answer is nested too deeply", exchange.status)
            raise AttemptFailed(deep) from error
        if not answer.raw and answer.body.get("choices") == []:
            raise AttemptFailed(Failure("malformed", "the provider's answer is empty", exchange.status))
        return answer

    async def _until_content(
        self, decoder: Translated, target: Target, exchange: Exchange, until: float, most: int
    ) -> tuple[list[Chunk], bool]:
        """(the chunks up to and with the first content, whether the stream ended with them)."""
        began = self._clock()
        held: list[Chunk] = []
        size = 0
        while True:
            try:
                data = await exchange.chunk(max(until - self._clock(), LEAST_S))
            except TimedOut as error:
                raise TimedOut("first_token", until - began) from error
            held += decoder.feed(data) if data else decoder.finish()
            if decoder.error is not None:
                raise AttemptFailed(inner_failure(exchange, decoder.error, target))
            if decoder.saw_content or decoder.finish_reason:
                return held, not data
            if not data or decoder.done:
                raise AttemptFailed(
                    Failure("malformed", "the provider sent an empty stream", exchange.status)
                )
            size += len(data)
            if size > most:
                raise AttemptFailed(Failure("malformed", f"the provider sent no content in {size} bytes"))


def _aim(operation: str, call: Call, deployment: Deployment, encoded: Encoded) -> Target:
    """Where the call goes; headers of this one request go over those that every request has."""
    targets = deployment.targets
    target = targets[operation]
    if call.stream:
        target = targets.get(f"{operation}_stream", target)
    if encoded.suffix:
        target = Target(_longer(target.url, encoded.suffix), target.headers)
    if not encoded.headers:
        return target
    named = {name for name, _ in encoded.headers}
    return Target(target.url, tuple(h for h in target.headers if h[0].lower() not in named) + encoded.headers)


def _longer(url: str, suffix: str) -> str:
    """An address with more of its path, and of its query beside what it has."""
    base, _, query = url.partition("?")
    path, _, more = suffix.partition("?")
    whole = "&".join(part for part in (query, more) if part)
    return f"{base}{path}?{whole}" if whole else base + path


def _lost(dropped: tuple[str, ...]) -> str:
    return f"This deployment cannot take {', '.join(dropped)}, and nothing may be dropped."


def least(limit: float | None, left: float) -> float:
    """The shorter of two times; None is no limit."""
    return left if limit is None else min(limit, left)


def inner_failure(exchange: Exchange, info: ErrorInfo, target: Target) -> Failure:
    """The failure that an error inside a good answer means; the body may name a status of its own."""
    if info.type == MALFORMED:
        return Failure("malformed", info.message, exchange.status)
    return classify(info.status or exchange.status, exchange.headers, _safe(info, target))


def _safe(info: ErrorInfo, target: Target) -> ErrorInfo:
    """What a provider says, without our credential."""
    return replace(
        info,
        message=mask(info.message, target),
        code=info.code and mask(info.code, target),
        param=info.param and mask(info.param, target),
    )
