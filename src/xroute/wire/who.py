"""Who is calling: a client's key as the data plane knows it, with nothing to look up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Policy:
    """What a key may be used for. An empty tuple allows everything."""

    models: tuple[str, ...] = ()  # ids or patterns such as "openai/*", of what answers
    providers: tuple[str, ...] = ()  # ids
    addresses: tuple[str, ...] = ()  # networks the caller may come from, "10.0.0.0/8"
    regions: tuple[str, ...] = ()  # the provider must process data in one of these
    zdr: bool = False  # providers without data retention only
    local_only: bool = False  # providers on the user's own machines only


ANYTHING = Policy()


@dataclass(frozen=True, slots=True, eq=False)
class Who:
    """The key a request came with, and whose it is. `id` tells keys apart; it is no credential."""

    name: str
    id: str = ""
    workspace: str = ""
    project: str = ""
    member: str = ""  # who made the key, "" for a service key
    labels: Mapping[str, str] = field(default_factory=lambda: _NONE)
    policy: Policy = ANYTHING
    route: str = ""  # the model of requests that name none
    markup_ppm: int = 1_000_000  # what the client pays per million of what the provider bills
    rules: Any = None  # limits.rules.Rules: the limits and budgets that a call of this key has to pass
    expires: float = float("inf")  # unix seconds
