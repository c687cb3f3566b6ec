import errno
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from tests.unit.store.paid import began, ended

from xroute.errors import ConfigError, JournalFull
from xroute.store import lines, lock
from xroute.store.journal import Journal, delete
from xroute.store.lines import Damaged, Held, Priced, Settled
from xroute.store.segments import Segments, name_of

MIB = 1024 * 1024


@pytest.fixture
def made(tmp_path):
    opened: list[Journal] = []

    def make(limit: int = MIB, **more: int) -> Journal:
        opened.append(Journal(tmp_path / "journals", limit, **more))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def numbers(found):
    return [number for number, _ in found]


def told(found):
    return [(number, line.id if isinstance(line, Held) else line.record.id) for number, line in found]


def test_what_is_written_is_read_in_order_with_its_numbers(made):
    journal = made()
    call = began(1)
    assert journal.held(call) == 1
    assert journal.priced("prc_1", {"input": 3}) == 2
    done = ended(call)
    assert journal.settled(done) == 3
    assert numbers(journal.take(0, 10)) == [1, 2, 3]
    held, priced, settled = (line for _, line in Segments(journal.folder).read(0, 10))
    assert isinstance(held, Held) and held.record.id == call.id
    assert isinstance(priced, Priced) and priced.data == {"input": 3}
    assert isinstance(settled, Settled) and settled.record.charged_nano == done.charged_nano


def test_a_line_is_in_the_file_as_soon_as_it_is_written(made):
    journal = made()
    journal.held(began(1))
    (path,) = journal.folder.glob("*.jsonl")
    assert path.read_bytes().count(b"\n") == 2


def test_reading_goes_on_after_any_line(made):
    journal = made()
    for number in range(20):
        journal.settled(began(number))
    segments = Segments(journal.folder)
    assert numbers(segments.read(0, 3)) == [1, 2, 3]
    assert numbers(segments.read(3, 3)) == [4, 5, 6]
    assert numbers(segments.read(17, 30)) == [18, 19, 20]
    assert numbers(segments.read(20, 30)) == []
    assert numbers(segments.read(5, 2)) == [6, 7]
    journal.settled(began(20))
    assert numbers(segments.read(20, 30)) == [21]


def test_any_number_of_lines_is_read_across_the_ends_of_files(made):
    journal = made(segment_bytes=2000)
    for number in range(12):
        journal.settled(began(number))
    assert len(list(journal.folder.glob("*.jsonl"))) > 3
    for after in range(12):
        for most in range(1, 13):
            found = Segments(journal.folder)
            assert numbers(found.read(after, most)) == list(range(after + 1, min(after + most, 12) + 1))
            assert numbers(found.read(after, most)) == list(range(after + 1, min(after + most, 12) + 1))


def test_what_memory_does_not_keep_is_read_from_the_files(made):
    journal = made(kept=4, segment_bytes=2000)
    calls = [began(number) for number in range(30)]
    for call in calls:
        journal.settled(call)
    found, after = [], 0
    while some := journal.take(after, 7):
        found += some
        after = some[-1][0]
    assert told(found) == [(number + 1, call.id) for number, call in enumerate(calls)]
    assert len(list(journal.folder.glob("*.jsonl"))) > 3


def test_files_are_deleted_when_all_their_lines_are_applied_but_never_the_newest(made):
    journal = made(segment_bytes=2000)
    for number in range(30):
        journal.settled(began(number))
    firsts = sorted(int(path.stem) for path in journal.folder.glob("*.jsonl"))
    journal.forget(firsts[2] - 2)
    assert journal.is_droppable(firsts[2] - 2)
    journal.drop(firsts[2] - 2)
    assert sorted(int(path.stem) for path in journal.folder.glob("*.jsonl")) == firsts[1:]
    assert numbers(journal.take(firsts[2] - 2, 2)) == [firsts[2] - 1, firsts[2]]
    journal.forget(30)
    journal.drop(30)
    assert sorted(int(path.stem) for path in journal.folder.glob("*.jsonl")) == firsts[-1:]
    assert not journal.is_droppable(30)


def test_a_line_that_was_being_written_at_the_end_counts_for_nothing(made):
    journal = made()
    journal.settled(began(1))
    journal.settled(began(2))
    (path,) = journal.folder.glob("*.jsonl")
    with path.open("ab") as file:
        file.write(lines.write_settled(began(3))[:-1])
    assert numbers(Segments(journal.folder).read(0, 10)) == [1, 2]


