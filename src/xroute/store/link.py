"""One connection to Redis for all calls of a process: what is asked in one round of the loop is one write.

Answers come in the order of the questions. The first question without an answer in time, or a connection
that ends, is the end of the link: every question then fails with the reason, and nobody waits any more.

redis.asyncio makes the connection (addresses, TLS, passwords); reading and writing here, for many questions
that are open at once, is half the work of its own reader.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AskError, InvalidResponse, MovedError, RedisError, ResponseError
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import TimeoutError as Late

AWAY = (RedisError, OSError)  # what is raised when Redis cannot be used now
LOOK_S = 0.02  # a late answer may have come while the loop did something else: it is looked for once more
KINDS = DOLLAR, MINUS, *_ = tuple(b"$-+:")  # text, error, word, number: no script answers anything else

REDIRECTIONS = {"MOVED": MovedError, "ASK": AskError}

Heard = Callable[[bytes], None]
Answer = asyncio.Future[bytes]
_Asked = tuple[float, Answer | None, Heard | None]  # by when, in loop time; who waits; who hears


class Link(asyncio.Protocol):
    """`connection` is connected already, and idle; `close` ends it. Before it writes, `fill` may ask more."""

    def __init__(
        self, connection: AbstractConnection, timeout_s: float, fill: Callable[[], None] = lambda: None
    ) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._fill = fill
        self._loop = asyncio.get_running_loop()
        self._unsent: list[tuple[bytes, _Asked]] = []
        self._unread = b""
        self._asked: deque[tuple[float, Answer | None, Heard | None]] = (
            deque()
        )  # first: by when, in loop time
        self._is_waking = False
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0
        self._answered = 0
        self._late = -1  # how many were answered when one was late
        self.lost: asyncio.Future[RedisError] = self._loop.create_future()  # why there is no link any more
        # There is no public way to what a connection writes to.
        writer = connection._writer  # pyright: ignore[reportPrivateUsage]
        assert writer is not None
        self._transport = writer.transport
        self._transport.set_protocol(self)

    def __repr__(self) -> str:
        return f"<Link, {len(self._asked)} questions open, {'lost' if self.lost.done() else 'up'}>"

    def ask(self, command: bytes, timeout_s: float | None = None, unwanted: Heard | None = None) -> Answer:
        """Sends what is packed already; the answer raises RedisError. Cancelled, it is told to `unwanted`."""
        answer: Answer = self._loop.create_future()
        if self.lost.done():
            answer.set_exception(self.lost.result())
        else:
            self._send(command, timeout_s or self._timeout_s, answer, unwanted)
        return answer

    def tell(self, command: bytes, heard: Heard) -> None:
        """The same for who does not wait. An error for an answer is the end of the link."""
        if not self.lost.done():
            self._send(command, self._timeout_s, None, heard)

    def wake(self) -> None:
        """Once this round of the loop is over, has `fill` tell what there is to tell, and writes."""
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._write)

    def fail(self, reason: BaseException) -> None:
        """Ends the link: a second reason is none."""
        if self.lost.done():
            return
        error = reason if isinstance(reason, RedisError) else Lost(str(reason) or type(reason).__name__)
        self.lost.set_result(error)
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
        open_, self._unsent = [*self._asked, *(entry for _, entry in self._unsent)], []
        self._asked.clear()
        for _, answer, _ in open_:
            _give(answer, error)

    async def close(self) -> None:
        """Ends the link and the connection."""
        self.fail(Lost("closed"))
        await self._connection.disconnect(nowait=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(exc or Lost("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        data = self._unread + data if self._unread else data
        at = 0
        try:
            while not self.lost.done() and (end := data.find(b"\r\n", at)) >= 0:
                kind, found, after = data[at], data[at + 1 : end], end + 2
                if kind == DOLLAR and found != b"-1":
                    after = end + 4 + int(found)
                    if after > len(data):
                        break
                    found = data[end + 2 : after - 2]
                at = after
                self._answer(kind, found)
        except (ValueError, IndexError):
            self.fail(InvalidResponse("what answers is not Redis"))
        self._unread = data[at:]

    def _send(self, command: bytes, timeout_s: float, answer: Answer | None, heard: Heard | None) -> None:
        by = self._loop.time() + timeout_s
        self._unsent.append((command, (by, answer, heard)))
        if not self._is_waking:
            self.wake()
        if self._timer is None or by < self._looks_at:
            self._arm(by)

    def _answer(self, kind: int, found: bytes) -> None:
        if kind not in KINDS:
            raise ValueError(kind)
        _, answer, heard = self._asked.popleft()
        self._answered += 1
        if kind == MINUS:
            error = _error(found.decode(errors="replace"))
            if answer is None:
                self.fail(error)
            _give(answer, error)
        elif answer is not None and not answer.done():
            answer.set_result(found)
        elif heard is not None:
            heard(found)

    def _write(self) -> None:
        """What is told comes before what was asked: who gives back and asks again has given back by then."""
        if self.lost.done():
            return
        asked, self._unsent = self._unsent, []
        self._fill()
        written, self._unsent = self._unsent + asked, []
        self._is_waking = False
        if written:
            self._asked.extend([entry for _, entry in written])
            self._transport.write(b"".join([command for command, _ in written]))

    def _arm(self, at: float) -> None:
        """Looks whether answers are late, at a time of the loop."""
        if self._timer is None or at < self._looks_at:
            if self._timer is not None:
                self._timer.cancel()
            self._looks_at = at
            self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._asked and not self._unsent:
            return
        now = self._loop.time()
        by = min(entry[0] for entry in (*self._asked, *(entry for _, entry in self._unsent)))
        if now < by:
            self._arm(by)
        elif self._late != self._answered and now < by + self._timeout_s:
            self._late = self._answered
            self._arm(now + LOOK_S)
        else:
            self.fail(Late(f"no answer within {self._timeout_s:g} s"))


def _give(answer: Answer | None, error: RedisError) -> None:
    if answer is not None and not answer.done():
        answer.set_exception(error)
        answer.exception()  # who asked may be gone: it is no fault that nobody looks


def _error(text: str) -> ResponseError:
    code, _, rest = text.partition(" ")
    if code in REDIRECTIONS:
        return REDIRECTIONS[code](rest)
    return ResponseError(text)
