"""The management API's application, and the OpenAPI document of everything."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from xroute import __version__
from xroute.gateway.fleet import Fleet
from xroute.web.api import health
from xroute.web.api.surface import PATHS, SCHEMAS, SECURITY


def create_api(fleet: Fleet, clock: Callable[[], float]) -> FastAPI:
    """FastAPI with the management routes; its document also describes the data plane's own handlers."""
    api = FastAPI(title="xroute", version=__version__, docs_url=None, redoc_url=None)
    api.include_router(health.router(fleet, clock))

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _document(api)
        return api.openapi_schema

    api.openapi = document
    return api


def _document(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=api.title, version=api.version, routes=api.routes)
    made["paths"] = PATHS | made["paths"]
    components = made.setdefault("components", {})
    components["schemas"] = SCHEMAS | components.get("schemas", {})
    components["securitySchemes"] = SECURITY
    for path, methods in made["paths"].items():
        if path.startswith("/api/"):
            for operation in methods.values():
                operation["security"] = [{"key": []}]
                operation["responses"]["401"] = {"$ref": "#/components/responses/Error"}
    components["responses"] = {"Error": ERROR}
    return made


ERROR = {
    "description": "What was wrong, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
