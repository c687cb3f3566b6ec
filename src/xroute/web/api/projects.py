"""/api/v1/projects: what keys are grouped by."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xroute.errors import InvalidRequest
from xroute.store import terms
from xroute.store.bounds import Row
from xroute.store.db import now_ms
from xroute.web.api.bounding import Bounding, Budget, Limit, shown_budget, shown_limit
from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.shapes import PAGE, Cursor, Name, Text, moment
from xroute.web.api.shapes import Limit as Rows
from xroute.web.api.tenants import TenancyOf, terms_told
from xroute.web.tenancy import Tenancy


class NewProject(Bounding):
    """A project that is to be made."""

    name: Name
    route: Text = Field(default="", description="The model of requests that name none.")


class ProjectChange(Bounding):
    """What is to be different."""

    name: Name | None = None
    route: Text | None = None


class Project(BaseModel):
    """A project as it is shown."""

    id: str
    name: str
    route: str
    limits: list[Limit]
    budgets: list[Budget]
    created: str
    archived: str | None = Field(description="Since then its keys are refused.")
    managed: bool = Field(description="Declared in the config, and changed there.")


class Projects(BaseModel):
    """A page of projects."""

    data: list[Project]
    next: str | None


def router() -> APIRouter:
    """The routes about projects."""
    routes = APIRouter(prefix="/api/v1/projects", tags=["projects"])
    routes.get("")(listed)
    routes.post("", status_code=201)(create)
    routes.get("/{id}")(one)
    routes.patch("/{id}")(change)
    routes.post("/{id}/archive")(archive)
    routes.post("/{id}/restore")(restore)
    return routes


async def listed(
    workspace: WorkspaceOf, tenancy: TenancyOf, limit: Rows = PAGE, cursor: Cursor | None = None
) -> Projects:
    """Projects, the newest first."""
    found = await tenancy.projects.page(workspace, limit, cursor)
    return Projects(data=await _all_shown(tenancy, found.data), next=found.next)


async def create(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, body: NewProject) -> Project:
    """Makes a project, with limits and budgets if it shall have some."""
    with terms_told():
        values = {"name": terms.name("name", body.name), "route": body.route} | body.bounds()
    row = await tenancy.projects.create(actor, workspace, values)
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def one(workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Project:
    """One project."""
    return await _shown(tenancy, await tenancy.projects.find(workspace, id))


async def change(
    actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str, body: ProjectChange
) -> Project:
    """Changes what is given."""
    values = {name: value for name, value in body.given().items() if name in ("name", "route")}
    if empty := [name for name, value in values.items() if value is None]:
        raise InvalidRequest(f"`{empty[0]}` cannot be null.", param=empty[0], code="invalid_value")
    with terms_told():
        if "name" in values:
            values["name"] = terms.name("name", values["name"])
    row = await tenancy.projects.change(actor, workspace, id, values | body.bounds())
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def archive(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Project:
    """Refuses all keys of a project from now on; nothing is deleted."""
    return await _moved(actor, workspace, tenancy, id, now_ms())


async def restore(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Project:
    """Takes up an archived project again."""
    return await _moved(actor, workspace, tenancy, id, None)


async def _moved(actor: Any, workspace: str, tenancy: Tenancy, id_: str, archived: int | None) -> Project:
    row = await tenancy.projects.archive(actor, workspace, id_, archived)
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def _shown(tenancy: Tenancy, row: Row) -> Project:
    return (await _all_shown(tenancy, [row]))[0]


async def _all_shown(tenancy: Tenancy, rows: list[Row]) -> list[Project]:
    spent = await tenancy.spent([budget for row in rows for budget in row["budgets"]])
    return [_project(row, spent) for row in rows]


def _project(row: Row, spent: Mapping[str, int]) -> Project:
    return Project(
        **{name: row[name] for name in ("id", "name", "route", "managed")},
        limits=[shown_limit(each) for each in row["limits"]],
        budgets=[shown_budget(each, spent) for each in row["budgets"]],
        created=moment(row["created"]) or "",
        archived=moment(row["archived"]),
    )
