"""What a key may ask about itself in OpenAPI's words."""

from typing import Any

Schema = dict[str, Any]

_DATA: Schema = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "object"}},
}
_ID: Schema = {
    "name": "id",
    "in": "query",
    "required": True,
    "description": "The call's `x-request-id`.",
    "schema": {"type": "string", "minLength": 1},
}


def _get(id_: str, summary: str, text: str, *statuses: int, parameters: tuple[Schema, ...] = ()) -> Schema:
    described: Schema = {
        "operationId": id_,
        "tags": ["account"],
        "summary": summary,
        "security": [{"key": list[str]()}],
        "responses": {
            "200": {"description": text, "content": {"application/json": {"schema": _DATA}}},
            **{str(status): {"$ref": "#/components/responses/Error"} for status in statuses},
        },
    }
    return {"get": described | ({"parameters": list(parameters)} if parameters else {})}


PATHS: Schema = {
    "/v1/credits": _get(
        "credits", "What the key's workspace was given, and what it has spent.", "Dollars.", 401, 403, 503
    ),
    "/v1/key": _get(
        "key", "The key's own limits, what is left of them, and what it has spent.", "The key.", 401, 403, 503
    ),
    "/v1/generation": _get(
        "generation", "Everything about one call of the key.", "The call.", 400, 401, 403, 404, 503,
        parameters=(_ID,),
    ),
}  # fmt: skip
