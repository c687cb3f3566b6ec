"""What the database, Redis and the provider say of the same calls, and where they differ."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from tests.chaos.crowd import Seen
from tests.chaos.site import INPUT_NANO, OUTPUT_NANO

from xroute.store import proof, tables
from xroute.store.db import Database

SUMMED = ("calls", "tokens_in", "tokens_out", "cost_nano", "charged_nano")
FREE = frozenset({"refused", "cached"})  # outcomes that take nothing of a purse


@dataclass(slots=True)
class Sold:
    """One answer of the provider, as it has written it down."""

    answer: str
    user: str
    prompt: int
    promised: int
    at: int
    tokens: int = 0
    how: str = "open"

    @property
    def nano(self) -> int:
        """What it costs, as far as it was sent."""
        return self.prompt * INPUT_NANO + self.tokens * OUTPUT_NANO


@dataclass(slots=True)
class Books:
    """The database's side."""

    calls: list[Any] = field(default_factory=list[Any])
    entries: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])  # by the call's id
    purses: dict[str, int] = field(default_factory=dict[str, int])
    rollups: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    holds: list[str] = field(default_factory=list[str])  # calls that are held still
    faults: list[str] = field(default_factory=list[str])  # what the ledger's own proof finds

    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome for call in self.calls)

    def by_user(self) -> dict[str, Any]:
        """Calls by the user that names each; not those that were answered from what another had got."""
        return {call.user: call for call in self.calls if call.outcome != "cached"}

    def of(self, id_: str) -> Any:
        """The one call with this id."""
        [found] = [call for call in self.calls if call.id == id_]
        return found

    def moved(self, id_: str) -> Counter[str]:
        """The sum of a call's entries by kind; what was charged too much is below zero."""
        found: Counter[str] = Counter()
        for entry in self.entries.get(id_, ()):
            found[entry.kind] += -entry.nano if entry.debit == "adjusted" else entry.nano
        return found


def sales(path: Path) -> dict[str, Sold]:
    """The provider's answers by user; the last one where there are several."""
    found: dict[str, Sold] = {}
    by_id: dict[str, Sold] = {}
    for line in map(json.loads, path.read_text().splitlines()):
        if line["event"] == "begin":
            sold = Sold(line["answer"], line["user"], line["prompt_tokens"], line["tokens"], line["at"])
            found[sold.user] = by_id[line["id"]] = sold
        else:
            by_id[line["id"]].tokens, by_id[line["id"]].how = line["tokens"], line["how"]
    return found


def read(url: str) -> Books:
    """All of it, in one transaction."""
    return asyncio.run(_read(url))


async def _read(url: str) -> Books:
    db, found = Database(url, pool=1), Books()
    try:
        async with db.read() as connection:
            if not db.is_sqlite:
                await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            found.calls = list((await connection.execute(select(tables.calls))).all())
            entries = defaultdict(list[Any])
            for entry in (await connection.execute(select(tables.entries))).all():
                entries[entry.call].append(entry)
            found.entries = dict(entries)
            p, h = tables.purses.c, tables.holds.c
            found.purses = {
                row.key: int(row.spent) for row in await connection.execute(select(p.key, p.spent))
            }
            held = await connection.execute(select(h.id).where(h.ended.is_(None)))
            found.holds = [row.id for row in held]
            for name in ("hourly", "daily", "ended"):
                rows = (await connection.execute(select(tables.metadata.tables[name]))).all()
                found.rollups[name] = _sums(row._mapping for row in rows)
            found.faults = await proof.faults(connection)
    finally:
        await db.close()
    return found


