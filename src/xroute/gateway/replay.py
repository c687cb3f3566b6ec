"""Idempotency-Key: the same key with the same body is one call, whose answer may be read again.

A repeat of a finished call gets the stored answer, streams included; a repeat of one under way is attached to
it and follows along. The same key with another body is a conflict. Only answers are kept: a call that
failed may be tried again under its key. Kept in memory, in one process, within bounds.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from xroute.errors import CallError, Conflict, InvalidRequest, ServerError
from xroute.gateway.relay import DONE, error_data, lone_chunk
from xroute.gateway.reply import Headers, Reply

KEEP_S = 24 * 3600.0
MAX_KEY = 255  # characters
MAX_ANSWER = 8 * 1024 * 1024  # bytes; a larger answer is not kept
MAX_BYTES = 128 * 1024 * 1024  # of all answers
MAX_ENTRIES = 10_000

Name = tuple[str, str]  # (whose key, idempotency key)


class Recording:
    """One answer as it was given, or is being given."""

    __slots__ = (
        "_changed",
        "ended",
        "error",
        "expires",
        "fingerprint",
        "head",
        "kept",
        "parts",
        "size",
        "status",
    )

    def __init__(self, fingerprint: bytes, expires: float) -> None:
        self.fingerprint = fingerprint
        self.expires = expires
        self.status = 0  # 0 = not begun; 200 with `parts` still growing is a stream
        self.head: Headers = []
        self.parts: list[bytes] = []
        self.size = 0
        self.kept = True  # False: too large, so it cannot be read again
        self.ended = False
        self.error: CallError | None = None
        self._changed = asyncio.Event()

    def begin(self, status: int, head: Headers) -> None:
        self.status, self.head = status, head
        self._wake()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > MAX_ANSWER:
            self.kept = False
            self.parts.clear()
        if self.kept:
            self.parts.append(data)
        self._wake()

    def end(self, error: CallError | None = None) -> None:
        self.ended, self.error = True, error
        self._wake()

    async def change(self) -> None:
        """Returns at the next change."""
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class RecordingReply:
    """A Reply that also writes down what it sends."""

    def __init__(self, reply: Reply, recording: Recording) -> None:
        self._reply = reply
        self._recording = recording
        self.request_id = reply.request_id
        self.started = reply.started

    @property
    def opened(self) -> bool:
        return self._reply.opened

    @property
    def last_write(self) -> float:
        return self._reply.last_write

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self._recording.begin(status, headers)
        self._recording.add(body)
        await self._reply.answer(status, headers, body)

    async def open(self, headers: Headers) -> None:
        self._recording.begin(200, headers)
        await self._reply.open(headers)

    async def write(self, data: bytes) -> None:
        self._recording.add(data)
        await self._reply.write(data)

    def nudge(self, data: bytes) -> None:
        self._reply.nudge(data)

    async def end(self) -> None:
        await self._reply.end()


class Replays:
    """The recordings of a process; the oldest go when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Name, Recording] = OrderedDict()
        self._bytes = 0

    async def once(
        self, name: Name, body: bytes, reply: Reply, *, stream: bool, call: Callable[[Reply], Awaitable[None]]
    ) -> None:
        """Makes the call, or answers from the one made under this name; Conflict for another body."""
        if not 0 < len(name[1]) <= MAX_KEY:
            raise InvalidRequest(
                f"`Idempotency-Key` must have 1 to {MAX_KEY} characters.", code="invalid_header"
            )
        fingerprint = hashlib.sha256(body).digest()
        while (found := self._find(name)) is not None:
            if found.fingerprint != fingerprint:
                raise Conflict(
                    "This `Idempotency-Key` was used with another request body.", code="idempotency_conflict"
                )
            if await (_follow if stream else _repeat)(found, reply):
                return
        await self._record(name, Recording(fingerprint, self._clock() + KEEP_S), reply, call)

    async def _record(
        self, name: Name, recording: Recording, reply: Reply, call: Callable[[Reply], Awaitable[None]]
    ) -> None:
        self._kept[name] = recording
        try:
            await call(RecordingReply(reply, recording))
        except CallError as error:
            recording.end(error)
            self._drop(name, recording)
            raise
        except BaseException:  # cancelled: the client is gone, and with it the upstream request
            recording.end(ABANDONED)
            self._drop(name, recording)
            raise
        recording.end()
        if not recording.kept or b'"finish_reason":"error"' in (
            recording.parts[-1] if recording.parts else b""
        ):
            self._drop(name, recording)
            return
        self._bytes += recording.size
        self._shrink()

    def _find(self, name: Name) -> Recording | None:
        found = self._kept.get(name)
        if found is not None and found.ended and self._clock() >= found.expires:
            self._forget(name)
            return None
        return found

    def _drop(self, name: Name, recording: Recording) -> None:
        if self._kept.get(name) is recording:
            del self._kept[name]

    def _forget(self, name: Name) -> None:
        self._bytes -= self._kept.pop(name).size

    def _shrink(self) -> None:
        """The oldest finished ones go; those under way are bounded by the calls under way."""
        while self._bytes > MAX_BYTES or len(self._kept) > MAX_ENTRIES:
            oldest = next((name for name, recording in self._kept.items() if recording.ended), None)
            if oldest is None:
                return
            self._forget(oldest)


ABANDONED = ServerError("The call that this one repeats was abandoned by its client.", code="abandoned")
REPLAYED = ("x-xroute-replayed", "true")


def _headers(recording: Recording, reply: Reply) -> Headers:
    own = [header for header in recording.head if header[0] != "x-request-id"]
    return [("x-request-id", reply.request_id), REPLAYED, *own]


async def _repeat(recording: Recording, reply: Reply) -> bool:
    """A whole answer, once it is there. False: there is none, and the call is to be made."""
    while not recording.ended:
        await recording.change()
    if recording.error is ABANDONED:
        return False
    if recording.error is not None:
        raise recording.error
    if not recording.kept:
        raise Conflict("The answer of this `Idempotency-Key` was too large to be kept.", code="not_kept")
    await reply.answer(recording.status, _headers(recording, reply), b"".join(recording.parts))
    return True


async def _follow(recording: Recording, reply: Reply) -> bool:
    """A stream from its beginning, as far as it is and on as it grows."""
    while not recording.ended and not recording.parts:
        await recording.change()
    if recording.error is ABANDONED and not recording.parts:
        return False
    if recording.error is not None and not recording.parts:
        raise recording.error
    if not recording.kept:
        raise Conflict("The answer of this `Idempotency-Key` was too large to be kept.", code="not_kept")
    await reply.open(_headers(recording, reply))
    sent = 0
    while True:
        parts = recording.parts[sent:]
        if parts:
            sent += len(parts)
            await reply.write(b"".join(parts))
        elif recording.ended or not recording.kept:
            break
        else:
            await recording.change()
    if recording.error is not None or not recording.kept:
        chunk = lone_chunk({"index": 0, "delta": {}, "finish_reason": "error"}, reply.request_id, "")
        await reply.write(error_data(chunk, ABANDONED, reply.request_id) + DONE)
    await reply.end()
    return True
