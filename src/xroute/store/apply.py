"""What lines of a journal become in the database: one transaction for a batch of them, or none of it.

The number of the last line that is in the database stands in `journals.applied`. A batch moves it from the
number before its first line to that of its last one, in the transaction of all else, so that no line counts
twice, even where nobody can tell whether a transaction came through.

Tables are written in one order by everybody (journals, holds, calls, entries, grants, accounts, purses,
roll-ups, prices, alerts), and rows of one table sorted, so that no two writers wait for each other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter
from typing import Any

import orjson

from xroute.errors import XrouteError
from xroute.store import lines, rollups
from xroute.store.alerts import tell
from xroute.store.lines import Held, Line, Priced, Settled
from xroute.store.postings import Postings
from xroute.store.statements import Insert, Many, Query, Refused, Row, Work, listed
from xroute.store.tables import calls
from xroute.wire.record import Record
from xroute.wire.usage import Usage

DAY_MS = 24 * 3600 * 1000
Charge = tuple[str, int, float | None]  # of wire.record.Record.charges
_COLUMNS = tuple(column.name for column in calls.columns)
_NOTHING = Usage()

# A row of `calls` is fields of a record, its usage, and what is counted or written out of it.
_TOKENS = _COLUMNS.index("tokens_in")
_fields: Callable[[Record], tuple[Any, ...]] = attrgetter(*_COLUMNS[2:_TOKENS])
_used: Callable[[Usage], tuple[Any, ...]] = attrgetter(
    *("input", "output", "cached", "cache_write", "reasoning"),
    *("audio_in", "audio_out", "image_in", "image_out", "estimated"),
)
_charges: Callable[[Record], list[Charge]] = attrgetter("charges")

_CLAIM = "UPDATE journals SET applied = ?, seen = ? WHERE id = ? AND applied = ? RETURNING id"
_END_HOLDS = (
    "DELETE FROM holds WHERE id IN_LIST "
    "RETURNING id, nano, ended, CASE WHEN ended IS NULL THEN '' ELSE data END"
)
_CORRECT = (
    "UPDATE calls SET "  # noqa: S608  # names of ours alone
    + ", ".join(f'"{name}" = ?' for name in _COLUMNS if name not in ("day", "id"))
    + " WHERE id = ? AND day = ?"
)
_LOCK = "SELECT id FROM workspaces WHERE id IN_LIST ORDER BY id FOR_UPDATE"
_REFUNDED = 'SELECT "call", SUM(nano) FROM entries WHERE "call" IN_LIST AND kind = \'refund\' GROUP BY "call"'
_PURSE_COLUMNS = ("key", "spent", "until")
_SPENT = "ON CONFLICT (key) DO UPDATE SET spent = purses.spent + excluded.spent"
_PRICE_COLUMNS = ("id", "data", "first")
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
            yield Insert("purses", _PURSE_COLUMNS, rows, _SPENT)
        truths = [each.truth for each in self.corrected]
        yield from rollups.write([*self.settled, *truths], [each.guess for each in self.corrected])
        yield from tell({key: amount for key, (amount, _) in purses.items()}, self.postings.spent, now)


@dataclass(slots=True)
class Batch:
    """Lines, sorted by what they are."""

    held: dict[str, Held] = field(default_factory=dict[str, Held])
    settled: dict[str, Record] = field(default_factory=dict[str, Record])
    priced: list[Priced] = field(default_factory=list[Priced])

    @classmethod
    def of(cls, given: Iterable[Line]) -> "Batch":
        """Refused where one of them must be dealt with alone."""
        batch = cls()
        held, settled = batch.held, batch.settled
        for line in given:
            if isinstance(line, Held):
                if line.id in held or line.id in settled:
                    raise Refused(f"{line.id} is held twice")
                held[line.id] = line
            elif isinstance(line, Settled):
                record = line.record
                if record.id in settled:
                    raise Refused(f"{record.id} is settled twice")
                settled[record.id] = record
            elif isinstance(line, Priced):
                batch.priced.append(line)
            else:
                raise Refused("it cannot be read")
        return batch


def claim(journal: str, before: int, last: int, now: int) -> Work[None]:
    """Moves the journal's number; Stale when it was not where it was thought to be."""
    if not (yield Query(_CLAIM, (last, now, journal, before))):
        raise Stale(journal)


