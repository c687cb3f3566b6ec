"""/api/v1/keys: clients' credentials, shown once when they are made."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from xroute.config.secret import Secret
from xroute.errors import InvalidRequest
from xroute.store import terms
from xroute.store.audit import Actor
from xroute.store.bounds import Row
from xroute.store.db import now_ms
from xroute.store.keys import Wish
from xroute.store.masks import is_masked
from xroute.web.api.bounding import Bounding, Budget, Limit, shown_budget, shown_limit
from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.shapes import PAGE, Body, Cursor, Moment, Name, Text, from_moment, moment
from xroute.web.api.shapes import Limit as Rows
from xroute.web.api.tenants import TenancyOf, terms_told
from xroute.web.tenancy import Tenancy

HOUR_MS = 3_600_000
POLICY = ("models", "providers", "addresses", "regions", "zdr", "local_only")
PLAIN = ("name", "route", "project", "disabled")  # columns of the same name
State = Literal["active", "disabled", "expired", "revoked"]
Entries = Annotated[list[Name], Field(max_length=terms.MOST)]
Labels = Annotated[dict[Name, Text], Field(max_length=terms.MOST_LABELS)]


class KeyFields(Bounding):
    """What may be said of a key."""

    project: Text | None = Field(default=None, description="The project it belongs to: an id or a name.")
    models: Entries = Field(default=[], description="Models it may use: ids, or `openai/*`. Empty: all.")
    providers: Entries = Field(default=[], description="Providers it may use. Empty: all.")
    addresses: Entries = Field(default=[], description="Networks it may come from: `10.0.0.0/8`.")
    regions: Entries = Field(default=[], description="Where data may be processed: `eu`.")
    zdr: bool = Field(default=False, description="Only providers that keep no data.")
    local_only: bool = Field(default=False, description="Only providers on the installation's machines.")
    labels: Labels = Field(default={}, description="Free words for reports.")
    route: Text = Field(default="", description="The model of requests that name none.")
    expires: Moment | None = Field(default=None, description="When it ends.")


class NewKey(KeyFields):
    """A key that is to be made."""

    name: Name = Field(description="What it is called in logs and reports.")
    member: Text | None = Field(
        default=None,
        description="Whose it is: a member's id. Not given: yours; null: nobody's, a service key. Only "
        "admins make others than their own.",
    )


class KeyChange(KeyFields):
    """What is to be different. What is shown of a key besides may be sent along, as it is."""

    name: Name | None = Field(default=None, description="What it is called.")
    disabled: bool | None = Field(default=None, description="Keep the key and refuse it.")
    key: str | None = Field(default=None, max_length=1000, description="Masked as it is shown, or left out.")
    id: Any = None
    shown: Any = None
    project_name: Any = None
    member: Any = None
    state: Any = None
    revoked: Any = None
    next: Any = None
    created: Any = None
    used: Any = None
    by: Any = None
    managed: Any = None


CHANGED = frozenset({*KeyFields.model_fields, "name", "disabled", "key"})
MOVING = ("used", "state")  # may have changed by themselves since they were shown


class Rotation(Body):
    """How a key is rotated."""

    overlap_hours: Annotated[float, Field(ge=0, le=24 * 90, allow_inf_nan=False)] = Field(
        default=24, description="How long the old one works beside the new one."
    )
    expires: Moment | None = Field(
        default=None, description="When the new one ends; as the old one if not given."
    )


class Key(BaseModel):
    """A key as it is shown."""

    id: str
    name: str
    shown: str = Field(description="Its first characters.")
    state: State
    project: str | None
    project_name: str | None
    member: str | None = Field(description="Whose it is; null: a service key.")
    models: list[str]
    providers: list[str]
    addresses: list[str]
    regions: list[str]
    zdr: bool
    local_only: bool
    labels: dict[str, str]
    route: str
    limits: list[Limit]
    budgets: list[Budget]
    expires: str | None
    disabled: bool
    revoked: str | None
    next: str | None = Field(description="The key that took its place by rotation.")
    created: str
    used: str | None
    by: str
    managed: bool = Field(description="Declared in the config, and changed there.")


class MadeKey(Key):
    """A new key, with the credential that nobody is shown again."""

    key: str


class Keys(BaseModel):
    """A page of keys."""

    data: list[Key]
    next: str | None


def router() -> APIRouter:
    """The routes about keys."""
    routes = APIRouter(prefix="/api/v1/keys", tags=["keys"])
    routes.get("")(listed)
    routes.post("", status_code=201)(create)
    routes.get("/{id}")(one)
    routes.patch("/{id}")(change)
    routes.delete("/{id}")(revoke)
    routes.post("/{id}/rotate", status_code=201)(rotate)
    routes.post("/{id}/disable")(disable)
    routes.post("/{id}/enable")(enable)
    return routes


async def listed(
    workspace: WorkspaceOf,
    tenancy: TenancyOf,
    project: Annotated[str, Query(max_length=200, description="Only those of this project.")] = "",
    member: Annotated[str, Query(max_length=200, description="Only those of this member.")] = "",
    limit: Rows = PAGE,
    cursor: Cursor | None = None,
) -> Keys:
    """Keys, the newest first."""
    found = await tenancy.keys.page(workspace, limit, cursor, project, member)
    return Keys(data=await _all_shown(tenancy, found.data), next=found.next)


async def create(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, body: NewKey) -> MadeKey:
    """Makes a key. The answer is the one time that it can be seen; it works at once."""
    with terms_told():
        wish = _wish(actor, body)
    row, secret = await tenancy.keys.create(actor, workspace, wish)
    return await _made(tenancy, row, secret)


async def one(workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Key:
    """One key."""
    return await _shown(tenancy, await tenancy.keys.find(workspace, id))


async def change(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str, body: KeyChange) -> Key:
    """Changes what is given, in every process within a second."""
    row = await tenancy.keys.find(workspace, id)
    _refuse_fixed(body, await _shown(tenancy, row))
    with terms_told():
        values = _columns(body, row["policy"])
    changed = await tenancy.keys.change(actor, workspace, id, values)
    await tenancy.directory.refresh()
    return await _shown(tenancy, changed)


async def revoke(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Key:
    """Ends a key for good; what it has used stays known."""
    row = await tenancy.keys.revoke(actor, workspace, id)
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def rotate(
    actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str, body: Rotation | None = None
) -> MadeKey:
    """Makes a key in a key's place. Until the old one ends both count in the same limits and budgets."""
    wanted = body or Rotation()
    overlap_ms = int(wanted.overlap_hours * HOUR_MS)
    expires = from_moment(wanted.expires)
    row, secret = await tenancy.keys.rotate(actor, workspace, id, overlap_ms, expires)
    return await _made(tenancy, row, secret)


