"""GET /v1/models: every model that can be called, with its limits, abilities, prices and deployments."""

from datetime import UTC, datetime
from typing import Any

import orjson

from xroute.catalog.entries import Model
from xroute.errors import NotFound
from xroute.gateway.fleet import Fleet
from xroute.gateway.operations import of_model
from xroute.money.nano import as_text
from xroute.money.price import Price
from xroute.routing.deployment import Deployment
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request


EPOCH = datetime(1970, 1, 1)


class Listing:
    """Handlers of the model list; the list is made once for each state of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._made: tuple[int, bytes] | None = None

    async def all(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/models; in Anthropic's words for its own clients, which say their version."""
        body = self._body() if request.headers.get("anthropic-version") is None else self._anthropic()
        await reply.answer(200, [("x-request-id", reply.request_id)], body)

    async def gemini(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1beta/models."""
        models = [_gemini_entry(model) for model in self._fleet.served() if "chat" in of_model(model)]
        await reply.answer(200, [("x-request-id", reply.request_id)], orjson.dumps({"models": models}))

    def _anthropic(self) -> bytes:
        """https://docs.claude.com/en/api/models-list, read 2026-11-21."""
        names = [{"id": name, "display_name": name, "released": ""} for name in self._fleet.settings.models]
        names += [
            {"id": model.id, "display_name": model.name, "released": model.released}
            for model in self._fleet.served()
            if "chat" in of_model(model)
        ]
        data = [
            {"type": "model", "created_at": _date(entry.pop("released")).isoformat() + "Z", **entry}
            for entry in names
        ]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return orjson.dumps({"data": data, "has_more": False, **ends})

    async def one(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/models/{id}; the id may be an alias or a route."""
        name = request.argument
        lineup = self._fleet.lineup(name)
        deployments = [d for group in lineup.groups for d in group]
        if not deployments:
            raise NotFound(f"No configured provider serves `{name}`.", code="no_endpoints", param="model")
        if name in self._fleet.settings.models:
            body = _route_entry(name, deployments)
        else:
            body = entry(self._fleet.catalog.models[deployments[0].model], deployments)
        await reply.answer(200, [("x-request-id", reply.request_id)], orjson.dumps(body))

    def _body(self) -> bytes:
        if self._made is None or self._made[0] != self._fleet.version:
            fleet = self._fleet
            data = [_route_entry(name, ()) for name in fleet.settings.models]
            data += [entry(model, fleet.deployments(model.id)) for model in fleet.served()]
            self._made = fleet.version, orjson.dumps({"object": "list", "data": data})
        return self._made[1]


def entry(model: Model, deployments: tuple[Deployment, ...] | list[Deployment]) -> dict[str, Any]:
    """OpenAI's fields, then OpenRouter's names for what that lacks. Prices: USD per token, as text."""
    first = deployments[0] if deployments else None
    return {
        "id": model.id,
        "object": "model",
        "created": _unix(model.released),
        "owned_by": model.maker,
        "name": model.name,
        "family": model.family or None,
        "context_length": model.context,
        "max_output_tokens": model.output,
        "architecture": {
            "input_modalities": list(model.input_modalities),
            "output_modalities": list(model.output_modalities),
        },
        "abilities": sorted(model.abilities - {"*"}),
        "pricing": pricing(first.price if first else None),
        "aliases": list(model.aliases),
        "knowledge_cutoff": model.knowledge or None,
        "open_weights": model.open_weights,
        "deprecated": model.deprecated or None,
        "retired": model.retired or None,
        "use_instead": model.use_instead or None,
        "deployments": [_deployment(d) for d in deployments],
    }


def pricing(price: Price | None) -> dict[str, str] | None:
    """OpenRouter's form: USD per token; null = not known."""
    if price is None:
        return None
    rates = {
        "prompt": price.base.input,
        "completion": price.base.output,
        "input_cache_read": price.base.cached_input,
        "input_cache_write": price.base.cache_write,
        "internal_reasoning": price.base.reasoning,
    }
    told = {name: per_token(rate) for name, rate in rates.items() if rate is not None}
    return told | ({"request": as_text(price.request)} if price.request else {})


def per_token(rate: int) -> str:
    """Nano-dollars per million tokens as dollars per token, in plain digits."""
    text = f"{rate:016d}"  # 10^-15 dollars is one nano-dollar per million
    whole, part = text[:-15], text[-15:].rstrip("0")
    return f"{whole}.{part}" if part else whole


def _deployment(d: Deployment) -> dict[str, Any]:
    return {
        "id": d.id,
        "provider": d.provider,
        "model": d.upstream,
        "context_length": d.context,
        "max_output_tokens": d.output,
        "pricing": pricing(d.price),
        "price_source": d.price.source if d.price else None,
    }


def _route_entry(name: str, deployments: tuple[Deployment, ...] | list[Deployment]) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "xroute",
        "name": name,
        "route": True,
        "deployments": [_deployment(d) for d in deployments],
    }


def _gemini_entry(model: Model) -> dict[str, Any]:
    """https://ai.google.dev/api/models#Model, read 2026-11-21."""
    made: dict[str, Any] = {
        "name": f"models/{model.id}",
        "displayName": model.name,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    limits = {"inputTokenLimit": model.context, "outputTokenLimit": model.output}
    return made | {name: limit for name, limit in limits.items() if limit is not None}


def _unix(released: str) -> int:
    """Seconds since 1970 of "2024-07-18" or "2024-07"; 0 where it is not known."""
    return int(_date(released).replace(tzinfo=UTC).timestamp())


def _date(released: str) -> datetime:
    text = released if len(released) > 7 else f"{released}-01"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
