"""JSON Schemas for Gemini's parametersJsonSchema and responseJsonSchema, which take them whole.

The older `parameters` and `responseSchema` know a part of OpenAPI 3.0 and refuse $ref, additionalProperties,
const and more ("Unknown name ... Cannot find field"), so they are not used. The newer ones pass over what
they do not know:
https://ai.google.dev/api/generate-content#FIELDS.response_json_schema, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def whole(schema: Any) -> Any:
    """The schema with an `enum` of one beside each `const`, which Gemini does not know; the rest as it is."""
    if b'"const"' not in codec.write(schema):  # most have none, and a look at the bytes spares the copy
        return schema
    return _whole(schema)


def _whole(schema: Any) -> Any:
    if codec.is_list(schema):
        return [_whole(item) for item in schema]
    if not codec.is_object(schema):
        return schema
    new: Json = {name: value if name in _VALUES else _whole(value) for name, value in schema.items()}
    if _is_name(schema.get("const")) and "enum" not in schema:
        new["enum"] = [schema["const"]]
    return new


# What stands under these is data, no schema.
_VALUES = frozenset({"const", "enum", "default", "example", "examples", "required"})


def _is_name(value: Any) -> bool:
    """Texts and numbers are what an enum may hold."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)