def _sums(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter(dict.fromkeys(SUMMED, 0))
    for row in rows:
        for name in SUMMED:
            total[name] += int(row[name] or 0)
    return total


def differences(books: Books, sold: Mapping[str, Sold], seen: Iterable[Seen]) -> list[str]:
    """Everything that does not agree, in words; a lost call is no difference, but must add up too."""
    return [
        *books.faults,
        *_doubled(books),
        *(f"{id_} is held still" for id_ in books.holds),
        *_sums_differ(books),
        *(word for call in books.calls for word in _call_differs(books, call)),
        *_sold_differ(books, sold),
        *_seen_differ(books, seen),
    ]


def _doubled(books: Books) -> Iterable[str]:
    users = Counter(call.user for call in books.calls if call.outcome != "cached")
    return (f"{user} has {count} calls" for user, count in users.items() if count > 1)


def _sums_differ(books: Books) -> Iterable[str]:
    calls = _sums({**call._mapping, "calls": 1} for call in books.calls)
    for name, sums in books.rollups.items():
        if sums != calls:
            yield f"roll-up {name} says {dict(sums)}, its calls {dict(calls)}"
    due = {
        "money": calls["charged_nano"],
        "requests": sum(call.outcome not in FREE for call in books.calls),
        "tokens": calls["tokens_in"] + calls["tokens_out"],
    }
    for key, spent in books.purses.items():
        kind = "money" if key.startswith("credit:") else key.split(":")[1]
        if spent != due[kind]:
            yield f"purse {key} says {spent}, its calls {due[kind]}"


def _call_differs(books: Books, call: Any) -> Iterable[str]:
    """The entries of one call: held once, given back once, and what it was charged in between."""
    moved, charged = books.moved(call.id), call.charged_nano or 0
    if moved["settle"] + moved["adjust"] != charged:
        said = f"{moved['settle']} + {moved['adjust']}"
        yield f"{call.id} ({call.outcome}) was charged {charged}, its entries say {said}"
    kinds = Counter(entry.kind for entry in books.entries.get(call.id, ()))
    if max(kinds.values(), default=0) > 1:
        yield f"{call.id} has more than one entry of a kind: {dict(kinds)}"
    if kinds["hold"] and moved["hold"] != moved["release"] + moved["settle"]:
        yield f"{call.id} was held {moved['hold']}, and {moved['settle']} + {moved['release']} given back"


def _sold_differ(books: Books, sold: Mapping[str, Sold]) -> Iterable[str]:
    calls = books.by_user()
    for user, answer in sold.items():
        call = calls.get(user)
        if call is None:
            yield f"{user} was answered ({answer.how}, {answer.tokens} tokens), and there is no call of it"
        elif call.outcome == "completed" and (call.cost_nano, call.charged_nano) != (
            answer.nano,
            answer.nano,
        ):
            yield f"{call.id} cost {answer.nano}, and says {call.cost_nano}, charged {call.charged_nano}"
        elif call.outcome == "lost" and call.charged_nano > call.held_nano:
            yield f"{call.id} is lost and charged {call.charged_nano}, more than it was held"
    for user, call in calls.items():
        if call.outcome == "completed" and user not in sold:
            yield f"{call.id} is completed, and the provider knows nothing of it"


def _seen_differ(books: Books, seen: Iterable[Seen]) -> Iterable[str]:
    calls = {call.id: call for call in books.calls}
    for each in seen:
        call = calls.get(each.id)
        if not each.is_answered:
            continue
        if call is None:
            yield f"{each.user} has its answer, and there is no call of it"
        elif call.outcome == "completed" and call.charged_nano != each.cost_nano:
            yield f"{call.id} was told that it costs {each.cost_nano}, and was charged {call.charged_nano}"
        elif call.outcome not in ("completed", "cached"):
            yield f"{call.id} has its answer, and is {call.outcome}"


def in_flight(books: Books, sold: Mapping[str, Sold]) -> list[str]:
    """The calls that a process died under, one by one: what the provider sent, and what was charged."""
    lines: list[str] = []
    for call in sorted(books.calls, key=lambda call: call.user):
        if call.outcome == "lost":
            answer = sold.get(call.user)
            cost = answer.nano if answer else 0
            told = f"{answer.tokens} of {answer.promised} tokens, {answer.how}" if answer else "never asked"
            lines.append(f"{call.id} {call.user}: {told}: cost {cost}, charged {call.charged_nano}")
    return lines
