"""What the config declares of keys, projects and workspaces, as rows with ids made of their names."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import orjson

from xroute.config.accounts import Bounded, BudgetSettings, KeySettings, RateSettings
from xroute.config.settings import Settings
from xroute.errors import ConfigError
from xroute.money import nano
from xroute.store import pepper as peppers
from xroute.store import terms
from xroute.store.bounds import EACH, Row
from xroute.store.image import Image
from xroute.store.pepper import digest
from xroute.store.rows import BudgetRow, LimitRow
from xroute.store.terms import Wrong
from xroute.store.workspaces import MAIN, MAIN_SLUG

PPM: Final = 1_000_000
RATES: Final = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "tpd", "concurrency")


@dataclass(slots=True)
class Bound:
    """A limit or budget that is declared."""

    place: str  # in the config
    scope: str
    is_each: bool  # for each end user of the owner
    values: Row  # columns of table limits or budgets


@dataclass(slots=True)
class Owner:
    """A workspace, project or key that is declared."""

    place: str  # in the config: keys[0]
    kind: str  # workspace | project | key
    workspace: str  # slug
    name: str
    values: Row  # columns
    project: str = ""  # of a key, by name
    limits: list[Bound] = field(default_factory=list[Bound])
    budgets: list[Bound] = field(default_factory=list[Bound])


def owners(settings: Settings, pepper: bytes) -> list[Owner]:
    """Workspaces first, then projects, then keys; ConfigError where something cannot be used."""
    found: list[Owner] = []
    for number, space in enumerate(settings.workspaces):
        place = f"workspaces[{number}]"
        values = {
            "name": space.name or space.slug,
            "slug": space.slug,
            "plan": space.plan,
            "credit_line_nano": nano.from_dollars(space.credit_line_usd),
            "markup_ppm": int(Decimal(str(space.markup)) * PPM),
        }
        found.append(_owner(place, "workspace", space.slug, space.slug, values, space))
    for number, project in enumerate(settings.projects):
        place, values = f"projects[{number}]", {"name": project.name, "route": project.route}
        found.append(_owner(place, "project", project.workspace, project.name, values, project))
    for number, key in enumerate(settings.keys):
        place = f"keys[{number}]"
        values = _key(place, key, pepper)
        found.append(_owner(place, "key", key.workspace, key.name, values, key, key.project))
    _refuse_same(found)
    return found


def stable(prefix: str, *names: str) -> str:
    """An id made of names."""
    text = "\0".join(names).encode()
    return f"{prefix}_{hashlib.sha256(text).hexdigest()[:24]}"


def workspace_id(slug: str) -> str:
    """Of a workspace that is declared."""
    return MAIN if slug == MAIN_SLUG else stable("ws", slug)


def bound_rows(owner: Owner, workspace: str, owner_id: str) -> Iterator[tuple[str, str, str, str, Row]]:
    """(table, id, scope, subject, values) of what bounds an owner."""
    for table, prefix, some in (("limits", "lim", owner.limits), ("budgets", "bud", owner.budgets)):
        seen: dict[str, int] = {}
        for bound in some:
            name = "/".join((bound.scope, bound.values["model"], bound.values.get("window", "")))
            seen[name] = seen.get(name, 0) + 1
            subject = owner_id
            if bound.is_each:
                subject = EACH if owner.kind == "workspace" else EACH + owner_id
            id_ = stable(prefix, workspace, owner_id, name, str(seen[name]))
            yield table, id_, bound.scope, subject, bound.values


def image_of(settings: Settings, pepper: bytes) -> Image:
    """What a gateway without a database knows: the config's keys alone."""
    image = Image()
    image.put_workspace(MAIN, MAIN_SLUG, "unmetered", 0, PPM, None)
    spaces = {MAIN_SLUG: MAIN} | {each.slug: workspace_id(each.slug) for each in settings.workspaces}
    for owner in owners(settings, pepper):
        if owner.workspace not in spaces:
            raise unknown_workspace(owner)
        space = spaces[owner.workspace]
        for table, id_, scope, subject, values in bound_rows(owner, space, _put(image, owner, space)):
            common = {"id": id_, "workspace": space, "scope": scope, "subject": subject}
            if table == "limits":
                image.put_limit(LimitRow(**common, **values))
            else:
                image.put_budget(BudgetRow(**common, **{k: v for k, v in values.items() if k != "alerts"}))
    return image


