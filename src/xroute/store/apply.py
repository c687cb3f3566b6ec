"""What lines of a journal become in the database: one transaction for a batch of them, or none of it.

The number of the last line that is in the database stands in `journals.applied`. A batch moves it from the
number before its first line to that of its last one, in the transaction of all else, so that no line counts
twice, even where nobody can tell whether a transaction came through.

Tables are written in one order by everybody (journals, holds, calls, entries, grants, accounts, purses,
roll-ups, prices, alerts), and rows of one table sorted, so that no two writers wait for each other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import orjson

from xroute.errors import XrouteError
from xroute.store import lines, rollups
from xroute.store.alerts import tell
from xroute.store.lines import Damaged, Held, Line, Priced, Settled
from xroute.store.postings import Postings
from xroute.store.statements import Insert, Many, Query, Refused, Row, Work, listed
from xroute.store.tables import calls
from xroute.wire.record import Record
from xroute.wire.usage import Usage

DAY_MS = 24 * 3600 * 1000
_COLUMNS = tuple(column.name for column in calls.columns)
_NOTHING = Usage()

# A row of `calls` is a record's fields of the same names, its usage, more of its fields, and what is counted.
_TOKENS, _COST, _TRIES = (_COLUMNS.index(name) for name in ("tokens_in", "cost_nano", "tries"))
_before: Callable[[Record], tuple[Any, ...]] = attrgetter(*_COLUMNS[1:_TOKENS])
_used: Callable[[Usage], tuple[Any, ...]] = attrgetter(
    *("input", "output", "cached", "cache_write", "reasoning"),
    *("audio_in", "audio_out", "image_in", "image_out", "estimated"),
)
_after: Callable[[Record], tuple[Any, ...]] = attrgetter(*_COLUMNS[_COST:_TRIES])

_CLAIM = "UPDATE journals SET applied = ?, seen = ? WHERE id = ? AND applied = ? RETURNING id"
_END_HOLDS = "DELETE FROM holds WHERE id IN_LIST RETURNING id, nano, ended, data"
_CORRECT = (
    "UPDATE calls SET "  # noqa: S608  # names of ours alone
    + ", ".join(f'"{name}" = ?' for name in _COLUMNS if name not in ("day", "id"))
    + " WHERE day = ? AND id = ?"
)
_LOCK = "SELECT id FROM workspaces WHERE id IN_LIST ORDER BY id FOR_UPDATE"
_REFUNDED = 'SELECT "call", SUM(nano) FROM entries WHERE "call" IN_LIST AND kind = \'refund\' GROUP BY "call"'
_PURSES = (
    "INSERT INTO purses (key, spent, until) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET spent = purses.spent + excluded.spent"
)
_PRICES = "INSERT INTO prices (id, data, first) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
_COUNTED = (
    "SELECT 1 FROM calls WHERE day = ? AND id = ? "
    "AND NOT EXISTS (SELECT 1 FROM holds WHERE id = ? AND ended IS NOT NULL)"
)
_KNOWN = "SELECT 1 FROM calls WHERE day = ? AND id = ? UNION ALL SELECT 1 FROM holds WHERE id = ?"
_HOLD_COLUMNS = ("id", "journal", "at", "data", "nano")


class Stale(XrouteError):
    """The database is at another line than was thought: ask it, and go on from there."""


@dataclass(slots=True)
class Correction:
    """A call that was settled as lost, and then its process came back with the truth."""

    truth: Record
    guess: Record


@dataclass(slots=True)
class Outcome:
    """What calls change, however they came to their end."""

    settled: list[Record] = field(default_factory=list[Record])
    corrected: list[Correction] = field(default_factory=list[Correction])
    postings: Postings = field(default_factory=Postings)

    def write(self, now: int) -> Work[None]:
        """Calls, entries, grants, accounts, purses, roll-ups, alerts."""
        yield from _write_calls(self)
        yield from self.postings.write()
        purses = charged(self.settled, self.corrected)
        if purses:
            rows = [(key, amount, until) for key, (amount, until) in sorted(purses.items())]
            yield Many(_PURSES, rows)
        yield from _write_rollups(self)
        yield from tell({key: amount for key, (amount, _) in purses.items()}, self.postings.spent, now)


@dataclass(slots=True)
class Batch:
    """Lines, sorted by what they are."""

    held: dict[str, Held] = field(default_factory=dict[str, Held])
    settled: dict[str, Record] = field(default_factory=dict[str, Record])
    priced: list[Priced] = field(default_factory=list[Priced])

    def add(self, line: Line) -> None:
        """Refused for a line that must be dealt with alone."""
        if isinstance(line, Held):
            if line.id in self.held or line.id in self.settled:
                raise Refused(f"{line.id} is held twice")
            self.held[line.id] = line
        elif isinstance(line, Priced):
            self.priced.append(line)
        elif isinstance(line, Damaged):
            raise Refused("it cannot be read")
        else:
            if line.record.id in self.settled:
                raise Refused(f"{line.record.id} is settled twice")
            self.settled[line.record.id] = line.record


def claim(journal: str, before: int, last: int, now: int) -> Work[None]:
    """Moves the journal's number; Stale when it was not where it was thought to be."""
    if not (yield Query(_CLAIM, (last, now, journal, before))):
        raise Stale(journal)


