"""The parts behind workspaces, projects, keys, limits and budgets, made once for a process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xroute.store import purse, tables
from xroute.store.bounds import Bounds, Row
from xroute.store.db import Database, now_ms
from xroute.store.directory import Directory
from xroute.store.keys import Keys
from xroute.store.projects import Projects
from xroute.store.workspaces import Workspaces

Spent = Callable[[str], int | None]  # of a purse, by its key


@dataclass(slots=True)
class Tenancy:
    """What the routes about them work with."""

    workspaces: Workspaces
    projects: Projects
    keys: Keys
    limits: Bounds
    budgets: Bounds
    directory: Directory
    newer: Spent  # what this process has counted that the database may not have yet

    async def spent(self, budgets: Sequence[Row]) -> dict[str, int]:
        """Nano-dollars of budgets in their windows, by id; those of each end user are left out."""
        if not budgets:
            return {}
        known = await self.budgets.spent(budgets)
        now = now_ms()
        for row in budgets:
            if not purse.is_each(row):
                counted = self.newer(purse.key(row, purse.span(row, now).label)) or 0
                known[row["id"]] = max(known.get(row["id"], 0), counted)
        return known


def make(db: Database, pepper: bytes, directory: Directory, newer: Spent = lambda key: None) -> Tenancy:
    """`newer` is the engine's `spent`, where that is in this process."""
    return Tenancy(
        workspaces=Workspaces(db),
        projects=Projects(db),
        keys=Keys(db, pepper),
        limits=Bounds(db, tables.limits),
        budgets=Bounds(db, tables.budgets),
        directory=directory,
        newer=newer,
    )
