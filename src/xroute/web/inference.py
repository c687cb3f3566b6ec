"""The OpenAI surface: chat completions."""

from xroute.dialects.openai.parse import parse
from xroute.gateway.call import Gateway
from xroute.web.asgi import AsgiReply, read_body
from xroute.web.edge import Request


class Inference:
    """Handlers of the calls that reach a model."""

    def __init__(self, gateway: Gateway, max_body: int) -> None:
        self._gateway = gateway
        self._max_body = max_body

    async def chat(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/chat/completions."""
        call = parse(await read_body(request.headers, request.receive, self._max_body))
        reply.watch(request.receive)
        await self._gateway.chat(call, reply)
