"""The calls that reach a model, each surface by its parser.

Anthropic's and Gemini's are imported when their first client calls: both would take a fifth of the start.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from xroute import dialects
from xroute.dialects.openai.parse import parse
from xroute.dialects.rewrite import with_route
from xroute.errors import NotFound
from xroute.gateway.call import Gateway
from xroute.gateway.replay import Replays
from xroute.gateway.witness import Keeper
from xroute.web.asgi import AsgiReply
from xroute.web.body import read_body
from xroute.web.edge import Request
from xroute.wire.call import Call


class Inference:
    """Handlers of the calls that reach a model."""

    def __init__(self, gateway: Gateway, max_body: int, keeper: Keeper | None = None) -> None:
        self._gateway = gateway
        self._keeper = keeper
        self.max_body = max_body
        self._replays = Replays()

    def chat(self, request: Request, reply: AsgiReply) -> Awaitable[None]:
        """POST /v1/chat/completions."""
        return self.serve(request, reply, parse)

    async def messages(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/messages."""
        reply.named(b"request-id")
        await self.serve(
            request, reply, partial(dialects.side("anthropic", "parse").parse, headers=request.headers)
        )

    async def count_messages(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/messages/count_tokens."""
        raw = await read_body(request.headers, request.client, self.max_body)
        call: Call = dialects.side("anthropic", "parse").parse_count(raw, request.headers)
        call.who = request.who
        request.client.watch()
        await self._gateway.count(call, reply, dialects.side("anthropic", "surface").write_count)

    async def gemini(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1beta/models/{model}:generateContent, :streamGenerateContent and :countTokens.

        Also below /v1, where google-genai asks by itself since its version 3 (its source, read 2026-11-21).
        """
        model, _, method = request.argument.rpartition(":")
        parse = dialects.side("gemini", "parse")
        match method:
            case "generateContent":
                await self.serve(request, reply, partial(parse.parse, model=model))
            case "streamGenerateContent":
                sse = b"alt=sse" in request.scope.get("query_string", b"")
                reply.is_array = not sse
                await self.serve(request, reply, partial(parse.parse, model=model, stream=True, sse=sse))
            case "countTokens":
                raw = await read_body(request.headers, request.client, self.max_body)
                call: Call = parse.parse_count(raw, model)
                call.who = request.who
                request.client.watch()
                await self._gateway.count(call, reply, dialects.side("gemini", "surface").write_count)
            case _:
                raise NotFound(f"There is nothing at {request.scope['path'][:200]}.", code="unknown_url")

    async def serve(self, request: Request, reply: AsgiReply, parse: Callable[[bytes], Call]) -> None:
        """Any call: its body is read, parsed and answered; once, where it has an Idempotency-Key."""
        raw = await read_body(request.headers, request.client, self.max_body)
        who = request.who
        if who is not None and who.route:
            raw = with_route(raw, who.route)
        await self.answer(request, reply, parse(raw), raw)

    def answer(
        self, request: Request, reply: AsgiReply, call: Call, raw: bytes | bytearray
    ) -> Awaitable[object]:
        """A call whose body was read; `raw` tells it from another with the same Idempotency-Key."""
        who = call.who = request.who
        request.client.watch()
        serve = self._keeper.around(self._gateway.serve, raw) if self._keeper else self._gateway.serve
        key = request.headers.get("idempotency-key")
        if key is None:
            return serve(call, reply)
        whose = who.id if who else ""
        return self._replays.once((whose, key), raw, reply, call, serve, self._gateway.repeated)