async def disable(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Key:
    """Refuses a key until it is enabled again."""
    row = await tenancy.keys.disable(actor, workspace, id)
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def enable(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Key:
    """Takes up a disabled key again."""
    row = await tenancy.keys.enable(actor, workspace, id)
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


def _wish(actor: Actor, body: NewKey) -> Wish:
    whose = body.member if "member" in body.model_fields_set else actor.member or None
    bounds = body.bounds()
    return Wish(
        name=terms.name("name", body.name),
        project=body.project or "",
        member=whose or None,
        policy=terms.policy({field: getattr(body, field) for field in POLICY}),
        labels=terms.labels(body.labels),
        route=body.route,
        expires=from_moment(body.expires),
        limits=bounds.get("limits", ()),
        budgets=bounds.get("budgets", ()),
    )


def _columns(body: KeyChange, policy: Mapping[str, Any]) -> Row:
    """What was sent, as columns of table `keys` and what bounds it."""
    given = body.given()
    values: Row = {name: given[name] for name in PLAIN if name in given}
    for name in ("name", "disabled"):
        if name in values and values[name] is None:
            raise terms.Wrong(name, "cannot be null")
    if "name" in values:
        values["name"] = terms.name("name", values["name"])
    if told := {field: given[field] for field in POLICY if field in given}:
        values["policy"] = terms.policy({**policy, **told})
    if "labels" in given:
        values["labels"] = terms.labels(given["labels"])
    if "expires" in given:
        values["expires"] = from_moment(given["expires"])
    return values | body.bounds()


def _refuse_fixed(body: KeyChange, shown: Key) -> None:
    """InvalidRequest where something cannot be set. What a mask has left of the key is left alone."""
    now = shown.model_dump(mode="json")
    for name, value in body.given(*CHANGED, *MOVING).items():
        if value != now[name]:
            raise InvalidRequest(f"`{name}` cannot be changed.", param=name, code="not_changeable")
    if body.key and body.key.strip() and not _is_mask(body.key, shown.shown):
        text = "A key cannot be chosen: rotate it for a new one, or leave `key` out."
        raise InvalidRequest(text, param="key", code="not_changeable")


def _is_mask(text: str, shown: str) -> bool:
    return text.strip().rstrip(".*…") == shown or is_masked(Secret(text.strip()))


async def _made(tenancy: Tenancy, row: Row, secret: str) -> MadeKey:
    await tenancy.directory.refresh()
    shown = await _shown(tenancy, row)
    return MadeKey.model_validate(shown.model_dump() | {"key": secret})


async def _shown(tenancy: Tenancy, row: Row) -> Key:
    return (await _all_shown(tenancy, [row]))[0]


async def _all_shown(tenancy: Tenancy, rows: list[Row]) -> list[Key]:
    spent = await tenancy.spent([budget for row in rows for budget in row["budgets"]])
    return [_key(row, spent) for row in rows]


def _key(row: Row, spent: Mapping[str, int]) -> Key:
    policy = row["policy"]
    lists = {field: policy.get(field, []) for field in ("models", "providers", "addresses", "regions")}
    return Key(
        **{name: row[name] for name in ("id", "name", "shown", "project", "member", "labels", "route")},
        **{name: row[name] for name in ("disabled", "next", "by", "managed")},
        **lists,
        state=_state(row),
        project_name=row["project_name"] or None,
        zdr=policy.get("zdr", False),
        local_only=policy.get("local_only", False),
        limits=[shown_limit(each) for each in row["limits"]],
        budgets=[shown_budget(each, spent) for each in row["budgets"]],
        expires=moment(row["expires"]),
        revoked=moment(row["revoked"]),
        created=moment(row["created"]) or "",
        used=moment(row["used"]),
    )


def _state(row: Row) -> State:
    if row["revoked"] is not None:
        return "revoked"
    if row["expires"] is not None and row["expires"] <= now_ms():
        return "expired"
    return "disabled" if row["disabled"] else "active"
