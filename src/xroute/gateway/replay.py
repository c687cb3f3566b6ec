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
from functools import partial

from xroute.errors import CallError, Conflict, InvalidRequest, ServerError
from xroute.gateway.relay import lone_chunk
from xroute.gateway.reply import Headers, Reply
from xroute.wire.call import Call

KEEP_S = 24 * 3600.0
MAX_KEY = 255  # characters
MAX_ANSWER = 8 * 1024 * 1024  # bytes; a larger answer is not kept
MAX_BYTES = 128 * 1024 * 1024  # of all answers that are kept
MOST_BYTES = 256 * 1024 * 1024  # of all answers, those under way included
MAX_ENTRIES = 10_000

Name = tuple[str, str]  # (whose key, idempotency key)


class Shelf:
    """The bytes of all recordings together."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


class Recording:
    """One answer as it was given, or is being given."""

    __slots__ = (
        "_changed",
        "_shelf",
        "ended",
        "error",
        "expires",
        "fingerprint",
        "head",
        "kept",
        "media",
        "parts",
        "size",
        "status",
    )

    def __init__(self, fingerprint: bytes, expires: float, shelf: Shelf) -> None:
        self._shelf = shelf
        self.fingerprint = fingerprint
        self.expires = expires
        self.status = 0  # 0 = not begun; 200 with `parts` still growing is a stream
        self.head: Headers = []
        self.media = ""  # content type of a whole answer
        self.parts: list[bytes] = []
        self.size = 0
        self.kept = True  # False: too large, so it cannot be read again
        self.ended = False
        self.error: CallError | None = None
        self._changed = asyncio.Event()

    def begin(self, status: int, head: Headers, media: str = "") -> None:
        self.status, self.head, self.media = status, head, media
        self._wake()

    def add(self, data: bytes) -> None:
        if self.kept:
            self.parts.append(data)
            self.size += len(data)
            self._shelf.used += len(data)
            if self.size > MAX_ANSWER or self._shelf.used > MOST_BYTES:
                self.clear()
        self._wake()

    def release(self) -> None:
        """No longer counted; its followers may still read it."""
        self._shelf.used -= self.size
        self.size = 0

    def clear(self) -> None:
        """Gives its bytes back: it cannot be read again."""
        self.kept = False
        self.parts = []
        self.release()

    def end(self, error: CallError | None = None) -> None:
        if not self.ended:
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

    async def answer(
        self, status: int, headers: Headers, body: bytes, media: str = "application/json"
    ) -> None:
        self._recording.begin(status, headers, media)
        self._recording.add(body)
        self._recording.end()  # it is complete, whether or not this client takes it
        await self._reply.answer(status, headers, body, media)

    async def open(self, headers: Headers) -> None:
        self._recording.begin(200, headers)
        await self._reply.open(headers)

    async def write(self, data: bytes) -> None:
        self._recording.add(data)
        await self._reply.write(data)

    def nudge(self, data: bytes) -> None:
        self._reply.nudge(data)

    async def end(self) -> None:
        self._recording.end()
        await self._reply.end()

    @property
    def writing_since(self) -> float:
        return self._reply.writing_since

    def drop(self) -> None:
        self._reply.drop()


class Replays:
    """The recordings of a process; the oldest go when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Name, Recording] = OrderedDict()
        self._shelf = Shelf()

    async def once(
        self,
        name: Name,
        body: bytes | bytearray,
        reply: Reply,
        call: Call,
        make: Callable[[Call, Reply], Awaitable[bool]],
        repeated: Callable[[Call, Reply], None] = lambda call, reply: None,
    ) -> None:
        """Makes the call, or answers from the one made under this name, which `repeated` is told; Conflict
        for another body."""
        if not 0 < len(name[1]) <= MAX_KEY:
            raise InvalidRequest(
                f"`Idempotency-Key` must have 1 to {MAX_KEY} characters.", code="invalid_header"
            )
        # Google's clients name the model, and whether they want a stream, in the address alone.
        asked = (call.surface.dialect, call.operation, call.models, call.stream, call.raw != b"")
        hashed = hashlib.sha256(f"{asked}\n".encode())
        hashed.update(body)
        fingerprint = hashed.digest()
        while (found := self._find(name)) is not None:
            if found.fingerprint != fingerprint:
                raise Conflict(
                    "This `Idempotency-Key` was used with another request body.", code="idempotency_conflict"
                )
            if await (_follow(found, reply, call) if call.stream else _repeat(found, reply)):
                repeated(call, reply)
                return
        recording = Recording(fingerprint, self._clock() + KEEP_S, self._shelf)
        await self._record(name, recording, reply, partial(make, call))

    async def _record(
        self, name: Name, recording: Recording, reply: Reply, make: Callable[[Reply], Awaitable[bool]]
    ) -> None:
        self._kept[name] = recording
        good = False
        try:
            good = await make(RecordingReply(reply, recording))
        except CallError as error:
            recording.end(error)
            raise
        except BaseException:  # cancelled: the client is gone, and with it the upstream request
            recording.end(ABANDONED)
            raise
        finally:
            recording.end(ABANDONED)
            if self._kept.get(name) is recording:
                self._keep(name, recording, good)

    def _keep(self, name: Name, recording: Recording, good: bool) -> None:
        """Keeps an ended recording if it holds a good answer."""
        if recording.error is not None or not recording.kept or not good:
            self._forget(name)
        self._shrink()

    def _find(self, name: Name) -> Recording | None:
        found = self._kept.get(name)
        if found is not None and found.ended and self._clock() >= found.expires:
            self._forget(name)
            return None
        return found

    def _forget(self, name: Name) -> None:
        """Out of reach for new callers; one that is following it reads on from what it holds."""
        recording = self._kept.pop(name)
        recording.release()

    def _shrink(self) -> None:
        """The oldest finished ones go; those under way are bounded by the calls under way."""
        while self._shelf.used > MAX_BYTES or len(self._kept) > MAX_ENTRIES:
            oldest = next((name for name, recording in self._kept.items() if recording.ended), None)
            if oldest is None:
                return
            self._forget(oldest)


ABANDONED = ServerError("The call that this one repeats was abandoned by its client.", code="abandoned")
REPLAYED = "x-xroute-replayed: true"


def _headers(recording: Recording, reply: Reply) -> Headers:
    own = [line for line in recording.head if not line.startswith("x-request-id:")]
    return [f"x-request-id: {reply.request_id}", REPLAYED, *own]


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
    await reply.answer(
        recording.status, _headers(recording, reply), b"".join(recording.parts), recording.media
    )
    return True


async def _follow(recording: Recording, reply: Reply, call: Call) -> bool:
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
        if call.is_bytes:
            return True  # without an end: nothing else tells that a sound is not whole
        chunk = lone_chunk({"index": 0, "delta": {}, "finish_reason": "error"}, reply.request_id, "")
        await reply.write(call.surface.encoder(reply.request_id, 0).fail(ABANDONED, chunk))
    await reply.end()
    return True