def unknown_workspace(owner: Owner) -> ConfigError:
    """What is wrong where a key or project names a workspace that is not there."""
    text = f"there is no workspace {owner.workspace!r}: add it to `workspaces`"
    return ConfigError(text, where=f"{owner.place}.workspace")


def _put(image: Image, owner: Owner, space: str) -> str:
    """Puts a row of its own in; its id."""
    values = owner.values
    if owner.kind == "workspace":
        line, markup = values["credit_line_nano"], values["markup_ppm"]
        image.put_workspace(space, owner.name, values["plan"], line, markup, None)
        return space
    if owner.kind == "project":
        id_ = stable("prj", space, owner.name)
        image.put_project(id_, space, owner.name, values["route"], None)
        return id_
    project = stable("prj", space, owner.project) if owner.project else None
    if project is not None and project not in image.projects:
        image.put_project(project, space, owner.project, "", None)
    id_ = stable("key", owner.name)
    image.put_key(
        id_,
        space,
        project,
        None,
        owner.name,
        values["hash"],
        orjson.dumps(values["policy"]).decode(),
        orjson.dumps(values["labels"]).decode(),
        values["route"],
        values["expires"],
        values["disabled"],
        None,
        None,
    )
    return id_


def _key(place: str, key: KeySettings, pepper: bytes) -> Row:
    secret = key.key.reveal()
    try:
        terms.name("name", key.name)
        policy, labels = terms.policy(key.model_dump()), terms.labels(key.labels)
    except Wrong as wrong:
        raise ConfigError(wrong.text, where=f"{place}.{wrong.field}") from None
    return {
        "name": key.name,
        "shown": peppers.shown(secret),
        "hash": digest(pepper, secret).hex(),
        "policy": policy,
        "labels": labels,
        "route": key.route,
        "expires": int(key.expires.timestamp() * 1000) if key.expires else None,
        "disabled": key.disabled,
    }


def _owner(
    place: str, kind: str, workspace: str, name: str, values: Row, bounded: Bounded, project: str = ""
) -> Owner:
    owner = Owner(place, kind, workspace, name, values, project)
    _take(owner, kind, False, place, "limits", bounded.limits, bounded.all_budgets)
    if each := bounded.each_user:
        budgets = [each.budget] if each.budget else []
        _take(owner, "user", True, f"{place}.each_user", "limits", each.limits, budgets)
    return owner


def _take(
    owner: Owner,
    scope: str,
    is_each: bool,
    place: str,
    name: str,
    limits: RateSettings | None,
    budgets: Sequence[BudgetSettings],
) -> None:
    if limits is not None:
        values = _limit(f"{place}.{name}", limits)
        owner.limits.append(Bound(f"{place}.{name}", scope, is_each, values))
    for budget in budgets:
        values = _budget(f"{place}.budget", budget)
        owner.budgets.append(Bound(f"{place}.budget", scope, is_each, values))


def _limit(place: str, limits: RateSettings) -> Row:
    row: Row = {rate: getattr(limits, rate) for rate in RATES}
    cap = limits.max_call_usd
    row["max_call_nano"] = None if cap is None else nano.from_dollars(cap)
    if all(value is None for value in row.values()):
        raise ConfigError("limits nothing: give rpm, tpm, concurrency or another figure", where=place)
    return row | {"model": _model(place, limits.model), "tz": limits.tz}


def _budget(place: str, budget: BudgetSettings) -> Row:
    return {
        "nano": nano.from_dollars(budget.usd),
        "window": budget.window,
        "tz": budget.tz,
        "hard": budget.hard,
        "alerts": list(budget.alerts),
        "model": _model(place, budget.model),
    }


def _model(place: str, model: str) -> str:
    try:
        return terms.pattern("model", model) if model else ""
    except Wrong as wrong:
        raise ConfigError(wrong.text, where=f"{place}.{wrong.field}") from None


def _refuse_same(found: Iterable[Owner]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for owner in found:
        name = (owner.kind, "" if owner.kind == "key" else owner.workspace, owner.name)
        if name in seen:
            raise ConfigError(f"there are two of the name {owner.name!r}", where=owner.place)
        seen.add(name)
