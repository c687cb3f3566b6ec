"""Puts the parts together: every route of the data plane on one page."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from xroute import dialects
from xroute.config.secret import Secret
from xroute.dialects.openai_responses.surface import refuse as refuse_response
from xroute.errors import CallError
from xroute.gateway.call import Gateway
from xroute.gateway.compose import Scene
from xroute.store.keys import StoredKey
from xroute.store.responses import ResponseStore
from xroute.web.asgi import AsgiReply, Receive, Scope, Send
from xroute.web.auth import Keyring
from xroute.web.bridge import App as AsgiApp
from xroute.web.bridge import Bridge
from xroute.web.edge import Edge, Request, Route
from xroute.web.inference import Inference
from xroute.web.listing import Listing
from xroute.web.media import Media
from xroute.web.metrics import Metrics
from xroute.web.operations import Operations
from xroute.web.responses import Responses
from xroute.wire.http import Transport


class App:
    """The ASGI application."""

    def __init__(self, scene: Scene, gateway: Gateway, edge: Edge, responses: Responses) -> None:
        self.scene = scene
        self.gateway = gateway
        self.responses = responses
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._edge.serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})


def create_app(
    scene: Scene,
    transports: dict[str, Transport],
    pepper: bytes,
    stored: Iterable[StoredKey] = (),
    clock: Callable[[], float] = time.monotonic,
) -> App:
    """The application for a fleet. `transports` are by URL scheme; `pepper` hashes the clients' keys."""
    fleet = scene.fleet
    settings = fleet.settings
    max_body = settings.limits.body_mib * 1024 * 1024
    gateway = Gateway(fleet, transports, clock=clock)
    metrics = Metrics(fleet, clock, lambda: len(gateway.streams))
    gateway.recorders.append(metrics.record)
    keyring = Keyring(pepper, stored, [(key.name, _reveal(key.key)) for key in settings.keys])
    inference, listing = Inference(gateway, max_body), Listing(fleet)
    operations, media = Operations(inference, fleet), Media(inference)
    responses = Responses(gateway, ResponseStore(scene.loaded.state_dir / "responses.sqlite3"), max_body)
    management = Bridge(lambda: _management(fleet, clock), max_body)
    routes = [
        Route("POST", "/v1/chat/completions", "key", inference.chat),
        Route("POST", "/v1/completions", "key", operations.completions),
        Route("POST", "/v1/embeddings", "key", operations.embeddings),
        Route("POST", "/v1/rerank", "key", operations.rerank),
        Route("POST", "/v2/rerank", "key", operations.rerank),
        Route("POST", "/v1/moderations", "key", operations.moderations),
        Route("POST", "/v1/images/generations", "key", media.images),
        Route("POST", "/v1/images/edits", "key", media.image_edits),
        Route("POST", "/v1/audio/speech", "key", media.speech),
        Route("POST", "/v1/audio/transcriptions", "key", media.transcriptions),
        Route("POST", "/v1/audio/translations", "key", media.translations),
        Route("POST", "/v1/messages", "key", inference.messages, refuse_messages),
        Route("POST", "/v1/messages/count_tokens", "key", inference.count_messages, refuse_messages),
        Route("POST", "/v1beta/models/", "key", inference.gemini, refuse_gemini),
        Route("POST", "/v1/models/", "key", inference.gemini, refuse_gemini),
        Route("POST", "/v1/responses", "key", responses.create, refuse_response),
        Route("POST", "/v1/responses/compact", "key", responses.compact, refuse_response),
        Route("POST", "/v1/responses/input_tokens", "key", responses.input_tokens, refuse_response),
        Route("GET", "/v1/responses/", "key", responses.get, refuse_response),
        Route("POST", "/v1/responses/", "key", responses.cancel, refuse_response),
        Route("DELETE", "/v1/responses/", "key", responses.delete, refuse_response),
        Route("GET", "/v1beta/models", "key", listing.gemini, refuse_gemini),
        Route("GET", "/v1beta/models/", "key", listing.gemini_one, refuse_gemini),
        Route("GET", "/v1/models", "key", listing.all),
        Route("GET", "/v1/models/", "key", listing.one),
        Route("GET", "/api/v1/health/deployments", "key", management.handle),
        Route("GET", "/openapi.json", "public", management.handle),
        Route("GET", "/healthz", "public", _alive),
        Route("GET", "/readyz", "public", _ready),
        Route("GET", "/metrics", "public", metrics.show),
    ]
    return App(scene, gateway, Edge(routes, keyring), responses)


def _management(fleet: Any, clock: Callable[[], float]) -> AsgiApp:
    # FastAPI takes half a second to import, so the data plane answers before it is there.
    from xroute.web.api.app import create_api

    return create_api(fleet, clock)


def _reveal(key: Secret) -> str:
    return key.reveal()


def refuse_messages(error: CallError, request_id: str) -> bytes:
    """An error answer in Anthropic's form."""
    return dialects.side("anthropic", "refusal").refuse(error, request_id)


def refuse_gemini(error: CallError, request_id: str) -> bytes:
    """An error answer in Google's form."""
    return dialects.side("gemini", "surface").refuse(error, request_id)


async def _alive(request: Request, reply: AsgiReply) -> None:
    """GET /healthz: the process answers."""
    await reply.answer(200, [], b'{"status":"ok"}')


async def _ready(request: Request, reply: AsgiReply) -> None:
    """GET /readyz: calls can be answered."""
    await reply.answer(200, [], b'{"status":"ready"}')
