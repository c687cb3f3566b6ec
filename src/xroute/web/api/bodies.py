"""What was asked and answered in one call, where that is kept."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xroute.errors import NotFound, ServerError, TransportError
from xroute.store import audit, calls
from xroute.web.api.context import ActorOf, ServicesOf, WorkspaceOf

PATH = "/api/v1/usage/calls/{id}/body"


class KeptBody(BaseModel):
    """A call's request and answer, without credentials and what `bodies.redact` finds."""

    id: str
    at: str = Field(description="When the call ended.")
    outcome: str
    request: str
    answer: str = Field(description="Of a stream, its events as the client got them.")
    request_bytes: int = Field(description="As long as it was.")
    answer_bytes: int
    cut: bool = Field(description="One of them is longer than `bodies.max_kib`.")


def router() -> APIRouter:
    """The one route."""
    routes = APIRouter(tags=["usage"])
    routes.add_api_route(PATH, body, methods=["GET"])
    return routes


async def body(services: ServicesOf, workspace: WorkspaceOf, actor: ActorOf, id: str) -> KeptBody:
    """The request and the answer of a call. Who reads them stands in the audit log."""
    call = await calls.call(services.db, workspace, id)
    if call is None or services.bodies is None:
        raise _nothing()
    try:
        kept = await services.bodies.find(id, workspace, call["at"])
    except (OSError, TransportError, ValueError, EOFError) as error:
        raise ServerError(f"It cannot be read: {type(error).__name__}.", code="body_unreadable") from error
    if kept is None:
        raise _nothing()
    async with services.db.write() as connection:
        await audit.note(connection, actor, "body.read", id)
    return KeptBody.model_validate(kept)


def _nothing() -> NotFound:
    return NotFound(
        "Nothing is kept of such a call. `bodies.keep` says of which it is, and `bodies.days` how long.",
        code="body_not_found",
    )
