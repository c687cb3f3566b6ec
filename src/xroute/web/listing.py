"""GET /v1/models: every model that can be called, with its limits, abilities, prices and deployments."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from xroute.catalog.entries import Model
from xroute.errors import NotFound
from xroute.gateway.allowed import allowed, bar_of
from xroute.gateway.fleet import Fleet
from xroute.gateway.operations import of_model
from xroute.money.nano import as_text
from xroute.money.price import Price
from xroute.routing.deployment import Deployment
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request
from xroute.wire.who import ANYTHING, Policy, Who

EPOCH = datetime(1970, 1, 1)
MOST_MADE = 64  # lists kept, one for each policy and workspace with credentials of its own


class Listing:
    """Handlers of the model list: what a key may use, made once for each policy and state of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._version = -1
        self._made: dict[tuple[str, Policy], bytes] = {}

    async def all(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/models; Anthropic's and Google's own clients ask there too, and read their own words."""
        if request.headers.get("anthropic-version") is not None:
            await _say(reply, self._anthropic(request.who))
        elif request.headers.get("x-goog-api-key") is not None:
            await self.gemini(request, reply)
        else:
            await reply.answer(200, [f"x-request-id: {reply.request_id}"], self._body(request.who))

    async def one(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1/models/{id}, in the words of the client; the id may be an alias or a route."""
        name, model, deployments = self._find(request.argument, request.who)
        if request.headers.get("anthropic-version") is not None:
            await _say(reply, _anthropic_entry(name, model))
        elif request.headers.get("x-goog-api-key") is not None:
            await _say(reply, _gemini_entry(name, model))
        else:
            await _say(reply, entry(model, deployments) if model else _route_entry(name, deployments))

    async def gemini(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1beta/models."""
        await _say(reply, {"models": [_gemini_entry(*named) for named in self._speakers(request.who)]})

    async def gemini_one(self, request: Request, reply: AsgiReply) -> None:
        """GET /v1beta/models/{id}."""
        name, model, _ = self._find(request.argument, request.who)
        await _say(reply, _gemini_entry(name, model))

    def _anthropic(self, who: Who | None) -> dict[str, Any]:
        """https://docs.claude.com/en/api/models-list, read 2026-11-21."""
        data = [_anthropic_entry(*named) for named in self._speakers(who)]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return {"data": data, "has_more": False, **ends}

    def _speakers(self, who: Who | None) -> list[tuple[str, Model | None]]:
        """What can be talked to: the routes, which are no model of the catalog, and the models."""
        routes: list[tuple[str, Model | None]] = [(name, None) for name in self._routes(who)]
        return routes + [(m.id, m) for m, _ in self._models(who) if "chat" in of_model(m)]

    def _routes(self, who: Who | None) -> list[str]:
        """The routes that a key may use: those with a model left for it."""
        names = list(self._fleet.settings.models)
        return names if bar_of(who) is None else [name for name in names if self._lineup(name, who)]

    def _models(self, who: Who | None) -> Iterator[tuple[Model, Sequence[Deployment]]]:
        """The models that a key may use, each with those of its deployments that it may."""
        fleet, workspace = self._fleet, who.workspace if who else ""
        for model in fleet.served(workspace):
            if found := allowed(fleet.deployments(model.id, workspace), who):
                yield model, found

    def _lineup(self, name: str, who: Who | None) -> Sequence[Deployment]:
        """The deployments behind a name that a key may use; none where nobody serves it."""
        try:
            lineup = self._fleet.lineup(name, who.workspace if who else "")
        except NotFound:
            return ()
        return allowed([d for group in lineup.groups for d in group], who)

    def _find(self, name: str, who: Who | None) -> tuple[str, Model | None, Sequence[Deployment]]:
        """(the id, the model, None for a route, its deployments) by any name; raises NotFound."""
        self._fleet.lineup(name, who.workspace if who else "")
        deployments = self._lineup(name, who)
        if not deployments:
            raise NotFound(f"This key may not use `{name[:100]}`.", code="not_allowed", param="model")
        if name in self._fleet.settings.models:
            return name, None, deployments
        model = self._fleet.catalog.models[deployments[0].model]
        return model.id, model, deployments

    def _body(self, who: Who | None) -> bytes:
        fleet = self._fleet
        if self._version != fleet.version or len(self._made) >= MOST_MADE:
            self._version, self._made = fleet.version, {}
        key = (fleet.owner(who.workspace), who.policy) if who else ("", ANYTHING)
        made = self._made.get(key)
        if made is None:
            data = [_route_entry(name, ()) for name in self._routes(who)]
            data += [entry(model, deployments) for model, deployments in self._models(who)]
            made = self._made[key] = orjson.dumps({"object": "list", "data": data})
        return made


def entry(model: Model, deployments: Sequence[Deployment]) -> dict[str, Any]:
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


def _route_entry(name: str, deployments: Sequence[Deployment]) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "xroute",
        "name": name,
        "route": True,
        "deployments": [_deployment(d) for d in deployments],
    }


def _anthropic_entry(name: str, model: Model | None) -> dict[str, Any]:
    """https://docs.claude.com/en/api/models-list, read 2026-11-21; a date that is not known is 1970."""
    released = _date(model.released if model else "").isoformat() + "Z"
    shown = model.name if model else name
    return {"type": "model", "created_at": released, "id": name, "display_name": shown}


def _gemini_entry(name: str, model: Model | None) -> dict[str, Any]:
    """https://ai.google.dev/api/models#Model, read 2026-11-21."""
    made: dict[str, Any] = {
        "name": f"models/{name}",
        "displayName": model.name if model else name,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    limits = {"inputTokenLimit": model.context, "outputTokenLimit": model.output} if model else {}
    return made | {field: limit for field, limit in limits.items() if limit is not None}


async def _say(reply: AsgiReply, body: Any) -> None:
    await reply.answer(200, [f"x-request-id: {reply.request_id}"], orjson.dumps(body))


def _unix(released: str) -> int:
    """Seconds since 1970 of "2024-07-18" or "2024-07"; 0 where it is not known."""
    return int(_date(released).replace(tzinfo=UTC).timestamp())


def _date(released: str) -> datetime:
    text = released if len(released) > 7 else f"{released}-01"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
