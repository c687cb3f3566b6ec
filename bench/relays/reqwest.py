"""The reference: granian and pyreqwest, with nothing between them."""

from typing import Any

from pyreqwest.client import Client, ClientBuilder

from bench.relays.serving import EVENTS, JSON, bases, run

URLS = {kind: f"{base}/chat/completions" for kind, base in bases().items()}
HEADERS = [("authorization", "Bearer sk-upstream"), ("content-type", "application/json")]

_made: list[Client] = []


def _client() -> Client:
    if not _made:  # a client belongs to the loop it is made in
        _made.append(ClientBuilder().pool_max_idle_per_host(1000).build())
    return _made[0]


async def app(scope: Any, proto: Any) -> None:
    """Passes a request on and its answer back: whole, or chunk by chunk."""
    body = await proto()
    builder = _client().post(URLS[scope.path.split("/", 2)[1]]).headers(HEADERS).body_bytes(body)
    async with builder.streamed_read_buffer_limit(0).build_streamed() as response:
        if not response.headers["content-type"].startswith("text/event-stream"):
            data = await response.body_reader.bytes()
            proto.response_bytes(response.status, JSON, data.to_bytes())
            return
        stream = proto.response_stream(response.status, EVENTS)
        while (chunk := await response.body_reader.read_chunk()) is not None:
            await stream.send_bytes(chunk.to_bytes())


if __name__ == "__main__":
    run(app)
