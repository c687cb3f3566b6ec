"""The Responses API: made by any deployment, kept by xroute itself."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import codec
from xroute.dialects.openai.parse import load
from xroute.dialects.openai_responses import compact, count_tokens, kept
from xroute.dialects.openai_responses.parse import own_items, read, wants
from xroute.dialects.openai_responses.surface import ResponsesSurface, write_count
from xroute.errors import CallError, InvalidRequest, NotFound
from xroute.gateway.call import Gateway
from xroute.store.responses import Missing, ResponseStore
from xroute.store.shelf import Stored
from xroute.web.asgi import AsgiReply
from xroute.web.background import Background, Reel
from xroute.web.body import read_body
from xroute.web.edge import Request
from xroute.web.inference import Inference
from xroute.wire.call import Call

BEGUN = frozenset({"queued", "in_progress"})
PAGE, MOST = 20, 100  # items of a list, where nothing is said and at most
ALIVE_S = 15.0  # between comments to who follows a background call
FAR = 10**9  # no stream has so many events
ENDING_S, ENDING_TRIES = (
    2.0,
    10,
)  # how long another process is given to end a call, and how often it is looked

Json = dict[str, Any]


class Responses:
    """Handlers of /v1/responses. `now` gives Unix seconds."""

    def __init__(
        self,
        gateway: Gateway,
        inference: Inference,
        store: ResponseStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._gateway = gateway
        self._inference = inference
        self._store = store
        self._max_body = inference.max_body
        self._now = now
        self._background = Background()

    async def close(self) -> None:
        """Ends the calls in the background, and writes what waits."""
        await self._background.close()
        await self._store.close()

    # Calls.

    async def create(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/responses."""
        raw = await read_body(request.headers, request.client, self._max_body)
        given = load(raw)
        owner = _owner(request)
        earlier, known = await self._look_up(owner, given)
        id_ = response_id(reply)
        call = read(given, raw, earlier, known, response_id=id_, now=self._now)
        surface = call.surface
        assert isinstance(surface, ResponsesSurface)
        if given.get("store") is not False:
            stored = Stored(
                id_, owner, {}, kept.kept(own_items(given, known), id_),
                str(given.get("previous_response_id") or ""), self._now(),
            )  # fmt: skip
            surface.keep = partial(self._keep, stored)
        call.who = request.who
        if given.get("background"):
            await self._begin(call, surface, request, reply)
            return
        await self._inference.answer(request, reply, call, raw)

    async def compact(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/responses/compact."""
        raw = await read_body(request.headers, request.client, self._max_body)
        earlier, known = await self._look_up(_owner(request), load(raw))
        call = compact.parse(raw, earlier, known, response_id=response_id(reply))
        call.who = request.who
        request.client.watch()
        await self._gateway.serve(call, reply)

    async def input_tokens(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/responses/input_tokens."""
        raw = await read_body(request.headers, request.client, self._max_body)
        given = load(raw)
        earlier, known = await self._look_up(_owner(request), given)
        call = read({**given, "stream": False}, raw, earlier, known)
        # A provider that counts gets the whole conversation, and none of what only xroute can read.
        asked = count_tokens.encode(call.body, upstream=call.models[0], quirks=Quirks())
        call = replace(call, operation="count_tokens", raw=codec.write(asked.body), who=request.who)
        request.client.watch()
        await self._gateway.count(call, reply, write_count)

    async def _look_up(self, owner: str, given: Json) -> tuple[list[Any], dict[str, Json]]:
        """(the items of the conversation so far, the items that the request refers to)."""
        previous, ids = wants(given)
        known = await self._store.items(owner, ids)
        try:
            chain = await self._store.chain(owner, previous)
        except Missing as missing:
            raise _no_previous(missing.id) from None
        for stored in chain:
            if stored.response.get("status") in BEGUN:
                raise InvalidRequest(
                    f"The response {stored.id[:100]!r} is not finished.",
                    param="previous_response_id",
                    code="response_not_finished",
                )
        return [item for stored in chain for item in _said(stored)], known

    def _keep(self, stored: Stored, response: Json) -> None:
        self._store.save(replace(stored, response=response))

    # Calls in the background.

    async def _begin(self, call: Call, surface: ResponsesSurface, request: Request, reply: AsgiReply) -> None:
        """Answers at once, or follows the events; the call goes on either way."""
        self._background.room()
        keep = surface.keep
        assert keep is not None
        queued = surface.begun("queued")
        keep(queued)
        reel = Reel(reply.request_id)

        async def work() -> None:
            keep(surface.begun("in_progress"))
            await self._gateway.serve(call, reel)

        def failed(error: CallError) -> None:
            reel.add(surface.encoder(reply.request_id, 0).fail(error, {}))

        self._background.start(queued["id"], reel, work, failed)
        if call.stream:
            await self._follow(reel, request, reply, 0)
        else:
            await _answer(reply, queued)

    async def _follow(self, reel: Reel, request: Request, reply: AsgiReply, at: int) -> None:
        """Events from the one with this number on, as far as they are and on as they come."""
        request.client.watch()
        await reply.open([f"x-request-id: {reply.request_id}"])
        while True:
            if events := reel.events[at:]:
                at += len(events)
                await reply.write(b"".join(events))
            elif reel.ended:
                break
            elif not await reel.change(ALIVE_S):
                await reply.write(b": keep-alive\n\n")
        await reply.end()

    async def cancel(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/responses/{id}/cancel."""
        id_, _, method = request.argument.partition("/")
        if method != "cancel":
            raise _unknown(request)
        stored = await self._find(request, id_)
        if not stored.response.get("background"):
            raise InvalidRequest("Only a response in the background can be cancelled.", code="not_background")
        if stored.response.get("status") in BEGUN:
            await self._end(stored)
            stored = await self._store.get(stored.owner, id_) or stored
            stored = self._cancelled(stored)
        await _answer(reply, stored.response)

    async def heard(self, rows: set[str]) -> None:
        """Ends those of these calls that run here, as another process was asked to."""
        for row in rows:
            owner, _, id_ = row.partition(" ")
            if self._background.is_running(id_):
                await self._background.cancel(id_)
                if stored := await self._store.get(owner, id_):
                    self._cancelled(stored)

    async def _end(self, stored: Stored) -> None:
        """Ends a call in the background, whichever process it runs in."""
        if self._background.is_running(stored.id) or not await self._store.is_made_elsewhere(stored):
            await self._background.cancel(stored.id)
            return
        await self._store.ask_end(stored)
        for _ in range(ENDING_TRIES):
            await asyncio.sleep(ENDING_S / ENDING_TRIES)
            found = await self._store.get(stored.owner, stored.id)
            if found is None or found.response.get("status") not in BEGUN:
                return

    def _cancelled(self, stored: Stored) -> Stored:
        if stored.response.get("status") in BEGUN:
            stored = replace(stored, response={**stored.response, "status": "cancelled"})
            self._store.save(stored)
        return stored

    # What is kept.

    async def get(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/responses/{id} and /v1/responses/{id}/input_items."""
        id_, _, rest = request.argument.partition("/")
        query = _query(request)
        if rest == "input_items":
            await self._list(request, reply, id_, query)
            return
        if rest:
            raise _unknown(request)
        stored = await self._find(request, id_)
        if query.get("stream") != "true":
            await _answer(reply, stored.response)
            return
        reel = self._background.reel(id_)
        if reel is None or not (reel.events or self._background.is_running(id_)):
            raise InvalidRequest(
                "The events of this response are not kept.", param="stream", code="no_stream"
            )
        after = _number(query, "starting_after", -1, -1, FAR)
        # Even a GET has a body, be it empty: only what comes after it is the client's going.
        await read_body(request.headers, request.client, self._max_body)
        await self._follow(reel, request, reply, after + 1)

    async def delete(self, request: Request, reply: AsgiReply) -> None:
        """DELETE /v1/responses/{id}."""
        id_ = request.argument
        stored = await self._find(request, id_)
        if stored.response.get("status") in BEGUN:
            await self._end(stored)
        self._background.forget(id_)
        await self._store.delete(_owner(request), id_)
        await _answer(reply, {"id": id_, "object": "response", "deleted": True})

    async def _list(self, request: Request, reply: AsgiReply, id_: str, query: dict[str, str]) -> None:
        await self._find(request, id_)
        try:
            chain = await self._store.chain(_owner(request), id_)
        except Missing as missing:
            raise _no_previous(missing.id) from None
        items = [item for stored in chain[:-1] for item in _said(stored)] + chain[-1].input
        await _answer(reply, _page(items, query))

    async def _find(self, request: Request, id_: str) -> Stored:
        """A response of this key; one whose process has gone is a failed one."""
        stored = await self._store.get(_owner(request), id_)
        if stored is None:
            raise NotFound(f"Response with id {id_[:100]!r} not found.", code="response_not_found")
        if stored.response.get("status") in BEGUN and not self._background.is_running(id_):
            stored = await self._store.get(stored.owner, id_) or stored  # it may have ended just now
        if (
            stored.response.get("status") in BEGUN
            and not self._background.is_running(id_)
            and not await self._store.is_made_elsewhere(stored)
        ):
            error = {
                "code": "server_error",
                "message": "xroute was stopped before the response was finished.",
            }
            stored = replace(stored, response={**stored.response, "status": "failed", "error": error})
            self._store.save(stored)
        return stored


def response_id(reply: AsgiReply) -> str:
    """The id of the response to a request."""
    return f"resp_{reply.request_id.removeprefix('req-')}"


def _owner(request: Request) -> str:
    return request.who.id if request.who else ""


def _said(stored: Stored) -> list[Any]:
    """What a response adds to its conversation."""
    return [*stored.input, *kept.usable(stored.response.get("output"))]


async def _answer(reply: AsgiReply, body: Json) -> None:
    await reply.answer(200, [f"x-request-id: {reply.request_id}"], codec.write(body))


def _no_previous(id_: str) -> InvalidRequest:
    return InvalidRequest(
        f"Previous response with id {id_[:100]!r} not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def _unknown(request: Request) -> NotFound:
    return NotFound(f"There is nothing at {request.scope['path'][:200]}.", code="unknown_url")


def _query(request: Request) -> dict[str, str]:
    raw: bytes = request.scope.get("query_string", b"")
    return {name: values[-1] for name, values in parse_qs(raw.decode("latin-1")).items()}


def _number(query: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.lstrip("-").isdecimal() or len(text) > 12 or not least <= int(text) <= most:
        raise InvalidRequest(f"`{name}` must be a whole number from {least} to {most}.", param=name)
    return int(text)


def _page(items: list[Any], query: dict[str, str]) -> Json:
    """Part of a list, newest first unless asked otherwise; `after` and `before` are ids of items."""
    limit = _number(query, "limit", PAGE, 1, MOST)
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("`order` must be asc or desc.", param="order")
    ordered = items if order == "asc" else items[::-1]
    ids = [item.get("id") for item in ordered]
    start, end = 0, len(ordered)
    if "after" in query:
        start = _place(ids, query, "after") + 1
    if "before" in query:
        end = _place(ids, query, "before")
    shown = ordered[start:end][:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + len(shown) < end,
    }


def _place(ids: list[Any], query: dict[str, str], name: str) -> int:
    if query[name] not in ids:
        raise InvalidRequest(f"`{name}` names no item of this list.", param=name)
    return ids.index(query[name])