def test_a_line_that_is_damaged_keeps_its_number(made):
    journal = made()
    for number in range(3):
        journal.settled(began(number))
    (path,) = journal.folder.glob("*.jsonl")
    parts = path.read_bytes().splitlines(keepends=True)
    parts[2] = b"\0" * (len(parts[2]) - 1) + b"\n"
    path.write_bytes(b"".join(parts))
    found = Segments(journal.folder).read(0, 10)
    assert numbers(found) == [1, 2, 3]
    assert [type(line) for _, line in found] == [Settled, Damaged, Settled]


def test_a_long_line_is_read_whole(made):
    journal = made(limit=8 * MIB)
    journal.settled(began(1, tags={"t": "x" * (2 * MIB)}))
    journal.settled(began(2))
    found = Segments(journal.folder).read(0, 10)
    assert numbers(found) == [1, 2]


def test_the_limit_refuses_calls_and_leaves_room_for_the_end_of_those_let_in(made):
    journal = made(limit=40_000)
    held = []
    with pytest.raises(JournalFull, match="spool_mib"):
        for number in range(1000):
            held.append(began(number))
            journal.held(held[-1])
    held.pop()
    assert len(held) > 5
    for call in held:
        assert journal.settled(ended(call)) > 0
    assert journal.lost == 0
    assert len(Segments(journal.folder).read(0, 1000)) == 2 * len(held)
    assert sum(path.stat().st_size for path in journal.folder.glob("*.jsonl")) <= 40_000


def test_room_comes_back_when_the_database_has_the_lines(made):
    journal = made(limit=40_000, segment_bytes=4000)
    with pytest.raises(JournalFull):
        for number in range(1000):
            journal.held(began(number))
            journal.settled(began(number))
    journal.forget(journal.last)
    journal.drop(journal.last)
    assert journal.held(began(5000)) == journal.last


def test_a_full_disk_refuses_calls_and_lets_the_ends_of_others_through_by_memory(made, tmp_path, monkeypatch):
    journal = made(kept=3, segment_bytes=1)  # each line in a file of its own
    call = began(1)
    journal.held(call)
    refuse_writes(monkeypatch)
    with pytest.raises(JournalFull, match="No space left"):
        journal.held(began(2))
    assert journal.reason == "No space left on device"
    assert journal.settled(ended(call)) == 2
    assert told(journal.take(1, 10)) == [(2, call.id)]
    assert journal.lost == 0
    for number in range(3, 8):
        journal.settled(began(number))
    assert journal.lost == 3  # three are in memory, one is in the file
    monkeypatch.undo()
    monkeypatch.setattr("xroute.store.journal.time.monotonic", lambda: 1e12)
    assert journal.settled(began(9)) == 8
    assert journal.reason == ""
    assert numbers(Segments(journal.folder).read(0, 10)) == [1, 8]


