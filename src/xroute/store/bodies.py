"""Keeping requests and answers: apart from everything else, redacted, cut, and for some days only."""

import asyncio
import gzip
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import orjson

from xroute.config.accounts import BodiesSettings
from xroute.errors import ConfigError, TransportError
from xroute.store.redact import Redactor
from xroute.store.shelves import Shelf, is_name
from xroute.wire.record import Outcome

log = logging.getLogger("xroute.bodies")

MOST = 10_000  # calls that wait to be written
MOST_BYTES = 64 * 1024 * 1024  # of them
BATCH = 32  # calls that one look at a thread prepares
MARGIN = 4096  # bytes beyond the cut that are looked through, so that no credential is cut in two
TRIES, AGAIN_S = 3, 0.5
SWEEP_S = 3600.0
FAILED = (OSError, TransportError, ConfigError)
GOOD: frozenset[Outcome] = frozenset({"completed", "cached"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be written of one call."""

    id: str
    workspace: str
    at: float  # unix seconds
    outcome: Outcome
    request: bytes
    answer: bytes
    sizes: tuple[int, int]  # of both, before they were cut

    @property
    def size(self) -> int:
        return len(self.request) + len(self.answer)


class Bodies:
    """`keep` never waits: what does not fit into the queue, or cannot be written, is dropped and counted.

    `known` gives the credentials of this installation, which are taken out wherever they stand.
    """

    def __init__(
        self,
        settings: BodiesSettings,
        shelf: Shelf,
        known: Callable[[], Iterable[str]] = tuple,
        now: Callable[[], float] = time.time,
    ) -> None:
        """ConfigError for an expression of `redact` that is none."""
        self._settings = settings
        self._most = settings.max_kib * 1024
        self.most = self._most + MARGIN  # bytes of a body that are looked at
        self._shelf = shelf
        self._known = known
        self._redactor = Redactor(settings.redact)
        self._now = now
        self._queue: deque[Kept] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._problem = ""
        self.written = 0
        self.dropped = 0  # they did not fit into the queue
        self.lost = 0  # they could not be written

    @property
    def state(self) -> str:
        """`up`, or why nothing can be written now, in words that name no place."""
        return f"failing: {self._problem}" if self._problem else "up"

    def keep(
        self,
        id_: str,
        workspace: str,
        request: bytes | bytearray,
        answer: bytes | bytearray,
        outcome: Outcome,
        answer_size: int | None = None,
    ) -> None:
        """Takes what was asked and answered in one call, as far as the settings want it.

        `answer_size` is that of the whole answer, where less of it is given.
        """
        keep = self._settings.keep
        if keep == "none" or (keep == "errors" and outcome in GOOD):
            return
        sizes = len(request), len(answer) if answer_size is None else answer_size
        asked, answered = bytes(request[: self.most]), bytes(answer[: self.most])
        kept = Kept(id_, workspace, self._now(), outcome, asked, answered, sizes)
        if len(self._queue) >= MOST or self._bytes + kept.size > MOST_BYTES or not is_name(id_):
            self.dropped += 1
            return
        self._queue.append(kept)
        self._bytes += kept.size
        self._idle.clear()
        self._wake.set()

    def start(self) -> None:
        """Writes in the background, and deletes what is too old."""
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._sweep())]

    async def close(self, timeout_s: float = 10.0) -> None:
        """Writes what waits, as long as that takes no longer than this, and ends."""
        if self._tasks:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._idle.wait()
            except TimeoutError:
                self.lost += len(self._queue)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def find(self, id_: str, workspace: str, at_ms: int) -> dict[str, Any] | None:
        """What was kept of a call of a workspace; None where there is nothing. OSError or TransportError."""
        if not is_name(id_):
            return None
        raw = await self._shelf.get(_day(at_ms / 1000), id_)
        for aside in (
            1,
            -1,
        ):  # the call's own time and the time of its end may lie on either side of midnight
            if raw is None:
                raw = await self._shelf.get(_day(at_ms / 1000) + timedelta(days=aside), id_)
        if raw is None:
            return None
        kept = cast("dict[str, Any]", orjson.loads(gzip.decompress(raw)))
        return kept if kept["workspace"] == workspace else None

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            batch = [self._queue[n] for n in range(min(BATCH, len(self._queue)))]
            if not batch:
                self._wake.clear()
                self._idle.set()
                continue
            known = tuple(self._known())
            ready = await asyncio.to_thread(self._prepared, batch, known)
            for kept, data in zip(batch, ready, strict=True):
                await self._put(kept, data)
                self._queue.popleft()
                self._bytes -= kept.size

    async def _put(self, kept: Kept, data: bytes) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._shelf.put(_day(kept.at), kept.id, data)
            except FAILED as error:
                self._failed(error)
                if attempt == TRIES:
                    self.lost += 1
                    return
                await asyncio.sleep(AGAIN_S * attempt)
            else:
                self.written += 1
                self._works()
                return

    async def _sweep(self) -> None:
        while True:
            before = _day(self._now()) - timedelta(days=self._settings.days)
            try:
                count = await self._shelf.sweep(before)
            except FAILED as error:
                log.warning("old bodies cannot be deleted: %s", error)
            else:
                if count:
                    log.info("bodies of before %s are deleted", before)
            await asyncio.sleep(SWEEP_S)

    def _prepared(self, batch: list[Kept], known: tuple[str, ...]) -> list[bytes]:
        return [gzip.compress(orjson.dumps(self._told(kept, known)), compresslevel=1) for kept in batch]

    def _told(self, kept: Kept, known: tuple[str, ...]) -> dict[str, Any]:
        request, answer = (self._text(body, known) for body in (kept.request, kept.answer))
        return {
            "id": kept.id,
            "workspace": kept.workspace,
            "at": datetime.fromtimestamp(kept.at, UTC).isoformat(timespec="milliseconds"),
            "outcome": kept.outcome,
            "request": request,
            "answer": answer,
            "request_bytes": kept.sizes[0],
            "answer_bytes": kept.sizes[1],
            "cut": any(
                size > min(self._most, len(body))
                for size, body in zip(kept.sizes, (kept.request, kept.answer), strict=True)
            ),
        }

    def _text(self, body: bytes, known: tuple[str, ...]) -> str:
        """A body as it is kept; at the end of what was looked through half a credential may stand."""
        text = self._redactor.clean(body.decode("utf-8", "backslashreplace"), known)
        is_whole = len(body) < self.most
        return text[: self._most if is_whole else min(self._most, len(text) - MARGIN)]

    def _failed(self, error: Exception) -> None:
        if not self._problem:
            log.error("bodies cannot be kept: %s", error)
        self._problem = error.strerror or "disk" if isinstance(error, OSError) else "S3 does not take them"

    def _works(self) -> None:
        if self._problem:
            log.info("bodies are kept again; %d are lost", self.lost)
        self._problem = ""


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