def apply(journal: str, before: int, last: int, batch: Batch, now: int) -> Work[list[Record]]:
    """Puts a batch into the database. The calls that have ended with it, as they count now."""
    yield from claim(journal, before, last, now)
    done = Outcome()
    yield from _end(batch, done)
    yield from _begin(journal, batch, done.postings)
    yield from done.write(now)
    if batch.priced:
        rows = sorted((each.id, orjson.dumps(each.data).decode(), each.at) for each in batch.priced)
        yield Many(_PRICES, rows)
    return [*done.settled, *(each.truth for each in done.corrected)]


def apply_alone(journal: str, before: int, number: int, line: Line, now: int) -> Work[list[Record]]:
    """Puts a line that was refused among others into the database: mended, and not if it counts already."""
    batch = Batch()
    if isinstance(line, Held | Settled):
        record = lines.clean(line.record)
        line = lines.held(record) if isinstance(line, Held) else Settled(record)
        known = _KNOWN if isinstance(line, Held) else _COUNTED
        if (yield Query(known, (record.at // DAY_MS, record.id, record.id))):
            yield from claim(journal, before, number, now)
            yield from _give_back(line, now)
            return []
    batch.add(line)
    return (yield from apply(journal, before, number, batch, now))


def _give_back(line: Held | Settled, now: int) -> Work[None]:
    """A call that counts already holds nothing once it has ended."""
    if isinstance(line, Held):
        return
    done = Outcome()
    for _, nano, _, _ in (yield Query(_END_HOLDS, (listed([line.record.id]),))):
        done.postings.settle(replace(line.record, charged_nano=0), nano, is_metered=True)
    yield from done.write(now)


def _end(batch: Batch, done: Outcome) -> Work[None]:
    """Calls that ended: with a hold of this batch, of an earlier one, or none."""
    earlier = [id_ for id_ in batch.settled if id_ not in batch.held]
    found: dict[str, Row] = {}
    if earlier:
        found = {row[0]: row for row in (yield Query(_END_HOLDS, (listed(earlier),)))}
    for id_, record in batch.settled.items():
        row = found.get(id_)
        if row is not None and row[2] is not None:
            done.corrected.append(Correction(record, lines.from_object(row[3])))
            continue
        held = batch.held.get(id_)
        nano = held.nano if held is not None else row[1] if row is not None else 0
        if held is not None:
            done.postings.hold(record, nano)
        done.postings.settle(record, nano, lines.credit_of(record) is not None)
        done.settled.append(record)
    yield from _correct(done)


def _correct(done: Outcome) -> Work[None]:
    if not done.corrected:
        return
    yield Query(
        _LOCK, (listed({each.truth.workspace for each in done.corrected}),)
    )  # nobody refunds meanwhile
    ids = listed(each.truth.id for each in done.corrected)
    refunded: dict[str, int] = {row[0]: int(row[1]) for row in (yield Query(_REFUNDED, (ids,)))}
    for each in done.corrected:
        before = each.guess.charged_nano or 0
        done.postings.correct(each.truth, before, refunded.get(each.truth.id, 0))


def _begin(journal: str, batch: Batch, postings: Postings) -> Work[None]:
    """Calls that are still under way: their holds are kept in the database too."""
    rows: list[Row] = []
    for held in sorted(batch.held.values(), key=lambda each: each.id):
        if held.id in batch.settled:
            continue
        record = held.record
        postings.hold(record, held.nano)
        rows.append((held.id, journal, record.at, lines.as_object(record), held.nano))
    if rows:
        yield Insert("holds", _HOLD_COLUMNS, rows)


def _write_calls(done: Outcome) -> Work[None]:
    if done.settled:
        yield Insert("calls", _COLUMNS, [call_row(record) for record in done.settled])
    if done.corrected:
        rows = [call_row(each.truth) for each in done.corrected]
        yield Many(_CORRECT, [(*row[2:], *row[:2]) for row in rows])


def _write_rollups(done: Outcome) -> Work[None]:
    truths = [each.truth for each in done.corrected]
    guesses = [each.guess for each in done.corrected]
    for name, rows in rollups.sums([*done.settled, *truths], guesses).items():
        if rows:
            yield Many(rollups.statement(name, "qmark"), rows)


def charged(
    settled: Iterable[Record], corrected: Iterable[Correction] = ()
) -> dict[str, tuple[int, int | None]]:
    """What is added to each purse, and when it is over (unix milliseconds, None = never)."""
    found: dict[str, tuple[int, int | None]] = {}

    def take(record: Record, sign: int) -> None:
        for key, amount, until in record.charges:
            there = found.get(key)
            over = (
                there[1] if there else None if until is None or until == float("inf") else int(until * 1000)
            )
            found[key] = ((there[0] if there else 0) + sign * amount, over)

    for record in settled:
        take(record, 1)
    for each in corrected:
        take(each.truth, 1)
        take(each.guess, -1)
    return {key: value for key, value in found.items() if value[0]}


def call_row(record: Record) -> tuple[Any, ...]:
    """A row of `calls`, in the table's order."""
    return (
        record.at // DAY_MS,
        *_before(record),
        *_used(record.usage or _NOTHING),
        *_after(record),
        len(record.attempts),
        orjson.dumps(record.tags).decode() if record.tags else "",
        lines.attempts_object(record),
    )
