"""The calls that neither chat nor stream: embeddings, rerank, moderations; and the old completions."""

from collections.abc import Iterable
from functools import partial

from xroute.dialects.completions import parse as parse_completions
from xroute.dialects.requests import parse_embeddings, parse_moderations, parse_rerank
from xroute.errors import InvalidRequest, NotFound
from xroute.gateway.fleet import Fleet
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request
from xroute.web.inference import Inference
from xroute.wire.call import Call


class Operations:
    """Handlers. Each call has the plan, the failover and the settlement that a chat has."""

    def __init__(self, inference: Inference, fleet: Fleet) -> None:
        self._inference = inference
        self._fleet = fleet

    async def embeddings(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/embeddings."""
        workspace = request.who.workspace if request.who else ""
        await self._inference.serve(request, reply, partial(self._one_model, workspace))

    async def rerank(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/rerank, and /v2/rerank where Cohere's own client asks."""
        await self._inference.serve(request, reply, parse_rerank)

    async def moderations(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/moderations."""
        await self._inference.serve(request, reply, parse_moderations)

    async def completions(self, request: Request, reply: AsgiReply) -> None:
        """POST /v1/completions."""
        await self._inference.serve(request, reply, parse_completions)

    def _one_model(self, workspace: str, raw: bytes) -> Call:
        """A call for vectors of one model: those of another cannot be compared with them."""
        call = parse_embeddings(raw)
        found = self._models(call.models, workspace)
        if len(found) > 1:
            raise InvalidRequest(
                f"Vectors of different models cannot be compared, and this would ask {', '.join(found)}. "
                "Name one model; each of its deployments may answer.",
                code="models_differ",
                param="models" if len(call.models) > 1 else "model",
            )
        return call

    def _models(self, names: Iterable[str], workspace: str) -> list[str]:
        """The models that the names may come to, of those that make vectors."""
        found: dict[str, None] = {}
        for name in names:
            try:
                groups = self._fleet.lineup(name, workspace).groups
            except NotFound:
                continue  # told later, if nobody serves any of them
            made = (d for group in groups for d in group if "embeddings" in d.operations)
            found.update(dict.fromkeys(d.model for d in made))
        return list(found)
