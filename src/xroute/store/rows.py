"""Rows as the image of who may call has them: each with what it is used for, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from xroute.limits import calendar
from xroute.limits.rules import Credit, Rules
from xroute.wire.who import ANYTHING, Policy, Who

_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class LimitRow(NamedTuple):
    """A row of table `limits`."""

    id: str
    workspace: str
    scope: str
    subject: str
    model: str
    rpm: int | None
    tpm: int | None
    tpm_in: int | None
    tpm_out: int | None
    rpd: int | None
    tpd: int | None
    concurrency: int | None
    max_call_nano: int | None
    tz: str


class BudgetRow(NamedTuple):
    """A row of table `budgets`."""

    id: str
    workspace: str
    scope: str
    subject: str
    model: str
    nano: int
    window: calendar.Name
    tz: str
    hard: bool


Bound = LimitRow | BudgetRow


@dataclass(slots=True)
class Space:
    """A workspace."""

    id: str
    slug: str = ""
    plan: str = "unmetered"
    line_nano: int = 0
    markup_ppm: int = 1_000_000
    is_closed: bool = False
    funded_nano: int = 0  # all that was put in, less what was taken out or has expired
    changes: int = 0
    rules: dict[tuple[str, str], Rules] = field(default_factory=dict[tuple[str, str], Rules])

    @property
    def credit(self) -> Credit | None:
        """What its calls are paid from; None where nobody counts."""
        if self.plan == "unmetered":
            return None
        line = self.line_nano if self.plan == "postpaid" else 0
        return Credit(self.id, self.funded_nano, line, f"workspace {self.slug}")

    def touch(self) -> None:
        """All that was made of it is out of date."""
        self.changes += 1
        self.rules.clear()


@dataclass(slots=True)
class Project:
    """What keys are grouped by."""

    id: str
    workspace: str
    name: str
    route: str
    is_archived: bool


@dataclass(slots=True)
class Member:
    """A person in a workspace."""

    id: str
    workspace: str
    name: str
    is_disabled: bool


@dataclass(slots=True, eq=False)
class Entry:
    """A key, and what was last made of it."""

    id: str
    digest: bytes
    space: Space
    project: str
    member: str
    name: str
    policy: Policy
    labels: Mapping[str, str]
    route: str
    expires: float
    state: str  # "" | disabled | revoked
    next: str  # the key that took its place
    who: Who | None = None
    seen: int = -1  # the workspace's changes when `who` was made


@lru_cache(4096)
def policy_of(text: str) -> Policy:
    """Column `policy` as the data plane has it; keys with the same one share it."""
    given: dict[str, Any] = orjson.loads(text)
    if not given:
        return ANYTHING
    lists = {field: tuple(given.get(field, ())) for field in ("models", "providers", "addresses", "regions")}
    return Policy(**lists, zdr=bool(given.get("zdr")), local_only=bool(given.get("local_only")))


@lru_cache(4096)
def labels_of(text: str) -> Mapping[str, str]:
    """Column `labels`, which nobody changes."""
    given: dict[str, str] = orjson.loads(text)
    return MappingProxyType(given) if given else _NO_LABELS
