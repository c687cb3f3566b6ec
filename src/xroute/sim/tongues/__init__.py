"""The dialects that the simulator speaks, found by the path of the request."""

import re
from typing import Protocol
from urllib.parse import unquote

from xroute.sim.ask import SimRequest
from xroute.sim.tongues import anthropic, bedrock, cohere, completions, gemini, ollama, openai, responses
from xroute.sim.tongues.tongue import Tongue


class _Make(Protocol):
    def __call__(self, request: SimRequest, model: str = "", action: str = "") -> Tongue | None: ...


def _invoked(request: SimRequest, model: str = "", action: str = "") -> Tongue | None:
    """Claude under Amazon's InvokeModel, which serves models for other things as well."""
    if action.endswith("stream") or b'"messages"' in request.body:
        return anthropic.Invoked(request, model, action)
    return None


# Paths end with these, whatever stands before: /v1, /openai/v1, /v1beta1/projects/p/locations/l, nothing.
_PATHS: tuple[tuple[re.Pattern[str], _Make], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r".*/chat/completions", openai.Chat),
        (r".*/completions", completions.Completions),
        (r".*/messages", anthropic.Messages),
        (r".*/models/(?P<model>[^/]+):(?P<action>rawPredict|streamRawPredict)", anthropic.Messages),
        (r".*/(?P<model>[^/]+):(?P<action>generateContent|streamGenerateContent)", gemini.Generate),
        (r".*/responses", responses.Responses),
        (r".*/model/(?P<model>[^/]+)/(?P<action>converse|converse-stream)", bedrock.Converse),
        (r".*/model/(?P<model>[^/]+)/(?P<action>invoke|invoke-with-response-stream)", _invoked),
        (r".*/api/chat", ollama.Chat),
        (r".*/chat", cohere.Chat),
    )
)


def find(request: SimRequest) -> Tongue | None:
    """The tongue of a request; None where the path is none of a chat's."""
    path = request.path.partition("?")[0]
    for pattern, make in _PATHS:
        if found := pattern.fullmatch(path):
            named = {name: unquote(value) for name, value in found.groupdict().items()}
            return make(request, **named)
    return None


__all__ = ["Tongue", "find"]
