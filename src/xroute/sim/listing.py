"""The models that the simulator lists, in the words of each dialect that has a list of its own."""

import re
from typing import Any

import orjson

from xroute.sim.ask import SimRequest
from xroute.sim.bodies import CREATED

_PATH = re.compile(r"(?P<root>.*)/models(?:/(?P<name>[^:]+))?")
_WHEN = "2025-01-01T00:00:00Z"  # CREATED
_GOOGLE = re.compile(r"/v1(alpha|beta|beta1)")
_ROOTS = ("", "/v1", "/openai/v1", "/v1beta/openai")
_OWNER = "xroute-simulator"


def find(request: SimRequest, models: tuple[str, ...]) -> bytes | None:
    """The list, or one model of any name; None where the path is none of theirs."""
    path = request.path.partition("?")[0]
    if path == "/api/tags":
        return orjson.dumps({"models": list(map(_tag, models))})
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    root, name = found["root"], found["name"]
    if _GOOGLE.fullmatch(root):
        return orjson.dumps(_google(name) if name else {"models": list(map(_google, models))})
    if root not in _ROOTS:
        return None
    if "anthropic-version" in request.headers:
        return orjson.dumps(_claude(name) if name else _claudes(models))
    return orjson.dumps(_model(name) if name else {"object": "list", "data": list(map(_model, models))})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": _OWNER}


def _claude(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _WHEN}


def _claudes(models: tuple[str, ...]) -> dict[str, Any]:
    ends = {"first_id": models[0], "last_id": models[-1]}
    return {"data": list(map(_claude, models)), "has_more": False, **ends}


def _google(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
    }


def _tag(name: str) -> dict[str, Any]:
    details = {"format": "gguf", "family": "xroute", "parameter_size": "0B", "quantization_level": "F16"}
    return {
        "name": name,
        "model": name,
        "modified_at": _WHEN,
        "size": 1,
        "digest": "0" * 64,
        "details": details,
    }
