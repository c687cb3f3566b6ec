"""An opened stream on its way to the client. Past this point no attempt is ever repeated."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from xroute.dialects.answer import Chunk
from xroute.dialects.openai.stream import MALFORMED, Decoder
from xroute.dialects.openai.tokens import body_of as body_of_usage
from xroute.errors import CallError, CutError, TimedOut, TransportError
from xroute.gateway.attempt import Attempts, Opened, inner_failure, least
from xroute.gateway.reply import Reply
from xroute.gateway.run import Run
from xroute.gateway.settle import Outcome
from xroute.gateway.verdict import broken_off
from xroute.money.nano import as_number
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.upstream.failure import of_transport
from xroute.wire.http import Exchange

DONE = b"data: [DONE]\n\n"
DRAIN_S = 1.0  # seconds for the end of the answer after its [DONE]
MAX_DRAIN = 16  # reads

_OUTCOMES: dict[str, Outcome] = {"cut": "upstream_cut", "connect": "upstream_cut", "timeout": "timed_out"}


async def pump(
    run: Run, opened: Opened, attempts: Attempts, deployment: Deployment, clock: Callable[[], float]
) -> Failure | None:
    """Sends all that the provider says, up to its end: None for a proper one, else what went wrong."""
    if not run.reply.opened:
        await run.reply.open(run.headers(clock()))
    await run.reply.write(events(opened.held))
    failure = await _pump(run, opened, attempts, clock)
    if failure is None and opened.decoder.error is not None:
        failure = inner_failure(opened.exchange, opened.decoder.error, deployment.target)
    return failure


def closing(run: Run, opened: Opened, deployment: Deployment, failure: Failure | None) -> bytes:
    """What the client gets last: the usage it asked for, or the error. Sets the run's outcome."""
    if failure is None:
        run.outcome = "completed"
        return _last(run, opened.decoder) + DONE
    run.failed.append((deployment, failure))
    error = broken_off(run.failed)
    run.outcome, run.error_type = _OUTCOMES.get(failure.kind, "failed"), error.error_type
    return error_event(error, run) + DONE


async def _pump(run: Run, opened: Opened, attempts: Attempts, clock: Callable[[], float]) -> Failure | None:
    """Chunks from the provider to the client until the provider's end, proper or not."""
    exchange, decoder, reply = opened.exchange, opened.decoder, run.reply
    ended = opened.ended
    try:
        while not ended and not decoder.done and decoder.error is None:
            left = opened.until - clock()
            data = await exchange.chunk(max(least(opened.between_s, left), 0.001))
            ended = not data
            chunks = decoder.feed(data) if data else decoder.finish()
            if chunks:
                await reply.write(events(chunks))
    except TimedOut as error:
        late = clock() >= opened.until
        return attempts.transport_failure(run, TimedOut("total", error.limit_s) if late else error)
    except CutError as error:
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
    if chunks:
        await reply.write(events(chunks))
    return None


async def drain(exchange: Exchange) -> None:
    """Reads what follows [DONE], a few bytes of framing, so that the connection can be used again."""
    try:
        for _ in range(MAX_DRAIN):
            if not await exchange.chunk(DRAIN_S):
                return
    except TransportError:
        return  # the answer was complete: all that is lost is the connection


def events(chunks: list[Chunk]) -> bytes:
    """Chunks as server-sent events."""
    if len(chunks) == 1:
        return b"data: %b\n\n" % chunks[0].raw
    return b"".join([b"data: %b\n\n" % chunk.raw for chunk in chunks])


def error_event(error: CallError, run: Run) -> bytes:
    """The typed in-band error: a chunk with a top-level `error` and `finish_reason: "error"`."""
    choice: dict[str, object] = {"index": 0, "delta": {}, "finish_reason": "error"}
    request_id = run.reply.request_id
    chunk = (
        run.decoder.chunk_of(choice) if run.decoder else lone_chunk(choice, request_id, run.call.models[0])
    )
    return error_data(chunk, error, request_id)


def error_data(chunk: dict[str, Any], error: CallError, request_id: str) -> bytes:
    """A chunk with the error in it, as an event."""
    return b"data: %b\n\n" % orjson.dumps({**chunk, "error": body_of(error, request_id)})


def lone_chunk(choice: dict[str, object], request_id: str, model: str) -> dict[str, Any]:
    """A chunk of a stream that has no other."""
    return {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
    }


def body_of(error: CallError, request_id: str) -> dict[str, object]:
    """The `error` object, the same in an answer and in a stream."""
    metadata: dict[str, object] = {"error_type": error.error_type, "request_id": request_id}
    if error.provider:
        metadata["provider"] = error.provider
    if error.retry_after_s is not None:
        metadata["retry_after"] = round(error.retry_after_s, 3)
    return {
        "message": error.message,
        "type": error.kind,
        "code": error.code or error.error_type,
        "param": error.param,
        "metadata": metadata | (error.metadata or {}),
    }


def _last(run: Run, decoder: Decoder) -> bytes:
    """The usage chunk, for a client that asked for one."""
    if not run.call.include_usage or run.usage is None:
        return b""
    return b"data: %b\n\n" % decoder.usage_chunk(run.usage, with_ours(decoder.usage_body or {}, run))


def with_ours(given: dict[str, Any], run: Run) -> dict[str, object]:
    """A provider's usage with our fields over it; its own cost, where it tells one, as `provider_cost`."""
    own = {"provider_cost": given["cost"]} if "cost" in given else {}
    return {**given, **own, **extra(run)}


def extra(run: Run) -> dict[str, object]:
    """Our fields of `usage`: the cost in dollars, null where it is unknown; the counts where we made them."""
    cost: dict[str, object] = {"cost": None if run.cost_nano is None else as_number(run.cost_nano)}
    if run.usage is None or not run.usage.estimated:
        return cost
    return {**body_of_usage(run.usage), "estimated": True, **cost}
