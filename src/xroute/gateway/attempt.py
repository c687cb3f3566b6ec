"""One try of a call on one deployment: encode, send, decode. What goes wrong is a Failure, raised once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from xroute import dialects
from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.openai.stream import MALFORMED, Decoder
from xroute.errors import InvalidRequest, TimedOut, TransportError, XrouteError
from xroute.gateway.fleet import with_changes
from xroute.gateway.run import Run
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.upstream.auth import mask
from xroute.upstream.failure import classify, of_transport
from xroute.wire.http import Exchange, Target, Timeouts, Transport

MAX_ERROR_BYTES = 1024 * 1024
MAX_HELD = 10_000  # chunks without content that are kept back while waiting for the first content


class AttemptFailed(XrouteError):
    """An attempt that failed before anything reached the client."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class Opened:
    """A stream whose first content is in: nothing of it has been sent yet."""

    exchange: Exchange
    decoder: Decoder
    held: list[Chunk]
    between_s: float | None
    ended: bool  # the first bytes were also the last


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
        self._clock = clock

    async def complete(self, run: Run, deployment: Deployment) -> Answer:
        """A whole answer; AttemptFailed if there is none."""
        try:
            exchange = await self._send(run, deployment)
            try:
                raw = await exchange.read(self._max_answer)
            finally:
                exchange.close()
        except TransportError as error:
            raise AttemptFailed(of_transport(error)) from error
        return self._decode(run, deployment, exchange, raw)

    async def open(self, run: Run, deployment: Deployment) -> Opened:
        """A stream up to its first content; AttemptFailed if it does not get there."""
        sent = self._clock()
        try:
            exchange = await self._send(run, deployment)
            try:
                return await self._until_content(run, deployment, exchange, sent)
            except BaseException:
                exchange.close()
                raise
        except TransportError as error:
            raise AttemptFailed(of_transport(error)) from error

    async def _send(self, run: Run, deployment: Deployment) -> Exchange:
        """The exchange of a good answer; AttemptFailed for a status that is none."""
        dialect = dialects.get(deployment.dialect)
        assert dialect is not None  # the fleet makes no deployment without one
        body, run.dropped = dialect.encode(
            run.call.body, upstream=deployment.upstream, quirks=deployment.quirks
        )
        target = deployment.target
        scheme = target.url.partition(":")[0]
        timeouts = self.timeouts(run, deployment)
        exchange = await self._transports[scheme].send("POST", target, _dump(body), timeouts)
        if exchange.status < 300:
            return exchange
        try:
            raw = await exchange.read(MAX_ERROR_BYTES)
        finally:
            exchange.close()
        info = dialect.error_of(exchange.status, exchange.headers, raw)
        # A redirect is not followed: the credential belongs to this host. It counts as a broken provider.
        raise AttemptFailed(_safe(classify(max(exchange.status, 400), exchange.headers, info), target))

    def timeouts(self, run: Run, deployment: Deployment) -> Timeouts:
        """The deployment's, with the route's and the request's over them, within what is left of the call."""
        timeouts = deployment.timeouts
        if run.timeouts is not None:
            timeouts = with_changes(timeouts, run.timeouts)
        if run.call.timeouts:
            timeouts = with_changes(timeouts, run.call.timeouts)
        left = max(run.deadline - self._clock(), 0.001)
        if timeouts.first_byte is None or timeouts.first_byte > left:
            timeouts = replace(timeouts, first_byte=left)
        return timeouts

    def _decode(self, run: Run, deployment: Deployment, exchange: Exchange, raw: bytes) -> Answer:
        dialect = dialects.get(deployment.dialect)
        assert dialect is not None
        try:
            answer: Answer = dialect.decode(
                raw,
                model=deployment.upstream,
                request_id=run.reply.request_id,
                created=int(time.time()),
                quirks=deployment.quirks,
            )
        except ErrorBody as error:
            raise AttemptFailed(inner_failure(exchange, error.info, deployment.target)) from error
        except Malformed as error:
            raise AttemptFailed(Failure("malformed", error.message, exchange.status)) from error
        if not answer.body["choices"]:
            raise AttemptFailed(Failure("malformed", "the provider's answer is empty", exchange.status))
        return answer

    def _decoder(self, run: Run, deployment: Deployment) -> Decoder:
        dialect = dialects.get(deployment.dialect)
        assert dialect is not None
        decoder = dialect.Decoder(
            model=deployment.upstream,
            request_id=run.reply.request_id,
            created=int(time.time()),
            quirks=deployment.quirks,
            include_usage=run.call.include_usage,
        )
        run.decoder = decoder
        return decoder

    async def _until_content(
        self, run: Run, deployment: Deployment, exchange: Exchange, sent: float
    ) -> Opened:
        timeouts = self.timeouts(run, deployment)
        decoder = self._decoder(run, deployment)
        limit_s = timeouts.first_token
        until = run.deadline if limit_s is None else min(run.deadline, sent + limit_s)
        held: list[Chunk] = []
        while True:
            try:
                data = await exchange.chunk(max(until - self._clock(), 0.001))
            except TimedOut as error:
                raise TimedOut("first_token", limit_s or error.limit_s) from error
            held += decoder.feed(data) if data else decoder.finish()
            if decoder.error is not None:
                raise AttemptFailed(inner_failure(exchange, decoder.error, deployment.target))
            if decoder.saw_content or decoder.finish_reason:
                return Opened(exchange, decoder, held, timeouts.between_chunks, ended=not data)
            if not data or decoder.done:
                raise AttemptFailed(
                    Failure("malformed", "the provider sent an empty stream", exchange.status)
                )
            if len(held) > MAX_HELD:
                raise AttemptFailed(Failure("malformed", "the provider sent no content in 10,000 chunks"))


def _dump(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except (
        TypeError
    ):  # orjson.JSONEncodeError: the body was JSON when it came, so only its depth can be at fault
        raise InvalidRequest("The request body is nested too deeply.", code="invalid_json") from None


def inner_failure(exchange: Exchange, info: ErrorInfo, target: Target) -> Failure:
    """The failure that an error inside a good answer means; the body may name a status of its own."""
    if info.type == MALFORMED:
        return Failure("malformed", info.message, exchange.status)
    return _safe(classify(info.status or exchange.status, exchange.headers, info), target)


def _safe(failure: Failure, target: Target) -> Failure:
    """A failure whose texts may be shown."""
    return replace(
        failure,
        message=mask(failure.message, target),
        code=failure.code and mask(failure.code, target),
        param=failure.param and mask(failure.param, target),
    )
