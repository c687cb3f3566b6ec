"""One request and its answer: ASGI's `receive` and `send`, and what our own handlers have in their place."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from xroute.web.asgi import OWN, Message, Receive, Scope, Send, SendFailed
from xroute.web.head import encode, fields
from xroute.web.refusal import Refused
from xroute.web.scope import Address, Named

log = logging.getLogger("xroute.web")

App = Callable[[Scope, Receive, Send], Awaitable[None]]

JOINED = 64 * 1024  # bytes; a first piece up to this size is written together with the head
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset((204, 304))


class Link(Protocol):
    """The connection, as far as an exchange needs it."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]  # what needs no waiting
    client: Address
    server: Address

    @property
    def stamp(self) -> bytes:
        """The header lines that every answer has."""
        ...

    def is_staying(self) -> bool:
        """Whether another request may follow."""
        ...

    def put(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def write(self, data: bytes) -> Awaitable[None]:
        """Send bytes; to be awaited until more can be sent."""
        ...

    def resume(self) -> None:
        """Read again, if what was held is taken."""
        ...

    def finish(self, exchange: "Exchange", *, cancelled: bool) -> None:
        """The application has returned."""
        ...


class Exchange:
    """Made when a request's head is complete, and over when the application returns. A `web.asgi.Client`."""

    __slots__ = (
        "_chunked",
        "_expects",
        "_given",
        "_head",
        "_link",
        "_mute",
        "_unsent",
        "_watched",
        "complete",
        "ended",
        "gone",
        "headers",
        "keep",
        "left",
        "pieces",
        "refused",
        "scope",
        "size",
        "started",
        "task",
        "waiter",
    )

    def __init__(self, link: Link, scope: Scope, headers: Named, keep: bool, expects: bool) -> None:
        self.scope = scope
        self.headers: Mapping[bytes, bytes] = headers
        self.keep = keep  # the connection, after the answer
        self.pieces: list[bytes] = []  # of the body, not taken yet
        self.size = 0  # of all pieces
        self.complete = False  # the request
        self.gone = False  # the client, or its sending side
        self.left = False  # the task was cancelled because the client had gone
        self.refused: Refused | None = None  # what was wrong with the rest of the request
        self.started = False  # the answer
        self.ended = False
        self.task: asyncio.Task[None] | None = None
        self.waiter: asyncio.Future[Message] | None = None  # for the body, or the client's going
        self._link: Link | None = link
        self._expects = expects  # the client waits to be asked for the body
        self._given = False  # the application has the whole body
        self._watched = False  # the task is to end when the client goes
        self._head = b""  # of the answer, until it is sent
        self._chunked = self._mute = False
        self._unsent: int | None = None  # of the announced length

    def __repr__(self) -> str:
        state = "ended" if self.ended else "answering" if self.started else "asked"
        return f"<Exchange {self.scope['method']} {self.scope['path']}, {self.size} bytes unread, {state}>"

    async def run(self, link: Link, app: App) -> None:
        """Let the application answer."""
        cancelled = False
        scope = self.scope
        scope["extensions"] = {OWN: self}
        try:
            await app(scope, self.receive, self.send)
        except SendFailed:
            pass  # the client is gone
        except asyncio.CancelledError:
            cancelled = True
            raise
        except Exception:
            # The boundary for applications that have none.
            log.exception("%s %s: the application failed", scope["method"], scope["path"])
        finally:
            del scope["extensions"]  # a cycle
            self.drop()
            link.finish(self, cancelled=cancelled)

    # The request

    def whole(self) -> bytes | None:
        """The request's body, if all of it is here and nothing of it was taken yet."""
        if not self.complete or self._given or self._expects:
            return None
        return self._take()

    def receive(self) -> asyncio.Future[Message]:
        """The body as far as it came, then the client's going. A future, and no task is behind it."""
        link = self._link
        if link is None:
            return _resolved(asyncio.get_running_loop(), {"type": "http.disconnect"})
        if self.waiter is not None and not self.waiter.done():
            raise RuntimeError("receive is awaited already")
        if self._expects:
            self._expects = False
            if not self.started:
                link.put(CONTINUE)
        waiter: asyncio.Future[Message] = link.loop.create_future()
        self.waiter = waiter
        self.wake()
        return waiter

    def wake(self) -> None:
        """Something came: tell who waits for it."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if self.pieces or (self.complete and not self._given):
            self.waiter = None  # it would hold the body
            body = self._take()
            if not self.complete and self._link is not None:
                self._link.resume()
            waiter.set_result({"type": "http.request", "body": body, "more_body": not self.complete})
        elif self.gone or (self.ended and self._given):
            self.waiter = None
            waiter.set_result({"type": "http.disconnect"})

    def watch(self) -> None:
        """From now on the client's going cancels the task."""
        self._watched = True
        if self.gone:
            self.abandon()

    def unwatch(self) -> None:
        """Ends what `watch` began."""
        self._watched = False

    def abandon(self) -> None:
        """Cancel the task if it is watched, as if the client had gone."""
        if self._watched and self.task is not None:
            self.left = True
            self.task.cancel()

    def leave(self) -> None:
        """The client sends no more; it may still read."""
        self.gone = True
        self.abandon()
        self.wake()

    def drop(self) -> None:
        """Nothing can be sent any more, and nothing will come."""
        self.gone = self._given = True
        self._link = None
        self.pieces.clear()
        if self._watched:
            self.abandon()
        if self.waiter is not None:
            self.wake()

    def _take(self) -> bytes:
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        self._given = self.complete
        return body

    # The answer

    def answer(self, status: int, lines: bytes, body: bytes) -> Awaitable[None]:
        """A whole answer in one piece. SendFailed: the client left."""
        link = self._link
        if link is None:
            return _fail()
        head = self._begin(link, status, lines, len(body))
        self.ended = True
        if self._mute:
            return link.write(head)
        if len(body) > JOINED:
            link.put(head)
            return link.write(body)
        return link.write(head + body)

    def begin(self, status: int, lines: bytes) -> Awaitable[None]:
        """The head, which waits for the first piece of the body. SendFailed: the client left."""
        link = self._link
        if link is None:
            return _fail()
        self._head = self._begin(link, status, lines, None)
        return link.done

    def write(self, data: bytes) -> Awaitable[None]:
        """A piece of the body. SendFailed: the client left."""
        link = self._link
        return _fail() if link is None else self._write(link, data, more=True)

    def end(self) -> Awaitable[None]:
        """The body's end. SendFailed: the client left."""
        link = self._link
        return _fail() if link is None else self._write(link, b"", more=False)

    def send(self, message: Message) -> Awaitable[None]:
        """The same by ASGI's messages."""
        link = self._link
        if link is None:
            return _fail()
        if message["type"] == "http.response.body":
            return self._write(link, message.get("body", b""), more=message.get("more_body", False))
        if message["type"] != "http.response.start":
            raise RuntimeError(f"{message['type']} has no place here")
        lines, length = fields(message.get("headers", ()))
        self._head = self._begin(link, message["status"], lines, length)
        if not self._mute:
            self._unsent = length
        return link.done

    def _begin(self, link: Link, status: int, lines: bytes, length: int | None) -> bytes:
        """The head of an answer whose body has this length, where that is known."""
        if self.started:
            raise RuntimeError("http.response.start has no place here")
        self.started = True
        scope = self.scope
        bodiless = status in BODILESS
        self._mute = mute = bodiless or scope["method"] == "HEAD"
        old = scope["http_version"] == "1.0"
        framing, framed = b"", mute
        if length is not None:
            framed = True
            if not bodiless:
                framing = b"content-length: %d\r\n" % length
        elif not mute and not old:
            framed = self._chunked = True
            framing = b"transfer-encoding: chunked\r\n"
        if not (self.keep and self.complete and framed and link.is_staying()):
            self.keep = False
            framing += b"connection: close\r\n"
        elif old:
            framing += b"connection: keep-alive\r\n"
        return encode(status, lines, framing, link.stamp)

    def _write(self, link: Link, data: bytes, *, more: bool) -> Awaitable[None]:
        if not self.started or self.ended:
            raise RuntimeError("http.response.body has no place here")
        if self._unsent is not None:
            self._unsent -= len(data)
            if self._unsent < 0 or (self._unsent and not more):
                raise RuntimeError("the answer's body is not as long as its content-length")
        elif self._mute:
            data = b""
        elif self._chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if not more:
                data += b"0\r\n\r\n"
        if self._head:
            if len(data) <= JOINED:
                data = self._head + data
            else:
                link.put(self._head)
            self._head = b""
        self.ended = not more
        return link.write(data) if data else link.done


def _resolved(loop: asyncio.AbstractEventLoop, message: Message) -> asyncio.Future[Message]:
    future: asyncio.Future[Message] = loop.create_future()
    future.set_result(message)
    return future


async def _fail() -> None:
    # A task that watches for the client's going is to be cancelled by that first, not to fail by this.
    await asyncio.sleep(0)
    raise SendFailed
