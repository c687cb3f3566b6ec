"""The OpenAI surface: chat completions."""

from xroute.dialects.openai.parse import parse
from xroute.gateway.call import Gateway
from xroute.web.edge import Request
from xroute.web.rsgi import RsgiReply, read_body


class Inference:
    """Handlers of the calls that reach a model."""

    def __init__(self, gateway: Gateway, max_body: int) -> None:
        self._gateway = gateway
        self._max_body = max_body

    async def chat(self, request: Request, reply: RsgiReply) -> None:
        """POST /v1/chat/completions."""
        call = parse(await read_body(request.scope, request.proto, self._max_body))
        reply.watch()
        await self._gateway.chat(call, reply)
