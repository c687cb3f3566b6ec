"""GET /readyz: whether calls can be answered, and how the parts behind them are."""

import orjson

from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request
from xroute.web.start import Parts

WELL = "up"


class Readiness:
    """A database that is away stops no call; a Redis that is away stops all if `when_down` is `closed`."""

    def __init__(self, parts: Parts | None) -> None:
        self._parts = parts

    async def show(self, request: Request, reply: AsgiReply) -> None:
        """200 where calls are answered, 503 where they are refused; both say what is not well."""
        parts = self._parts
        states = parts.states() if parts else {}
        redis = states.get("redis", WELL)
        settings = parts.services.settings.redis if parts else None
        is_refusing = redis != WELL and settings is not None and settings.when_down == "closed"
        is_well = all(state == WELL for state in states.values())
        status = "not ready" if is_refusing else "ready" if is_well else "degraded"
        await reply.answer(503 if is_refusing else 200, [], orjson.dumps({"status": status, **states}))