def apply(journal: str, before: int, last: int, given: Iterable[Line], now: int) -> Work[list[Record]]:
    """Puts a batch into the database. The calls that have ended with it, as they count now."""
    batch = Batch.of(given)
    yield from claim(journal, before, last, now)
    done = Outcome()
    yield from _end(batch, done)
    yield from _begin(journal, batch, done.postings)
    yield from done.write(now)
    if batch.priced:
        rows = sorted((each.id, orjson.dumps(each.data).decode(), each.at) for each in batch.priced)
        yield Insert("prices", _PRICE_COLUMNS, rows, "ON CONFLICT (id) DO NOTHING")
    return [*done.settled, *(each.truth for each in done.corrected)]


def apply_alone(journal: str, before: int, number: int, line: Line, now: int) -> Work[list[Record]]:
    """Puts a line that was refused among others into the database: mended, and not if it counts already."""
    if isinstance(line, Held | Settled):
        record = lines.clean(line.record)
        line = lines.held(record) if isinstance(line, Held) else Settled(record)
        known = _KNOWN if isinstance(line, Held) else _COUNTED
        if (yield Query(known, (record.at // DAY_MS, record.id, record.id))):
            yield from claim(journal, before, number, now)
            yield from _give_back(line, now)
            return []
    return (yield from apply(journal, before, number, [line], now))


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
    found: dict[str, Row] = {}
    if earlier := batch.settled.keys() - batch.held.keys():
        found = {row[0]: row for row in (yield Query(_END_HOLDS, (listed(earlier),)))}
    keys = {key for key, _, _ in chain.from_iterable(map(_charges, batch.settled.values()))}
    counts_credit = any(key.startswith(lines.CREDIT) for key in keys)
    postings = done.postings
    for id_, record in batch.settled.items():
        held = 0
        if (begun := batch.held.get(id_)) is not None:
            held = begun.nano
            postings.hold(record, held)
        elif (row := found.get(id_)) is not None:
            if row[2] is not None:
                done.corrected.append(Correction(record, lines.from_object(row[3])))
                continue
            held = row[1]
        postings.settle(record, held, counts_credit and lines.credit_of(record) is not None)
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
    for id_ in sorted(batch.held.keys() - batch.settled.keys()):
        held = batch.held[id_]
        record = held.record
        postings.hold(record, held.nano)
        rows.append((id_, journal, record.at, lines.as_object(record), held.nano))
    if rows:
        yield Insert("holds", _HOLD_COLUMNS, rows)


def _write_calls(done: Outcome) -> Work[None]:
    if done.settled:
        yield Insert("calls", _COLUMNS, [call_row(record) for record in done.settled])
    if done.corrected:
        rows = [call_row(each.truth) for each in done.corrected]
        yield Many(_CORRECT, [(*row[2:], *row[:2]) for row in rows])


def charged(
    settled: Iterable[Record], corrected: Iterable[Correction] = ()
) -> dict[str, tuple[int, int | None]]:
    """What is added to each purse, and when it is over (unix milliseconds, None = never)."""
    sums = defaultdict[str, int](int)
    ends: dict[str, float | None] = {}
    truths = (each.truth for each in corrected)
    if taken := [*chain.from_iterable(map(_charges, chain(settled, truths)))]:
        keys, amounts, untils = zip(*taken, strict=True)
        ends.update(zip(keys, untils, strict=True))
        for key, amount in zip(keys, amounts, strict=True):
            sums[key] += amount
    for each in corrected:
        for key, amount, until in each.guess.charges:
            sums[key] -= amount
            ends[key] = until
    return {key: (amount, _over(ends[key])) for key, amount in sums.items() if amount}


def _over(until: float | None) -> int | None:
    return None if until is None or until == float("inf") else int(until * 1000)


def call_row(record: Record) -> tuple[Any, ...]:
    """A row of `calls`, in the table's order."""
    return (
        record.id,
        record.at // DAY_MS,
        *_fields(record),
        *_used(record.usage or _NOTHING),
        len(record.attempts),
        orjson.dumps(record.tags).decode() if record.tags else "",
        lines.write_attempts(record.attempts),
    )
