"""Whether a process that counts by itself is the only one that does: budgets hold for all of them."""

import logging

from sqlalchemy import select

from xroute.store import tables
from xroute.store.db import Database

log = logging.getLogger("xroute.store")

INTERVAL_S = 10.0  # more than one beat of store.writer


class Alone:
    """Looks for other processes whose journals go on in the same database."""

    def __init__(self, db: Database, journal: str) -> None:
        self.state = "up"  # or who else counts
        self._db = db
        self._journal = journal
        self._seen: dict[str, int] = {}

    async def look(self) -> None:
        """One that has shown life since the last look lives: one that died has not."""
        journals = tables.journals.c
        query = select(journals.id, journals.host, journals.pid, journals.seen).where(
            journals.ended.is_(None), journals.id != self._journal
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        others = [
            f"{row.host} (process {row.pid})" for row in rows if row.seen > self._seen.get(row.id, row.seen)
        ]
        self._seen = {row.id: row.seen for row in rows}
        if not others:
            self.state = "up"
            return
        state = f"counted here alone, while {', '.join(sorted(others))} serves with the same database"
        if self.state == "up":
            log.error(
                "limits and budgets are %s: together they may pass them. Set `redis` for all, or end it",
                state,
            )
        self.state = state
