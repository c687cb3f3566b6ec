"""Entries of the ledger that calls make, and what they add up to.

What is written in a fixed order keeps two writers from waiting for each other in a circle.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from xroute.store.statements import Insert, Many, Query, Work, listed
from xroute.wire.record import Record

Account = Literal["credit", "held", "usage", "funding", "granted", "adjusted", "expired"]
Kind = Literal["topup", "grant", "hold", "settle", "release", "refund", "adjust", "expiry"]

_Row = tuple[str, int, Kind, Account, Account, int, str | None, str | None]  # of COLUMNS

COLUMNS = ("workspace", "at", "kind", "debit", "credit", "nano", "call", "price")
_ACCOUNT_COLUMNS = ("workspace", "account", "nano")
_ADD = "ON CONFLICT (workspace, account) DO UPDATE SET nano = accounts.nano + excluded.nano"
_GRANTS = (
    "SELECT id, workspace, left_nano FROM grants WHERE left_nano > 0 AND workspace IN_LIST "
    "ORDER BY workspace, expires IS NULL, expires, id FOR_UPDATE"
)
_SPEND = "UPDATE grants SET left_nano = ? WHERE id = ?"


@dataclass(slots=True)
class Postings:
    """Entries, the sums of them by where they move from and to, and what has to come out of grants."""

    rows: list[_Row] = field(default_factory=list[_Row])
    once: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])  # and the `ref` of each
    moved: defaultdict[tuple[str, Account, Account], int] = field(
        default_factory=lambda: defaultdict[tuple[str, Account, Account], int](int)
    )
    spent: defaultdict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))  # by workspace

    def hold(self, record: Record, nano: int) -> None:
        """Sets credit aside for a call."""
        if nano:
            row = (
                record.workspace,
                record.at,
                "hold",
                "credit",
                "held",
                nano,
                record.id,
                record.price or None,
            )
            self._add(row, f"{record.id}:hold")

    def settle(self, record: Record, held: int, is_metered: bool) -> None:
        """Charges a call, and gives back what was held for it and not needed.

        These entries need no `ref`: the row in `calls` keeps a call from being settled twice.
        """
        workspace, charged = record.workspace, record.charged_nano or 0
        at, rest = record.at + record.duration_ms, (record.id, record.price or None)
        if is_metered or held:
            if charged > held:
                self._add((workspace, record.at, "hold", "credit", "held", charged - held, *rest))
            if charged:
                self._add((workspace, at, "settle", "held", "usage", charged, *rest))
            if held > charged:
                self._add((workspace, at, "release", "held", "credit", held - charged, *rest))
        elif charged:
            self._add((workspace, at, "settle", "credit", "usage", charged, *rest))
        if charged > 0:
            self.spent[workspace] += charged

    def correct(self, record: Record, before: int, refunded: int) -> None:
        """Charges the truth in the place of what was guessed. No more than that stays refunded."""
        workspace, charged = record.workspace, record.charged_nano or 0
        at, rest = record.at + record.duration_ms, (record.id, record.price or None)
        more, ref = charged - before, f"{record.id}:adjust"
        if more > 0:
            self._add((workspace, at, "adjust", "credit", "adjusted", more, *rest), ref)
            self.spent[workspace] += more
        elif more:
            self._add((workspace, at, "adjust", "adjusted", "credit", -more, *rest), ref)
        if refunded > charged:
            # of no call, as it is not what the call was charged
            row = (workspace, at, "adjust", "credit", "adjusted", refunded - charged, None, None)
            self._add(row, f"{ref}:refund")

    def write(self) -> Work[None]:
        """Appends the entries, and changes grants and accounts by them."""
        if self.once:
            yield Insert("entries", (*COLUMNS, "ref"), self.once)
        if self.rows:
            yield Insert("entries", COLUMNS, self.rows)
        if self.spent:
            yield from _consume(self.spent)
        if changed := [(*key, nano) for key, nano in sorted(self.accounts().items()) if nano]:
            yield Insert("accounts", _ACCOUNT_COLUMNS, changed, _ADD)

    def accounts(self) -> dict[tuple[str, Account], int]:
        """What the entries change, by workspace and account."""
        found = defaultdict[tuple[str, Account], int](int)
        for (workspace, debit, credit), nano in self.moved.items():
            found[workspace, debit] -= nano
            found[workspace, credit] += nano
        return found

    def _add(self, row: _Row, ref: str = "") -> None:
        workspace, _, _, debit, credit, nano, _, _ = row
        assert nano > 0, row
        self.moved[workspace, debit, credit] += nano
        if ref:
            self.once.append((*row, ref))
        else:
            self.rows.append(row)


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
