"""A journal gives every line once and in order, however it is written, read, forgotten and taken over."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.unit.store.paid import began, ended

from xroute.errors import JournalFull
from xroute.store import lock
from xroute.store.journal import Journal
from xroute.store.lines import Damaged, Held, Priced
from xroute.store.segments import Numbered, Segments

LIMIT = 120_000


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.journal = Journal(self.folder, LIMIT, segment_bytes=4000, kept=7)
        self.written: list[str] = []  # what the n-th line is, from 0
        self.open: list[str] = []
        self.read = 0  # the reader's last line
        self.applied = 0
        self.count = 0

    def add(self, name: str, number: int) -> None:
        if number:
            self.written.append(name)
            assert number == len(self.written)
        assert self.journal.last == len(self.written)

    @rule(size=st.integers(0, 3000))
    def begin(self, size: int) -> None:
        self.count += 1
        call = began(self.count, tags={"t": "x" * size})
        try:
            self.add(f"held {call.id}", self.journal.held(call))
        except JournalFull:
            return
        self.open.append(call.id)

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 99))
    def end(self, pick: int) -> None:
        id_ = self.open.pop(pick % len(self.open))
        call = ended(began(int(id_[4:], 16)))
        self.add(f"settled {id_}", self.journal.settled(call))

    @rule(times=st.integers(1, 9))
    def price(self, times: int) -> None:
        for each in range(times):
            self.add(f"priced {each}", self.journal.priced(str(each), {}))

    @rule(most=st.integers(1, 20))
    def take(self, most: int) -> None:
        found = self.journal.take(self.read, most)
        assert len(found) <= most
        self.check(found, self.read)
        if found:
            self.read = found[-1][0]
        else:
            assert self.read == len(self.written)

    @rule(back=st.integers(0, 30))
    def go_back(self, back: int) -> None:
        """Somebody else reads too, from an earlier line."""
        after = max(self.read - back, self.applied)
        self.check(self.journal.take(after, 5), after)

    @rule(share=st.integers(0, 100))
    def apply(self, share: int) -> None:
        self.applied += (self.read - self.applied) * share // 100
        self.journal.forget(self.applied)
        if self.journal.is_droppable(self.applied):
            self.journal.drop(self.applied)
            assert not self.journal.is_droppable(self.applied)

    @rule(is_torn=st.booleans())
    def die(self, is_torn: bool) -> None:
        """The files have every line that was not dropped, and a next journal begins."""
        folder = self.journal.folder
        self.journal.close()
        paths = sorted(folder.glob("*.jsonl"))
        if is_torn and paths:
            with paths[-1].open("ab") as file:
                file.write(b'["s","req-')
        taken = lock.take(folder)
        assert taken is not None
        segments, after = Segments(folder), self.applied
        while found := segments.read(after, 11):
            self.check(found, after)
            after = found[-1][0]
        assert self.journal.reason or after == len(self.written)
        taken.release()
        self.journal = Journal(self.folder, LIMIT, segment_bytes=4000, kept=7)
        self.written, self.open, self.read, self.applied = [], [], 0, 0

    def check(self, found: list[Numbered], after: int) -> None:
        """Without gaps: the disk is well, and the reader is never behind what was dropped."""
        assert [number for number, _ in found] == list(range(after + 1, after + 1 + len(found)))
        for number, line in found:
            assert not isinstance(line, Damaged)
            kind = type(line).__name__.lower()
            id_ = line.id if isinstance(line, Held | Priced) else line.record.id
            assert self.written[number - 1] == f"{kind} {id_}"

    def teardown(self) -> None:
        sizes = sum(path.stat().st_size for path in self.journal.folder.glob("*.jsonl"))
        assert sizes <= LIMIT + 4000
        self.journal.close()
        shutil.rmtree(self.folder)


def test_a_journal_gives_every_line_once_and_in_order() -> None:
    JournalMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
    JournalMachine.TestCase().runTest()
