"""Processes for tests of the shared engine: each with an engine, a journal and a writer of its own."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.redises import until

from xroute.config.accounts import RedisSettings
from xroute.config.secret import Secret
from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.shared import Shared
from xroute.store.writer import Writer
from xroute.wire.record import Record


class Process:
    """What one process of xroute has, as far as counting goes."""

    def __init__(
        self, settings: RedisSettings, db: Database, folder: Path, clock: Callable[[], float] | None = None
    ) -> None:
        self.db = db
        self.journal = Journal(folder, 64 * 1024 * 1024)
        self.writer = Writer(db, self.journal)
        self.engine = Shared(settings, self.journal, db, clock)

    async def admit(self, gates: tuple[Gate, ...], amounts: Amounts, id_: str = "req") -> Hold | Refused:
        return await self.engine.admit(id_, gates, amounts, time.time())

    async def enter(self, gates: tuple[Gate, ...], amounts: Amounts, id_: str = "req") -> Hold:
        """Admits a call that has to be let in."""
        hold = await self.admit(gates, amounts, id_)
        assert isinstance(hold, Hold), hold
        return hold

    def settle(self, hold: Hold, amounts: Amounts) -> None:
        """As the gateway does it: the engine and the journal, and nothing in between."""
        self.engine.settle(hold, amounts, time.time())
        self.journal.settled(self._record(hold, amounts))

    async def begin(self, gates: tuple[Gate, ...], amounts: Amounts, id_: str) -> Hold:
        """Admits a call and writes down that it is under way."""
        hold = await self.enter(gates, amounts, id_)
        self.note(hold)
        return hold

    def note(self, hold: Hold) -> None:
        """Writes down that a call is under way."""
        self.journal.held(self._record(hold, hold.amounts))

    def _record(self, hold: Hold, amounts: Amounts) -> Record:
        charges = [(gate.key, amounts.nano, gate.until) for gate in hold.gates if gate.measure == "money"]
        return Record(
            hold.id if hold.id != "req" else f"{self.journal.id}-{self.journal.last}",
            int(time.time() * 1000),
            charges=charges,
            cost_nano=amounts.nano,
            charged_nano=amounts.nano,
            held_nano=amounts.nano,
        )

    async def told(self) -> None:
        """Returns when Redis knows all that was settled."""
        await self.engine._member.told()

    async def purse(self, key: str = "b1:money:total") -> tuple[int, int]:
        """What is spent and held, with all that was settled here."""
        await self.told()
        return await self.engine.purse(key)

    @property
    def is_known(self) -> bool:
        """Whether Redis can be used, or why not, is known."""
        state = self.engine.state
        return not state.startswith("rejoining") and "not connected yet" not in state

    async def up(self) -> None:
        """Returns when it is."""
        await until(lambda: self.engine.state == "up")

    def cut(self) -> None:
        """Loses the connection, now."""
        link = self.engine._member._link
        assert link is not None
        link.fail(ConnectionError("cut"))

    async def die(self) -> None:
        """Ends as a killed process does: nobody is told anything."""
        task = self.engine._member._task  # a death cannot be asked for
        assert task is not None
        task.cancel()
        self.journal.close()

    async def close(self) -> None:
        await self.engine.close()
        await self.writer.stop()
        self.journal.close()


def redis(url: str, prefix: str, **fields: object) -> RedisSettings:
    """No answer is late, however slow the machine, but where a test says when it is."""
    return RedisSettings.model_validate({"url": Secret(url), "prefix": prefix, "timeout_s": 30, **fields})


@asynccontextmanager
async def running(process: Process) -> AsyncGenerator[Process]:
    """Started, up or told why it cannot be, however slow the machine; closed at the end."""
    await process.engine.start()
    try:
        await until(lambda: process.is_known)
        yield process
    finally:
        await process.close()


def money(key: str = "b1:money:total", limit: int = 1_000_000, **fields: object) -> Gate:
    return Gate(key, "purse", "money", limit, "key bench", **fields)  # type: ignore[arg-type]


def rate(measure: str = "requests", limit: int = 10, key: str = "") -> Gate:
    return Gate(key or f"l1:{measure}", "rate", measure, limit, "key bench")  # type: ignore[arg-type]


def slots(limit: int = 10, key: str = "l1:slots") -> Gate:
    return Gate(key, "slots", "slots", limit, "key bench")
