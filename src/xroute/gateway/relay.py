"""An opened stream on its way to the client. Past this point no attempt is ever repeated."""

import time
from collections.abc import Callable
from typing import Any

from xroute.dialects.answer import MALFORMED
from xroute.dialects.openai.surface import CHAT
from xroute.dialects.openai.tokens import body_of as body_of_usage
from xroute.dialects.translated import Translated
from xroute.errors import CallError, CutError, ProtocolError, TimedOut, TransportError
from xroute.gateway.attempt import LEAST_S, Attempts, Opened, inner_failure
from xroute.gateway.reply import Reply
from xroute.gateway.run import Run
from xroute.gateway.verdict import broken_off
from xroute.money.nano import as_number
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.upstream.failure import of_transport
from xroute.wire.http import Exchange
from xroute.wire.record import Outcome

DRAIN_S = 1.0  # seconds for the end of the answer after its [DONE]
MAX_DRAIN = 16  # reads

_OUTCOMES: dict[str, Outcome] = {"cut": "upstream_cut", "connect": "upstream_cut", "timeout": "timed_out"}


async def pump(
    run: Run, opened: Opened, attempts: Attempts, deployment: Deployment, clock: Callable[[], float]
) -> Failure | None:
    """Sends all that the provider says, up to its end: None for a proper one, else what went wrong."""
    if not run.reply.opened:
        headers = run.headers(deployment, clock())
        if run.call.is_bytes:
            headers.append(f"content-type: {_sound(opened.media) or run.call.media}")
        await run.reply.open(headers)
    if data := opened.encoder.feed(opened.held):
        await run.reply.write(data)
    failure = await _pump(run, opened, attempts, clock)
    if failure is None and opened.decoder.error is not None:
        failure = inner_failure(opened.exchange, opened.decoder.error, run.target or deployment.target)
    return failure


def closing(run: Run, opened: Opened, deployment: Deployment, failure: Failure | None) -> bytes:
    """What the client gets last: the usage it asked for, or the error. Sets the run's outcome."""
    if failure is None:
        run.record.outcome = "completed"
        return opened.encoder.finish(_last(run, opened.decoder))
    run.failed.append((deployment, failure))
    error = broken_off(run.failed)
    run.record.outcome, run.record.error_type = _OUTCOMES.get(failure.kind, "failed"), error.error_type
    return failing(error, run)


def _sound(media: str) -> str:
    """A provider's content type, where it says something and a header can hold it."""
    says = "/" in media and not media.startswith("application/octet-stream")
    return media if says and media.isascii() and media.isprintable() else ""


async def _pump(run: Run, opened: Opened, attempts: Attempts, clock: Callable[[], float]) -> Failure | None:
    """Chunks from the provider to the client until the provider's end, proper or not."""
    exchange, decoder, reply, encode = opened.exchange, opened.decoder, run.reply, opened.encoder.feed
    until, between_s, ended = opened.until, opened.between_s, opened.ended
    bytes_left = attempts.most(run.call)
    try:
        while not ended and not decoder.done and decoder.error is None:
            wait_s = until - clock()
            if between_s is not None and between_s < wait_s:
                wait_s = between_s
            if data := await exchange.chunk(wait_s if wait_s > LEAST_S else LEAST_S):
                bytes_left -= len(data)
                if bytes_left < 0:
                    raise ProtocolError("the stream is larger than an answer may be")
                chunks = decoder.feed(data)
            else:
                ended, chunks = True, decoder.finish()
            if chunks and (events := encode(chunks)):
                await reply.write(events)
    except TimedOut as error:
        late = clock() >= until
        return attempts.transport_failure(run, TimedOut("total", error.limit_s) if late else error)
    except CutError as error:
        if run.call.is_bytes:
            return of_transport(error)
        return await _rest(opened, reply, of_transport(error))
    except TransportError as error:
        return of_transport(error)
    return None


async def _rest(opened: Opened, reply: Reply, failure: Failure) -> Failure | None:
    """After a cut: if every choice had finished before it, nothing is missing but, perhaps, the usage."""
    decoder = opened.decoder
    try:
        chunks = decoder.finish()
    except CutError:
        return failure
    if decoder.error is not None and decoder.error.type == MALFORMED:
        return failure  # half an event, as the cut left it
    if chunks and (events := opened.encoder.feed(chunks)):
        await reply.write(events)
    return None


async def drain(exchange: Exchange) -> None:
    """Reads what follows [DONE], a few bytes of framing, so that the connection can be used again."""
    try:
        for _ in range(MAX_DRAIN):
            if not await exchange.chunk(DRAIN_S):
                return
    except TransportError:
        return  # the answer was complete: all that is lost is the connection


def failing(error: CallError, run: Run) -> bytes:
    """The typed in-band error and the end, in the client's own format."""
    choice: dict[str, object] = {"index": 0, "delta": {}, "finish_reason": "error"}
    request_id = run.reply.request_id
    chunk = (
        run.decoder.chunk_of(choice) if run.decoder else lone_chunk(choice, request_id, run.call.models[0])
    )
    encoder = run.encoder or run.call.surface.encoder(request_id, int(time.time()))
    return encoder.fail(error, chunk)


def lone_chunk(choice: dict[str, object], request_id: str, model: str) -> dict[str, Any]:
    """A chunk of a stream that has no other."""
    return {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
    }


def _last(run: Run, decoder: Translated) -> bytes:
    """The usage chunk, for a client that asked for one or whose format always has it."""
    if run.usage is None or not (run.call.include_usage or run.call.surface.dialect != CHAT.dialect):
        return b""
    return decoder.usage_chunk(run.usage, with_ours(decoder.usage_body or {}, run))


def with_ours(given: dict[str, Any], run: Run) -> dict[str, Any]:
    """A provider's usage with our fields put into it: the cost in dollars, null where it is unknown, and its
    own as `provider_cost`; the counts where we made them."""
    if "cost" in given:
        given["provider_cost"] = given["cost"]
    usage, charged, deployment = run.usage, run.charged_nano, run.deployment
    if usage is not None and usage.estimated:
        given |= body_of_usage(usage)
        given["estimated"] = True
    given["cost"] = None if charged is None else as_number(charged)
    if deployment is not None and deployment.workspace:
        upstream = None if run.cost_nano is None else as_number(run.cost_nano)
        given |= {"is_byok": True, "cost_details": {"upstream_inference_cost": upstream}}
    return given
