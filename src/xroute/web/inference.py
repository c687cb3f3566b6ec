"""The calls that reach a model, each surface by its parser."""

from collections.abc import Callable

from xroute.dialects.openai.parse import parse
from xroute.gateway.call import Gateway
from xroute.gateway.replay import Replays
from xroute.web.asgi import AsgiReply, read_body
from xroute.web.edge import Request
from xroute.wire.call import Call


class Inference:
    """Handlers of the calls that reach a model."""

    def __init__(self, gateway: Gateway, max_body: int) -> None:
        self._gateway = gateway
        self._max_body = max_body
        self._replays = Replays()

    async def chat(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/chat/completions."""
        await self.serve(request, reply, parse)

    async def serve(self, request: Request, reply: AsgiReply, parse: Callable[[bytes], Call]) -> None:
        """Any call: its body is read, parsed and answered; once, where it has an Idempotency-Key."""
        raw = await read_body(request.headers, request.receive, self._max_body)
        call = parse(raw)
        reply.watch(request.receive)
        key = request.headers.get("idempotency-key")
        if key is None:
            await self._gateway.serve(call, reply)
            return
        whose = request.principal.id if request.principal else ""
        await self._replays.once((whose, key), raw, reply, call, self._gateway.serve)
