"""JSON schemas as Anthropic's structured outputs take them.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs, read 2026-11-21: objects are closed,
there is no recursion, and only few constraints are known; its SDKs write the others into the description.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)

_PLAIN = ("type", "enum", "const", "title", "default", "$ref")
_DEFS = ("$defs", "definitions")
_ABOUT = ("$schema", "$id", "$comment", "examples", "description", "additionalProperties", *_DEFS)


class _Open(Exception):
    """The schema allows what structured outputs cannot."""


def closed(schema: Any) -> Json | None:
    """The same schema in the form that is taken; None where it cannot be said there."""
    try:
        found = _closed(schema)
        _check_refs(found)
    except (_Open, RecursionError):
        return None
    return found


def _closed(schema: Any) -> Json:
    if not codec.is_object(schema):
        raise _Open
    made: Json = {name: schema[name] for name in _PLAIN if name in schema}
    for name in _DEFS:
        if codec.is_object(inner := schema.get(name)):
            made["$defs"] = {key: _closed(value) for key, value in inner.items()}
    _choices(made, schema)
    _kind(made, schema)
    if not made.keys() & {"type", "enum", "const", "$ref", "anyOf", "allOf"}:
        raise _Open
    _describe(made, schema)
    return made


def _choices(made: Json, schema: Json) -> None:
    if "$ref" in made:
        made["$ref"] = str(made["$ref"]).replace("#/definitions/", "#/$defs/")
    for name in ("anyOf", "oneOf", "allOf"):
        if codec.is_list(inner := schema.get(name)):
            made["allOf" if name == "allOf" else "anyOf"] = [_closed(one) for one in inner]
    if codec.is_list(kinds := made.get("type")):  # ["string", "null"]
        del made["type"]
        rest = {name: value for name, value in schema.items() if name not in (*_DEFS, "description", "title")}
        made["anyOf"] = [_closed({**_fitting(rest, kind), "type": kind}) for kind in kinds]
        for name in ("enum", "const", "default"):
            made.pop(name, None)


def _fitting(schema: Json, kind: Any) -> Json:
    """A schema of several types for one of them: null has no constraints."""
    return {} if kind == "null" else schema


def _kind(made: Json, schema: Json) -> None:
    kind = made.get("type")
    if kind == "object" or (kind is None and "properties" in schema):
        _object(made, schema)
    elif kind == "array":
        if "items" in schema:
            made["items"] = _closed(schema["items"])
        if schema.get("minItems") in (0, 1):
            made["minItems"] = schema["minItems"]
    elif kind == "string" and schema.get("format") in FORMATS:
        made["format"] = schema["format"]


def _object(made: Json, schema: Json) -> None:
    if schema.get("additionalProperties") not in (None, False) or "patternProperties" in schema:
        raise _Open
    properties = schema.get("properties")
    if not codec.is_object(properties) and "additionalProperties" not in schema:
        raise _Open  # any object
    made["type"] = "object"
    made["properties"] = {
        name: _closed(value) for name, value in (properties if codec.is_object(properties) else {}).items()
    }
    made["additionalProperties"] = False
    if codec.is_list(required := schema.get("required")):
        made["required"] = required


def _describe(made: Json, schema: Json) -> None:
    """The description, with the constraints that have no other place."""
    handled = {*made, *_ABOUT, "oneOf"}
    if "anyOf" in made:
        handled |= {"type", "enum", "const", "default", "properties", "required", "items", "format"}
    others = {name: value for name, value in schema.items() if name not in handled}
    said: Any = schema.get("description")
    texts = [said] if isinstance(said, str) and said else []
    if others and "$ref" not in made and not codec.is_list(schema.get("type")):
        texts.append("{" + ", ".join(f"{name}: {value}" for name, value in others.items()) + "}")
    if texts:
        made["description"] = "\n\n".join(texts)


def _check_refs(schema: Json) -> None:
    """_Open for a reference to nowhere, and for one that leads back to itself."""
    defs: Json = schema.get("$defs") or {}
    for name in defs:
        _follow(name, defs, ())
    for ref in _refs({key: value for key, value in schema.items() if key != "$defs"}):
        _follow(ref, defs, ())


def _follow(name: str, defs: Json, path: tuple[str, ...]) -> None:
    if name in path or name not in defs:
        raise _Open
    for ref in _refs(defs[name]):
        _follow(ref, defs, (*path, name))


def _refs(value: Any) -> list[str]:
    if codec.is_list(value):
        return [ref for one in value for ref in _refs(one)]
    if not codec.is_object(value):
        return []
    found = [str(value["$ref"]).removeprefix("#/$defs/")] if "$ref" in value else []
    return found + [ref for one in value.values() if isinstance(one, (dict, list)) for ref in _refs(one)]
