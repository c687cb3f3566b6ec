"""The fields around the choices: id, created, model and the like."""

from typing import Any

from xroute.dialects.openai import tokens
from xroute.dialects.openai.codec import Json

_RARE = frozenset({"metadata", "obfuscation", "moderation"})
TIERS = ("auto", "default", "flex", "scale", "priority", None)


def tidy(body: Json, kind: str, request_id: str, created: int, model: str) -> bool:
    """Fill and mend what OpenAI's types ask for; True when something was changed.

    What has another form than OpenAI's moves to `native_<name>`, so that nothing is lost.
    """
    changed = False
    if body.get("object") != kind:
        body["object"], changed = kind, True
    if not (own := body.get("id")) or own.__class__ is not str:
        body["id"], changed = "chatcmpl-" + request_id, True
    if not (own := body.get("model")) or own.__class__ is not str:
        body["model"], changed = model, True
    if body.get("created").__class__ is not int:
        body["created"], changed = tokens.count(body.get("created")) or created, True
    if body.get("service_tier") not in TIERS:
        changed = _aside(body, "service_tier")
    if (own := body.get("system_fingerprint")) is not None and own.__class__ is not str:
        changed = _aside(body, "system_fingerprint")
    return changed if _RARE.isdisjoint(body) else _extras(body) or changed


def _extras(body: Json) -> bool:
    changed = False
    if body.get("metadata") is not None and not _is_texts(body["metadata"]):
        changed = _aside(body, "metadata")
    if body.get("obfuscation").__class__ not in (str, type(None)):
        changed = _aside(body, "obfuscation")
    if body.get("moderation") is not None and not _is_moderation(body["moderation"]):
        changed = _aside(body, "moderation")
    return changed


def _aside(body: Json, name: str) -> bool:
    body["native_" + name], body[name] = body[name], None
    return True


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _is_moderation(value: Any) -> bool:
    return isinstance(value, dict) and "input" in value and "output" in value
