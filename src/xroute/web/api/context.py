"""What a route of the management API is given: who acts, in which workspace, and the services."""

from typing import Annotated

from fastapi import Depends, Request

from xroute.errors import InvalidRequest, ServerError
from xroute.store.audit import Actor
from xroute.web.api.services import Services


def _actor(request: Request) -> Actor:
    return request.scope["state"]["actor"]


def workspace_of(request: Request) -> str:
    """The workspace acted in; InvalidRequest where none was named."""
    actor = _actor(request)
    if actor.workspace is None:
        raise InvalidRequest(
            "Say which workspace is meant: send `x-xroute-workspace: <id or short name>`.",
            code="workspace_missing",
        )
    return actor.workspace


def _services(request: Request) -> Services:
    return request.app.state.services


def check_route(request: Request) -> None:
    """Raises ServerError where FastAPI found another route than the edge let the request in by."""
    found = f"{request.method} {request.scope['route'].path}"
    if found != request.scope["state"]["route"]:
        raise ServerError(f"{found} was let in as {request.scope['state']['route']}")


ActorOf = Annotated[Actor, Depends(_actor)]
WorkspaceOf = Annotated[str, Depends(workspace_of)]  # every query of a route is within it
ServicesOf = Annotated[Services, Depends(_services)]
