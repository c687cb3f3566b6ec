"""The second reference: granian and xroute's own upstream client, with nothing between them."""

from typing import Any

from bench.relays.serving import EVENTS, JSON, bases, run
from xroute.upstream.client import HttpTransport
from xroute.wire.http import Target, Timeouts

HEADERS = (("authorization", "Bearer sk-upstream"), ("content-type", "application/json"))
TARGETS = {kind: Target(f"{base}/chat/completions", HEADERS) for kind, base in bases().items()}
TIMEOUTS = Timeouts()
LIMIT = 1024 * 1024

transport = HttpTransport()


async def app(scope: Any, proto: Any) -> None:
    """Passes a request on and its answer back: whole, or chunk by chunk."""
    body = await proto()
    exchange = await transport.send("POST", TARGETS[scope.path.split("/", 2)[1]], body, TIMEOUTS)
    try:
        if not exchange.headers["content-type"].startswith("text/event-stream"):
            proto.response_bytes(exchange.status, JSON, await exchange.read(LIMIT))
            return
        stream = proto.response_stream(exchange.status, EVENTS)
        while chunk := await exchange.chunk(60.0):
            await stream.send_bytes(chunk)
    finally:
        exchange.close()


if __name__ == "__main__":
    run(app)
