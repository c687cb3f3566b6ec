"""Puts the parts together: every route of the data plane on one page."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from xroute import dialects
from xroute.dialects.openai_responses.surface import refuse as refuse_response
from xroute.errors import CallError
from xroute.gateway.call import Gateway
from xroute.gateway.compose import Scene
from xroute.gateway.witness import Keeper
from xroute.store.directory import Directory
from xroute.store.responses import ResponseStore
from xroute.web.account import Account
from xroute.web.api.services import Services
from xroute.web.asgi import AsgiReply, Receive, Scope, Send
from xroute.web.auth import Keyring
from xroute.web.bridge import App as AsgiApp
from xroute.web.bridge import Bridge
from xroute.web.edge import Edge, Management, Request, Route
from xroute.web.gauges import PartGauges
from xroute.web.inference import Inference
from xroute.web.listing import Listing
from xroute.web.media import Media
from xroute.web.metrics import Metrics
from xroute.web.operations import Operations
from xroute.web.peer import Peers
from xroute.web.readiness import Readiness
from xroute.web.responses import Responses
from xroute.web.start import Parts
from xroute.wire.http import Transport


class App:
    """The ASGI application."""

    def __init__(
        self, scene: Scene, gateway: Gateway, edge: Edge, responses: Responses, parts: Parts | None = None
    ) -> None:
        self.scene = scene
        self.parts = parts
        self.gateway = gateway
        self.responses = responses
        self.edge = edge

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            return self.edge.serve(scope, receive, send)
        return _turn_away(scope, send)


def create_app(
    scene: Scene,
    transports: dict[str, Transport],
    pepper: bytes,
    parts: Parts | None = None,
    clock: Callable[[], float] = time.monotonic,
    services: Services | None = None,
) -> App:
    """The application for a fleet. `transports` are by URL scheme; `pepper` hashes the clients' keys.

    Without `parts` it knows the config's keys alone, and writes nothing down; without services, which are
    among the parts, it has no management API.
    """
    services = parts.services if parts else services
    fleet = scene.fleet
    settings = fleet.settings
    max_body = settings.limits.body_mib * 1024 * 1024
    directory = parts.directory if parts else Directory.of_settings(settings, pepper)
    engine, book = (parts.engine, parts.journal) if parts else (None, None)
    gateway = Gateway(fleet, transports, engine=engine, book=book, clock=clock)
    metrics = Metrics(fleet, clock, lambda: len(gateway.streams))
    gateway.recorders.append(metrics.record)
    if parts is not None:
        metrics.registry.register(PartGauges(parts))
    keyring = Keyring(pepper, directory, Peers(settings.trusted_proxies))
    keeper = Keeper(services.bodies) if services and services.bodies else None
    if keeper is not None:
        gateway.recorders.append(keeper.noted)
        metrics.bodies = services.bodies if services else None
    inference, listing = Inference(gateway, max_body, keeper), Listing(fleet)
    operations, media = Operations(inference, fleet), Media(inference)
    kept = ResponseStore(parts.db, parts.journal.id) if parts else ResponseStore()
    responses = Responses(gateway, inference, kept)
    directory.listen("responses", responses.heard)
    changed = parts.directory.refresh if parts else None
    bridge = Bridge(lambda: _management(fleet, clock, services), max_body, changed)
    management = Management(bridge.handle, services.persons.reception()) if services else None
    routes = [
        Route("POST", "/v1/chat/completions", inference.chat),
        Route("POST", "/v1/completions", operations.completions),
        Route("POST", "/v1/embeddings", operations.embeddings),
        Route("POST", "/v1/rerank", operations.rerank),
        Route("POST", "/v2/rerank", operations.rerank),
        Route("POST", "/v1/moderations", operations.moderations),
        Route("POST", "/v1/images/generations", media.images),
        Route("POST", "/v1/images/edits", media.image_edits),
        Route("POST", "/v1/audio/speech", media.speech),
        Route("POST", "/v1/audio/transcriptions", media.transcriptions),
        Route("POST", "/v1/audio/translations", media.translations),
        Route("POST", "/v1/messages", inference.messages, refuse_messages),
        Route("POST", "/v1/messages/count_tokens", inference.count_messages, refuse_messages),
        Route("POST", "/v1beta/models/", inference.gemini, refuse_gemini),
        Route("POST", "/v1/models/", inference.gemini, refuse_gemini),
        Route("POST", "/v1/responses", responses.create, refuse_response),
        Route("POST", "/v1/responses/compact", responses.compact, refuse_response),
        Route("POST", "/v1/responses/input_tokens", responses.input_tokens, refuse_response),
        Route("GET", "/v1/responses/", responses.get, refuse_response),
        Route("POST", "/v1/responses/", responses.cancel, refuse_response),
        Route("DELETE", "/v1/responses/", responses.delete, refuse_response),
        Route("GET", "/v1beta/models", listing.gemini, refuse_gemini),
        Route("GET", "/v1beta/models/", listing.gemini_one, refuse_gemini),
        Route("GET", "/v1/models", listing.all),
        Route("GET", "/v1/models/", listing.one),
        Route("GET", "/api/v1/health/deployments", bridge.handle),
        Route("GET", "/openapi.json", bridge.handle),
        Route("GET", "/healthz", _alive),
        Route("GET", "/readyz", Readiness(parts).show),
        Route("GET", "/metrics", metrics.show),
    ]
    if services is not None:
        account = Account(services.db, gateway.accounts.engine)
        routes += [
            Route("GET", "/v1/credits", account.credits),
            Route("GET", "/v1/key", account.key),
            Route("GET", "/v1/generation", account.generation),
        ]
    return App(scene, gateway, Edge(routes, keyring, management), responses, parts)


def _management(fleet: Any, clock: Callable[[], float], services: Services | None) -> AsgiApp:
    # FastAPI takes half a second to import, so the data plane answers before it is there.
    from xroute.web.api.app import create_api

    return create_api(fleet, clock, services)


def refuse_messages(error: CallError, request_id: str) -> bytes:
    """An error answer in Anthropic's form."""
    return dialects.side("anthropic", "refusal").refuse(error, request_id)


def refuse_gemini(error: CallError, request_id: str) -> bytes:
    """An error answer in Google's form."""
    return dialects.side("gemini", "surface").refuse(error, request_id)


async def _turn_away(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


async def _alive(request: Request, reply: AsgiReply) -> None:
    """GET /healthz: the process answers."""
    await reply.answer(200, [], b'{"status":"ok"}')
