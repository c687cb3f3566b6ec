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
NEVER = float("inf")
LOOK_S = 0.02  # a late answer may have come while the loop did something else: it is looked for once more
WORD, ERROR, TEXT, NUMBER = b"+-$:"  # the kinds of answers: no script gives another

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
        self._told: list[bytes] = []  # commands, to be written before those that were asked
        self._commands: list[bytes] = []
        self._unsent: list[_Asked] = []  # questions of `_commands`
        self._unread = b""
        self._asked: deque[_Asked] = deque()
        self._is_waking = False
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = NEVER
        self._late: _Asked | None = None  # what waited for an answer first when one was late
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
            return answer
        by = self._loop.time() + (timeout_s or self._timeout_s)
        self._commands.append(command)
        self._unsent.append((by, answer, unwanted))
        if by < self._looks_at:
            self._arm(by)
        if not self._is_waking:
            self.wake()
        return answer

    def tell(self, command: bytes, heard: Heard) -> None:
        """The same for who does not wait. An error for an answer is the end of the link."""
        if self.lost.done():
            return
        by = self._loop.time() + self._timeout_s
        self._told.append(command)
        self._asked.append((by, None, heard))
        if by < self._looks_at:
            self._arm(by)
        if not self._is_waking:
            self.wake()

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
        open_ = (*self._asked, *self._unsent)
        self._asked.clear()
        self._unsent.clear()
        for _, answer, _ in open_:
            _give(answer, error)

    async def close(self) -> None:
        """Ends the link and the connection."""
        self.fail(Lost("closed"))
        await self._connection.disconnect(nowait=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(exc or Lost("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
        at = 0
        try:
            while (end := data.find(b"\r\n", at)) >= 0:
                if data[at] == WORD:
                    found, at = data[at + 1 : end], end + 2
                elif data[at] == ERROR:
                    self._refused(data[at + 1 : end])
                    at = end + 2
                    continue
                elif part := _part(data, at, end):
                    found, at = part
                else:
                    break
                _, answer, heard = self._asked.popleft()
                if answer is not None and not answer.done():
                    answer.set_result(found)
                elif heard is not None:
                    heard(found)
        except (ValueError, IndexError):  # or the link has just failed: nobody is left to be answered
            self.fail(InvalidResponse("what answers is not Redis"))
        self._unread = data[at:]

    def _refused(self, found: bytes) -> None:
        error, (_, answer, _) = _error(found.decode(errors="replace")), self._asked.popleft()
        if answer is None:
            self.fail(error)
        _give(answer, error)

    def _write(self) -> None:
        """What is told comes before what was asked: who gives back and asks again has given back by then."""
        if self.lost.done():
            return
        self._fill()
        self._is_waking = False
        commands = self._told + self._commands
        if commands:
            self._asked += self._unsent
            self._told, self._commands, self._unsent = [], [], []
            self._transport.write(b"".join(commands))

    def _arm(self, at: float) -> None:
        """Looks whether answers are late, at a time of the loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer, self._looks_at = None, NEVER
        open_ = (*self._asked, *self._unsent)
        if not open_:
            return
        now, first, by = self._loop.time(), open_[0], min([entry[0] for entry in open_])
        if now < by:
            self._arm(by)
        elif self._late is not first and now < by + self._timeout_s:
            self._late = first
            self._arm(now + LOOK_S)
        else:
            self.fail(Late(f"no answer within {self._timeout_s:g} s"))


def _part(data: bytes, at: int, end: int) -> tuple[bytes, int] | None:
    """A text or number whose first line ends there, and where the next one begins; None = it is not whole."""
    found = data[at + 1 : end]
    if data[at] == NUMBER or (data[at] == TEXT and found == b"-1"):
        return found, end + 2
    if data[at] != TEXT:
        raise ValueError
    after = end + 4 + int(found)
    return (data[end + 2 : after - 2], after) if after <= len(data) else None


def _give(answer: Answer | None, error: RedisError) -> None:
    if answer is not None and not answer.done():
        answer.set_exception(error)
        answer.exception()  # who asked may be gone: it is no fault that nobody looks


def _error(text: str) -> ResponseError:
    code, _, rest = text.partition(" ")
    if code in REDIRECTIONS:
        return REDIRECTIONS[code](rest)
    return ResponseError(text)