def test_of_a_file_that_does_not_fit_nothing_is_left(made, monkeypatch):
    journal = made(segment_bytes=1)
    journal.settled(began(1))
    real = os.posix_fallocate

    def fill(file, offset, size):
        real(file, offset, size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("xroute.store.mapped.os.posix_fallocate", fill)
    with pytest.raises(JournalFull):
        journal.held(began(2))
    assert len(list(journal.folder.glob("*.jsonl"))) == 1
    monkeypatch.undo()
    monkeypatch.setattr("xroute.store.journal.time.monotonic", lambda: 1e12)
    journal.settled(began(3))
    assert told(Segments(journal.folder).read(0, 10)) == [(1, began(1).id), (2, began(3).id)]


def test_a_begun_file_needs_no_more_of_the_disk(made, monkeypatch):
    journal = made()
    journal.settled(began(1))
    refuse_writes(monkeypatch)
    for number in range(2, 50):
        assert journal.held(began(number)) == number
    assert numbers(Segments(journal.folder).read(0, 100)) == list(range(1, 50))


def test_the_room_of_a_file_is_taken_where_the_file_system_cannot_do_it_by_itself(made, monkeypatch):
    def cannot(_file, _offset, _size):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("xroute.store.mapped.os.posix_fallocate", cannot)
    journal = made(segment_bytes=600_000, limit=8 * MIB)
    journal.settled(began(1))
    (path,) = journal.folder.glob("*.jsonl")
    assert path.stat().st_blocks * 512 >= 600_000
    assert told(Segments(journal.folder).read(0, 10)) == [(1, began(1).id)]


def test_a_file_gives_back_what_no_line_needed(made):
    journal = made()
    journal.settled(began(1))
    (path,) = journal.folder.glob("*.jsonl")
    data = path.read_bytes()
    journal.close()
    assert path.read_bytes() == data.rstrip(b"\0")
    assert len(path.read_bytes()) < len(data)


def test_a_failing_disk_costs_no_file_descriptors(made, monkeypatch):
    journal = made(segment_bytes=1)
    journal.settled(began(1))
    refuse_writes(monkeypatch)
    clock = iter(range(10**6))
    monkeypatch.setattr("xroute.store.journal.time.monotonic", lambda: float(next(clock) * 10))
    before = os.dup(0)  # the lowest number that is free
    os.close(before)
    for number in range(50):
        journal.settled(began(number))
    after = os.dup(0)
    os.close(after)
    assert after <= before


def refuse_writes(monkeypatch):
    def refuse(_file, _offset, _size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("xroute.store.mapped.os.posix_fallocate", refuse)


def test_a_folder_that_cannot_be_used_is_a_config_error(tmp_path):
    (tmp_path / "journals").write_text("")
    with pytest.raises(ConfigError, match="state_dir"):
        Journal(tmp_path / "journals", MIB)


def test_a_living_journal_is_locked_and_a_closed_one_is_not(made):
    journal = made()
    assert lock.take(journal.folder) is None
    journal.close()
    taken = lock.take(journal.folder)
    assert taken is not None
    assert lock.take(journal.folder) is None
    taken.release()
    taken.release()


def test_a_lock_on_a_deleted_journal_is_none(made):
    journal = made()
    path = journal.folder / lock.NAME
    descriptor = os.open(path, os.O_RDWR)
    journal.remove()
    assert not journal.folder.exists()
    assert lock.take(journal.folder) is None
    os.close(descriptor)


def test_deleting_a_journal_leaves_nothing(made):
    journal = made()
    journal.settled(began(1))
    journal.close()
    delete(journal.folder)
    assert not journal.folder.exists()


async def test_what_was_written_can_be_made_to_last(made):
    journal = made(segment_bytes=600)
    for number in range(10):
        journal.settled(began(number))
    await journal.sync()
    assert journal.reason == ""
    await journal.sync()
    assert len(Segments(journal.folder).read(0, 20)) == 10


async def test_a_disk_that_cannot_make_it_last_is_told(made, monkeypatch):
    journal = made()
    journal.settled(began(1))

    def fail(_file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("xroute.store.journal.os.fsync", fail)
    await journal.sync()
    assert journal.reason == os.strerror(errno.EIO)


def test_a_killed_process_loses_no_line_and_its_lock(tmp_path):
    script = """
        import sys
        from pathlib import Path
        from tests.unit.store.paid import began, ended
        from xroute.store.journal import Journal
        journal = Journal(Path(sys.argv[1]), 1 << 30)
        print(journal.id, flush=True)
        for number in range(10**9):
            journal.held(began(number))
            journal.settled(ended(began(number)))
            if number == 200:
                print("begun", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = tmp_path / process.stdout.readline().strip()
        process.stdout.readline()
        assert lock.take(folder) is None
        process.send_signal(signal.SIGKILL)
    taken = lock.take(folder)
    assert taken is not None
    taken.release()
    segments, after, kinds = Segments(folder), 0, []
    while some := segments.read(after, 1000):
        assert numbers(some) == list(range(after + 1, after + 1 + len(some)))
        after = some[-1][0]
        kinds += [type(line) for _, line in some]
    assert len(kinds) >= 400
    assert set(kinds[::2]) == {Held} and set(kinds[1::2]) == {Settled}


def test_the_name_of_a_file_sorts_by_its_first_line():
    assert sorted([name_of(10), name_of(9)]) == [name_of(9), name_of(10)]


def test_memory_is_bounded_while_nobody_reads(made, monkeypatch):
    monkeypatch.setattr("xroute.store.journal.KEPT_BYTES", 8 * MIB)
    journal = made(limit=64 * MIB)
    for number in range(1000):
        journal.settled(began(number, tags={"t": "x" * 20_000}))
    kept = int(repr(journal).partition(" in memory")[0].rpartition(" ")[2])
    assert 0 < kept * 20_000 <= 8 * MIB
    found, after = 0, 0
    while some := journal.take(after, 100):
        assert some[0][0] == after + 1
        found, after = found + len(some), some[-1][0]
    assert found == 1000
    assert journal.lost == 0


def test_the_state_of_a_journal_is_seen(made):
    journal = made()
    journal.held(began(1))
    assert f"{journal.id}: 1 lines, 1 in memory" in repr(journal)
    assert repr(journal).endswith("1 calls open>")
