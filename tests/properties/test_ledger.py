"""The ledger under any interleaving of calls, people, time, broken connections and killed processes.

Machines run processes; each has a journal and a writer. A killed one leaves its files to its machine, and to
the others only what the database knows. At every step what is in the database adds up; at the end, when every
machine has looked after its dead, each call counts once, for what it was charged in truth.
"""

import asyncio
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import insert, text
from tests.unit.store.paid import began, ended, unmetered

from xroute.errors import Conflict, NotFound
from xroute.store import lines, tables
from xroute.store.audit import SYSTEM
from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.reaper import adopt, lose, lost
from xroute.store.statements import Away, Channel, Work
from xroute.store.writer import Writer
from xroute.wire.record import Record

METERED, FREE = "ws_a", "ws_free"
POLICY = {"here": "input", "there": "held"}  # by machine
MIB = 1024 * 1024


class Unlucky(Channel):
    """A connection that breaks when it is told to."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.breaks: str = ""
        self.after = 0

    async def run(self, work: Work[Any]) -> Any:
        breaks, self.breaks = self.breaks, ""
        if breaks == "before":
            raise Away("no connection")
        result = await super().run(_broken(work, self.after) if breaks == "within" else work)
        if breaks == "behind":  # it was committed, and nobody was told
            raise Away("no answer")
        return result


def _broken(work: Work[Any], after: int) -> Work[Any]:
    rows: Any = None
    try:
        while True:
            step = work.send(rows)
            if after == 0:
                raise ConnectionError("cut")
            after -= 1
            rows = yield step
    except StopIteration as end:
        return end.value


@dataclass(eq=False)
class Process:
    machine: str
    journal: Journal
    writer: Writer
    channel: Unlucky
    calls: dict[str, Record] = field(default_factory=dict)  # under way


class LedgerMachine(RuleBasedStateMachine):
    """`url` gives a database with the schema and nothing in it."""

    url: Any
    every = 1  # steps from one proof to the next

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.db = Database(type(self).url(self.folder))
        self.now = 1_000_000
        self.ledger = Ledger(self.db, lambda: self.now)
        self.processes: list[Process] = []
        self.count = self.steps = 0
        self.truth: dict[str, Record] = {}  # what each call that was let in is settled for in the end
        self.added = 0  # to the credit, by people
        self.refunds: dict[str, int] = defaultdict(int)
        self.refs: dict[str, tuple[str, int]] = {}

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.do(self._open())
        for machine in ("here", "here", "there"):
            self.start(machine)

    async def _open(self) -> None:
        async with self.db.write() as connection:
            for id_ in (METERED, FREE):
                row = {"id": id_, "slug": id_.replace("_", "-"), "name": id_, "created": 1, "low_nano": 500}
                await connection.execute(insert(tables.workspaces).values(**row))

    def start(self, machine: str) -> None:
        journal = Journal(self.folder / machine, MIB, segment_bytes=4000, kept=6)
        writer = Writer(self.db, journal, most=5)
        channel = Unlucky(self.db)
        writer._channel = writer._replay._channel = channel
        self.processes.append(Process(machine, journal, writer, channel))

    # Calls

    @rule(which=st.integers(0, 2), held=st.integers(0, 3000), is_metered=st.booleans())
    def begin(self, which: int, held: int, is_metered: bool) -> None:
        process = self.processes[which]
        self.count += 1
        call = began(self.count, held, workspace=METERED if is_metered else FREE)
        call = call if is_metered else unmetered(call)
        process.journal.held(call)
        process.calls[call.id] = call
        policy = POLICY[process.machine]
        self.truth[call.id] = lost(call, policy)  # type: ignore[arg-type]

    @rule(which=st.integers(0, 2), pick=st.integers(0, 99), charged=st.integers(0, 4000))
    def end(self, which: int, pick: int, charged: int) -> None:
        process = self.processes[which]
        if process.calls:
            id_ = sorted(process.calls)[pick % len(process.calls)]
            self.settle(process, ended(process.calls.pop(id_), charged))

    @rule(which=st.integers(0, 2), charged=st.integers(0, 4000))
    def end_unheld(self, which: int, charged: int) -> None:
        self.count += 1
        self.settle(self.processes[which], ended(began(self.count, workspace=METERED), charged))

    @rule(which=st.integers(0, 2), pick=st.integers(0, 999))
    def settle_again(self, which: int, pick: int) -> None:
        """A record that comes twice, from whichever process."""
        done = [record for record in self.truth.values() if record.outcome == "completed"]
        if done:
            self.processes[which].journal.settled(done[pick % len(done)])

    def settle(self, process: Process, record: Record) -> None:
        process.journal.settled(record)
        self.truth[record.id] = record

    # Writers and their connections

    @rule(
        which=st.integers(0, 2),
        breaks=st.sampled_from(["", "", "before", "within", "behind"]),
        after=st.integers(0, 12),
    )
    def write(self, which: int, breaks: str, after: int) -> None:
        process = self.processes[which]
        process.channel.breaks, process.channel.after = breaks, after
        self.do(process.writer.turn())

    @rule()
    def write_at_once(self) -> None:
        async def work() -> None:
            await asyncio.gather(*(process.writer.turn() for process in self.processes))

        self.do(work())

    # Deaths

    @rule(which=st.integers(0, 2), is_torn=st.booleans(), breaks=st.sampled_from(["", "within", "behind"]))
    def kill(self, which: int, is_torn: bool, breaks: str) -> None:
        process = self.processes.pop(which)
        if breaks:  # in the middle of a batch, or right after it
            process.channel.breaks, process.channel.after = breaks, 4
            self.do(process.writer.turn())
        self.do(process.channel.close())
        paths = sorted(process.journal.folder.glob("*.jsonl"))
        if is_torn and paths:
            with paths[-1].open("ab") as file:
                file.write(lines.write_held(lines.held(began(999_999)))[:40])
        process.journal.close()  # as the system does
        self.start(process.machine)
        self.processes.insert(which, self.processes.pop())

    @rule(machine=st.sampled_from(["here", "there"]))
    def look_after_the_dead(self, machine: str) -> None:
        self.do(adopt(self.db, self.folder / machine, POLICY[machine]))  # type: ignore[arg-type]

    @rule(pick=st.integers(0, 99))
    def take_for_dead(self, pick: int) -> None:
        """Somebody elsewhere sees no life of a process, be it dead or not."""

        async def journals() -> list[tuple[str]]:
            async with self.db.read() as connection:
                return list(
                    await connection.execute(text("SELECT DISTINCT journal FROM holds ORDER BY journal"))
                )

        there = [id_ for (id_,) in self.do(journals()) if (self.folder / "there" / id_).exists()]
        if there:
            self.do(lose(self.db, there[pick % len(there)], POLICY["there"]))  # type: ignore[arg-type]

    @rule(held=st.integers(0, 3000), is_metered=st.booleans())
    def lose_sight(self, held: int, is_metered: bool) -> None:
        """A process goes on that is taken for dead: what it says of its calls later is the truth."""
        which = next(n for n, process in enumerate(self.processes) if process.machine == "there")
        self.begin(which, held, is_metered)
        process = self.processes[which]
        self.do(process.writer.turn())
        self.do(lose(self.db, process.journal.id, POLICY["there"]))  # type: ignore[arg-type]

    # People and time

    @rule(nano=st.integers(1, 10_000), kind=st.sampled_from(["topup", "grant"]), ends=st.integers(0, 50))
    def add(self, nano: int, kind: str, ends: int) -> None:
        ref = f"add-{len(self.refs)}"
        self.refs[ref] = (kind, nano)
        if kind == "topup":
            self.do(self.ledger.topup(SYSTEM, METERED, nano, ref=ref))
        else:
            self.do(
                self.ledger.grant(SYSTEM, METERED, nano, ref=ref, expires=self.now + ends if ends else None)
            )
        self.added += nano

    @precondition(lambda self: self.refs)
    @rule(pick=st.integers(0, 99))
    def add_again(self, pick: int) -> None:
        ref = sorted(self.refs)[pick % len(self.refs)]
        kind, nano = self.refs[ref]
        does = {"topup": self.ledger.topup, "grant": self.ledger.grant, "adjust": self.ledger.adjust}[kind]
        self.do(does(SYSTEM, METERED, nano, ref=ref))

    @rule(nano=st.integers(-2000, 2000).filter(bool))
    def adjust(self, nano: int) -> None:
        ref = f"adjust-{len(self.refs)}"
        self.refs[ref] = ("adjust", nano)
        self.do(self.ledger.adjust(SYSTEM, METERED, nano, ref=ref))
        self.added += nano

    @rule(pick=st.integers(0, 999), nano=st.none() | st.integers(1, 3000))
    def refund(self, pick: int, nano: int | None) -> None:
        if not self.truth:
            return
        id_ = sorted(self.truth)[pick % len(self.truth)]
        workspace = self.truth[id_].workspace
        try:
            entry = self.do(
                self.ledger.refund(SYSTEM, workspace, id_, nano, ref=f"{id_}-{len(self.refunds)}")
            )
        except (Conflict, NotFound):
            return
        self.refunds[id_] += entry.nano
        self.refunds[f"{id_} {self.refunds[id_]}"] = 0  # so that each refund has a reference of its own

    @rule(passes=st.integers(0, 30))
    def expire(self, passes: int) -> None:
        self.now += passes
        before = self.do(self.ledger.balance(METERED))
        self.do(self.ledger.expire_due())
        after = self.do(self.ledger.balance(METERED))
        assert after.credit >= min(before.credit, 0)
        assert before.nano - after.nano <= before.granted

    # What holds always

    @invariant()
    def all_adds_up(self) -> None:
        self.steps += 1
        if self.steps % type(self).every == 0:
            assert self.do(self.ledger.verify()) == []

    def teardown(self) -> None:
        try:
            self.do(self._end())
        finally:
            for process in self.processes:
                process.journal.close()
            self.do(self.db.close())
            self.loop.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        for process in self.processes:
            process.channel.breaks = ""
            assert await process.writer.flush()
            await process.channel.close()
            assert process.writer.refused == 0
            process.journal.close()  # what is under way is lost now
        for machine, policy in POLICY.items():
            await adopt(self.db, self.folder / machine, policy)  # type: ignore[arg-type]
        assert await self.ledger.verify() == []
        await self._calls_are_true()
        await self._credit_is_true()
        await self._holds_have_ended()

    async def _rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.db.read() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def _calls_are_true(self) -> None:
        found = await self._rows("SELECT id, outcome, charged_nano, tokens_in, tokens_out FROM calls")
        assert sorted(found) == sorted(
            (each.id, each.outcome, each.charged_nano, *tokens(each)) for each in self.truth.values()
        )
        sums = await self._rows("SELECT SUM(calls), SUM(charged_nano), SUM(tokens_in) FROM hourly")
        whole = [self.truth[id_] for id_ in self.truth]
        true = (len(whole), sum(r.charged_nano or 0 for r in whole), sum(tokens(r)[0] for r in whole))
        assert [int(each or 0) for each in sums[0]] == list(true)
        purses: dict[str, int] = defaultdict(int)
        for each in whole:
            for key, amount, _ in each.charges:
                purses[key] += amount
        spent = {key: nano for key, nano in await self._rows("SELECT key, spent FROM purses") if nano}
        assert spent == {key: nano for key, nano in purses.items() if nano}

    async def _credit_is_true(self) -> None:
        rows = await self._rows("SELECT workspace, account, nano FROM accounts")
        accounts = {(workspace, account): nano for workspace, account, nano in rows}
        for workspace, added in ((METERED, self.added), (FREE, 0)):
            calls = [each for each in self.truth.values() if each.workspace == workspace]
            kept = sum(max((each.charged_nano or 0) - self.refunds.get(each.id, 0), 0) for each in calls)
            left = added - kept - accounts.get((workspace, "expired"), 0)
            assert accounts.get((workspace, "credit"), 0) == left
            assert accounts.get((workspace, "held"), 0) == 0

    async def _holds_have_ended(self) -> None:
        assert await self._rows("SELECT id FROM holds") == []
        open_ = (
            'SELECT "call" FROM entries WHERE "call" IS NOT NULL GROUP BY "call" HAVING '
            "SUM(CASE WHEN credit = 'held' THEN nano WHEN debit = 'held' THEN -nano ELSE 0 END) <> 0 "
            "OR SUM(CASE WHEN kind = 'settle' THEN 1 ELSE 0 END) > 1"
        )
        assert await self._rows(open_) == []


def tokens(record: Record) -> tuple[int, int]:
    return (record.usage.input, record.usage.output) if record.usage else (0, 0)


@pytest.fixture
def sqlite_machine(_sqlite_schema: Path) -> type[LedgerMachine]:
    def url(folder: Path) -> str:
        shutil.copy(_sqlite_schema, folder / "x.sqlite3")
        return f"sqlite:///{folder / 'x.sqlite3'}"

    return type("OnSqlite", (LedgerMachine,), {"url": staticmethod(url), "every": 2})


@pytest.fixture
def postgres_machine(postgres_server: Any, _postgres_schema: str) -> Any:
    with postgres_server.fresh(_postgres_schema) as database:

        def url(_folder: Path) -> str:
            names = ", ".join(table.name for table in tables.metadata.sorted_tables)
            asyncio.run(_empty(database, names))
            return database

        yield type("OnPostgres", (LedgerMachine,), {"url": staticmethod(url), "every": 8})


async def _empty(url: str, names: str) -> None:
    db = Database(url)
    async with db.write() as connection:
        await connection.execute(text(f"TRUNCATE {names}"))
    await db.close()


def test_the_ledger_is_exact_on_sqlite(sqlite_machine: type[LedgerMachine]) -> None:
    sqlite_machine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
    sqlite_machine.TestCase().runTest()


def test_the_ledger_is_exact_on_postgresql(postgres_machine: type[LedgerMachine]) -> None:
    postgres_machine.TestCase.settings = settings(max_examples=15, stateful_step_count=40)
    postgres_machine.TestCase().runTest()
