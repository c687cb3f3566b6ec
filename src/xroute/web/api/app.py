"""The management API's application, and the OpenAPI document of everything."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from xroute import __version__
from xroute.gateway.fleet import Fleet
from xroute.web.access import KEY, PUBLIC, TABLE
from xroute.web.api import (
    audit,
    auth,
    billing,
    bodies,
    budgets,
    credentials,
    health,
    keys,
    ledger,
    limits,
    me,
    members,
    oidc,
    projects,
    tokens,
    usage,
    users,
    workspaces,
)
from xroute.web.api.context import check_route
from xroute.web.api.failures import install
from xroute.web.api.services import Services
from xroute.web.api.surface import PATHS, SCHEMAS, SECURITY

ERROR = {
    "description": "What was wrong, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
SIGNED_IN = {
    "token": {"type": "http", "scheme": "bearer", "description": "A management token."},
    "session": {"type": "apiKey", "in": "cookie", "name": "xroute_session"},
}


def routers(fleet: Fleet, clock: Callable[[], float]) -> list[APIRouter]:
    """Every subject of the API; each route also has its line in `web.access.TABLE`."""
    return [
        health.router(fleet, clock),
        auth.router(),
        oidc.router(),
        me.router(),
        members.router(),
        tokens.router(),
        users.router(),
        audit.router(),
        workspaces.router(),
        projects.router(),
        keys.router(),
        limits.router(),
        budgets.router(),
        credentials.router(),
        bodies.router(),
        usage.router(),
        ledger.router(),
        billing.router(),
    ]


def create_api(fleet: Fleet, clock: Callable[[], float], services: Services | None = None) -> FastAPI:
    """FastAPI with the management routes; its document also describes the data plane's own handlers."""
    api = FastAPI(
        title="xroute",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # its redirects would believe the Host header
    )
    api.state.services = services
    for router in routers(fleet, clock):
        api.include_router(router, dependencies=[Depends(check_route)])
    install(api)

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _document(api)
        return api.openapi_schema

    api.openapi = document
    return api


def _document(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=api.title, version=api.version, routes=api.routes)
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _describe(operation, f"{method.upper()} {path}")
    made["paths"] = PATHS | made["paths"]
    components = made.setdefault("components", {})
    components["schemas"] = SCHEMAS | components.get("schemas", {})
    components["securitySchemes"] = SECURITY | SIGNED_IN
    components["responses"] = {"Error": ERROR}
    return made


STATUSES = ("400", "401", "402", "403", "404", "409", "413", "429", "503")  # that any of them may answer with


def _describe(operation: dict[str, Any], line: str) -> None:
    """Who may call it, and how it says no."""
    access = TABLE[line]
    told = operation["responses"]
    told.pop("422", None)  # FastAPI's own; here it is a 400
    for status in STATUSES:
        told.setdefault(status, {"$ref": "#/components/responses/Error"})
    if access is PUBLIC:
        operation["security"] = []
    elif access is KEY:
        operation["security"] = [{"key": []}]
    else:
        operation["security"] = [{"token": []}, {"session": []}]
        operation["description"] = f"{operation.get('description', '')}\n\nFor: {', '.join(sorted(access))}."
