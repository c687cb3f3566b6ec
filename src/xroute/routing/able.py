"""Who can and may take calls of one kind, whatever their length: the same until the fleet changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xroute import dialects
from xroute.routing.deployment import Deployment

# What a key's policy says of a deployment: (reason, detail) where it may not be used, None where it may.
Bar = Callable[[Deployment], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Excluded:
    """One deployment left out. `reason` is a word, `detail` is for people."""

    deployment: Deployment
    # operation | ability | context_length | require_parameters | not_allowed | ignored | max_price |
    # data_policy:zdr | data_policy:training, and those of a `Bar`
    reason: str
    detail: str
    of_key: bool = False  # the key's policy left it out, whatever the request asks for


@dataclass(frozen=True, slots=True)
class Able:
    """Deployments model by model, and what was left out; both are shared by all calls of the kind."""

    groups: Sequence[Sequence[Deployment]]
    excluded: Sequence[Excluded]
    window: float  # tokens that fit the smallest context among them


def find_able(
    groups: Sequence[Sequence[Deployment]],
    operation: str,
    abilities: frozenset[str],
    workspace: str = "",
    bar: Bar | None = None,
) -> Able:
    """Of a list of models, each given by its deployments: who is made for the operation, has the abilities
    and is not barred.

    A model named twice counts once. Of a deployment that belongs to another workspace nothing is said at all.
    """
    found: list[list[Deployment]] = []
    excluded: list[Excluded] = []
    seen: set[Deployment] = set()
    for group in groups:
        fresh = [d for d in dict.fromkeys(group) if d not in seen and d.workspace in ("", workspace)]
        seen.update(fresh)
        found.append([])
        for d in fresh:
            if bar is not None and (barred := bar(d)) is not None:
                excluded.append(Excluded(d, *barred, True))
            elif operation not in d.operations:
                detail = f"{d.model} at {d.provider} is not made for {operation}"
                excluded.append(Excluded(d, "operation", detail))
            elif missing := _missing(d, abilities):
                detail = f"{d.model} at {d.provider} lacks: {', '.join(sorted(missing))}"
                excluded.append(Excluded(d, "ability", detail))
            else:
                found[-1].append(d)
    windows = [d.context for able in found for d in able if d.context is not None]
    return Able(found, excluded, min(windows, default=float("inf")))


def _missing(d: Deployment, abilities: frozenset[str]) -> frozenset[str]:
    """What the model lacks and its dialect cannot make up for: a schema may be that of a forced tool."""
    if d.abilities is None or abilities <= d.abilities:
        return frozenset()
    have = d.abilities
    by_tool = getattr(dialects.get(d.dialect), "by_tool", None)
    if by_tool is not None and "tools" in have:
        have |= by_tool(d.upstream)
    return abilities - have
