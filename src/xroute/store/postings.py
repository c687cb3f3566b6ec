"""Entries of the ledger that calls make, and what they add up to.

What is written in a fixed order keeps two writers from waiting for each other in a circle.
"""

from dataclasses import dataclass, field
from typing import Literal

from xroute.store.statements import Insert, Many, Query, Work, listed
from xroute.wire.record import Record

Account = Literal["credit", "held", "usage", "funding", "granted", "adjusted", "expired"]
Kind = Literal["topup", "grant", "hold", "settle", "release", "refund", "adjust", "expiry"]

COLUMNS = ("workspace", "at", "kind", "debit", "credit", "nano", "call", "ref", "price")
_ACCOUNTS = (
    "INSERT INTO accounts (workspace, account, nano) VALUES (?, ?, ?) "
    "ON CONFLICT (workspace, account) DO UPDATE SET nano = accounts.nano + excluded.nano"
)
_GRANTS = (
    "SELECT id, workspace, left_nano FROM grants WHERE left_nano > 0 AND workspace IN_LIST "
    "ORDER BY workspace, expires IS NULL, expires, id FOR_UPDATE"
)
_SPEND = "UPDATE grants SET left_nano = ? WHERE id = ?"


@dataclass(slots=True)
class Postings:
    """Entries, the accounts they change, and what has to come out of grants."""

    rows: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    accounts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    spent: dict[str, int] = field(default_factory=dict[str, int])  # by workspace

    def hold(self, record: Record, nano: int, ref: str = "hold") -> None:
        """Sets credit aside for a call."""
        self._of_call(record, record.at, "hold", "credit", "held", nano, ref)

    def settle(self, record: Record, held: int, is_metered: bool) -> None:
        """Charges a call, and gives back what was held for it and not needed."""
        charged = record.charged_nano or 0
        at = record.at + record.duration_ms
        if is_metered or held:
            self.hold(record, max(charged - held, 0), "hold:more")
            self._of_call(record, at, "settle", "held", "usage", charged, "settle")
            self._of_call(record, at, "release", "held", "credit", max(held - charged, 0), "release")
        else:
            self._of_call(record, at, "settle", "credit", "usage", charged, "settle")
        self._spend(record.workspace, charged)

    def correct(self, record: Record, before: int, refunded: int) -> None:
        """Charges the truth in the place of what was guessed. No more than that stays refunded."""
        charged = record.charged_nano or 0
        more = charged - before
        at = record.at + record.duration_ms
        if more > 0:
            self._of_call(record, at, "adjust", "credit", "adjusted", more, "adjust")
            self._spend(record.workspace, more)
        else:
            self._of_call(record, at, "adjust", "adjusted", "credit", -more, "adjust")
        if refunded > charged:
            # of no call, as it is not what the call was charged
            rest = (None, f"{record.id}:adjust:refund", None)
            self._add(record.workspace, at, "adjust", "credit", "adjusted", refunded - charged, rest)

    def write(self) -> Work[None]:
        """Appends the entries, and changes grants and accounts by them."""
        if self.rows:
            yield Insert("entries", COLUMNS, self.rows)
        if self.spent:
            yield from _consume(self.spent)
        if changed := [(*key, nano) for key, nano in sorted(self.accounts.items()) if nano]:
            yield Many(_ACCOUNTS, changed)

    def _spend(self, workspace: str, nano: int) -> None:
        if nano > 0:
            self.spent[workspace] = self.spent.get(workspace, 0) + nano

    def _of_call(
        self, record: Record, at: int, kind: Kind, debit: Account, credit: Account, nano: int, ref: str
    ) -> None:
        """Adds an entry; one of nothing is none."""
        if nano:
            rest = (record.id, f"{record.id}:{ref}", record.price or None)
            self._add(record.workspace, at, kind, debit, credit, nano, rest)

    def _add(
        self,
        workspace: str,
        at: int,
        kind: Kind,
        debit: Account,
        credit: Account,
        nano: int,
        rest: tuple[str | None, ...],
    ) -> None:
        assert nano > 0, rest
        self.rows.append((workspace, at, kind, debit, credit, nano, *rest))
        accounts = self.accounts
        accounts[workspace, debit] = accounts.get((workspace, debit), 0) - nano
        accounts[workspace, credit] = accounts.get((workspace, credit), 0) + nano


def _consume(spent: dict[str, int]) -> Work[None]:
    """What is spent comes out of the grant that ends first."""
    changed: list[tuple[int, str]] = []
    left = dict(spent)
    for id_, workspace, has in (yield Query(_GRANTS, (listed(spent),))):
        taken = min(has, left[workspace])
        left[workspace] -= taken
        if taken:
            changed.append((has - taken, id_))
    if changed:
        yield Many(_SPEND, changed)
