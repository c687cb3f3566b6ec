"""Serves calls and keeps what was asked and answered in them."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from xroute.errors import CallError
from xroute.gateway.reply import Headers, Reply
from xroute.store.bodies import Bodies
from xroute.wire.call import Call
from xroute.wire.record import Outcome, Record

Serve = Callable[[Call, Reply], Awaitable[bool]]

MOST_HELD = 64 * 1024 * 1024  # bytes of the answers under way; of what comes beyond it no more is taken


class Witness:
    """A reply that also takes down the beginning of what it sends."""

    def __init__(self, reply: Reply, keeper: "Keeper") -> None:
        self._reply = reply
        self._keeper = keeper
        self.request_id = reply.request_id
        self.started = reply.started
        self.taken = bytearray()
        self.held = 0  # how much of it counts with the keeper
        self.size = 0  # of the whole answer

    @property
    def opened(self) -> bool:
        return self._reply.opened

    @property
    def last_write(self) -> float:
        return self._reply.last_write

    @property
    def writing_since(self) -> float:
        return self._reply.writing_since

    def drop(self) -> None:
        self._reply.drop()

    async def answer(
        self, status: int, headers: Headers, body: bytes, media: str = "application/json"
    ) -> None:
        self._take(body)
        await self._reply.answer(status, headers, body, media)

    async def open(self, headers: Headers) -> None:
        await self._reply.open(headers)

    async def write(self, data: bytes) -> None:
        self._take(data)
        await self._reply.write(data)

    def nudge(self, data: bytes) -> None:
        self._reply.nudge(data)

    async def end(self) -> None:
        await self._reply.end()

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        taken = data[: self._keeper.room(len(self.taken))]
        self.taken += taken
        self.held += len(taken)
        self._keeper.held += len(taken)


class Keeper:
    """Stands around a gateway. `noted` has to be among its recorders: it knows how calls ended."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._under_way: dict[str, Outcome] = {}
        self.held = 0  # bytes of the answers under way

    def noted(self, record: Record) -> None:
        """A call was settled."""
        if record.id in self._under_way:
            self._under_way[record.id] = record.outcome

    def room(self, taken: int) -> int:
        """How much more of an answer is taken."""
        return min(self._bodies.most - taken, max(0, MOST_HELD - self.held))

    def around(self, serve: Serve, request: bytes | bytearray) -> Serve:
        """What serves a call, with its body kept along."""

        async def serve_and_keep(call: Call, reply: Reply) -> bool:
            if call.who is None or _is_private(call):
                return await serve(call, reply)
            return await self._serve(serve, call, reply, request)

        return serve_and_keep

    async def _serve(self, serve: Serve, call: Call, reply: Reply, request: bytes | bytearray) -> bool:
        assert call.who is not None
        witness = Witness(reply, self)
        self._under_way[reply.request_id] = "refused"  # until it is told otherwise
        try:
            return await serve(call, witness)
        except CallError as error:
            witness.taken[:] = str(error.message).encode()  # what is written of it is written elsewhere
            witness.size = len(witness.taken)
            raise
        finally:
            outcome = self._under_way.pop(reply.request_id)
            self.held -= witness.held
            self._bodies.keep(
                reply.request_id, call.who.workspace, request, witness.taken, outcome, witness.size
            )


def _is_private(call: Call) -> bool:
    """Who wants providers that keep nothing does not want it kept here."""
    if call.who is not None and call.who.policy.zdr:
        return True
    wishes: Any = call.provider
    return isinstance(wishes, dict) and cast("dict[str, Any]", wishes).get("zdr") is True
