"""The Responses API in OpenAPI's words."""

from typing import Any

Schema = dict[str, Any]

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT: Schema = {"type": ["string", "null"]}
_BOOL: Schema = {"type": ["boolean", "null"]}
_MODEL: Schema = {"type": "string", "minLength": 1}
_ITEMS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["type", "role", "content"],
        "properties": {
            "type": {"enum": ["message"]},
            "role": {"enum": ["user", "assistant", "system", "developer"]},
            "content": {"type": "string", "minLength": 1},
        },
    },
    "description": "Messages, calls and their results, reasoning: any items of the API.",
}
_INPUT: Schema = {"anyOf": [{"type": "string", "minLength": 1}, _ITEMS]}
_ASKED: Schema = {
    "model": _MODEL,
    "input": _INPUT,
    "instructions": _TEXT,
    "store": _BOOL,
    "stream": _BOOL,
}
_ID: Schema = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^resp_"},
}


def _held(schema: Schema, text: str) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _operation(id_: str, summary: str, answered: str, statuses: tuple[int, ...] = _STATUSES) -> Schema:
    return {
        "operationId": id_,
        "tags": ["responses"],
        "summary": summary,
        "security": [{"key": list[str]()}],
        "responses": {
            "200": _held({"$ref": f"#/components/schemas/{answered}"}, "The answer."),
            **{str(status): {"$ref": "#/components/responses/Error"} for status in statuses},
        },
    }


def _body(**properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "required": ["model", "input"], "properties": properties}
    return {"requestBody": {"required": True, **_held(schema, "The request.")}}


def _at(id_: str, summary: str, answered: str) -> Schema:
    return _operation(id_, summary, answered, (400, 401, 404, 500)) | {"parameters": [_ID]}


def _page(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


_CREATE = _operation(
    "createResponse", "A response by any deployment; xroute keeps it, unless `store` is false.", "Response"
)
_CREATE["responses"]["200"]["content"]["text/event-stream"] = {}  # where `stream` is true
_LIST = _at("listInputItems", "The items that a response was made from.", "ResponseItems")
_LIST["parameters"] = [
    _ID,
    _page("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    _page("order", {"enum": ["asc", "desc"], "default": "desc"}),
]

PATHS: Schema = {
    "/v1/responses": {"post": _CREATE | _body(**_ASKED)},
    "/v1/responses/compact": {
        "post": _operation("compactResponse", "A conversation, made shorter by its model.", "Compaction")
        | _body(model=_MODEL, input=_INPUT, instructions=_TEXT)
    },
    "/v1/responses/input_tokens": {
        "post": _operation("countInputTokens", "The tokens that a request would use.", "InputTokens")
        | _body(model=_MODEL, input=_INPUT, instructions=_TEXT)
    },
    "/v1/responses/{id}": {
        "get": _at("getResponse", "A response that was kept.", "Response"),
        "delete": _at("deleteResponse", "Forgets a response.", "DeletedResponse"),
    },
    "/v1/responses/{id}/cancel": {
        "post": _at("cancelResponse", "Ends a response that is made in the background.", "Response")
    },
    "/v1/responses/{id}/input_items": {"get": _LIST},
}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": [*properties], "properties": properties}


_OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}

SCHEMAS: Schema = {
    "Response": _object(
        id={"type": "string"},
        object={"const": "response"},
        status={"enum": ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]},
        model={"type": "string"},
        output=_OBJECTS,
        error={"type": ["object", "null"]},
        usage={"type": ["object", "null"], "description": "Tokens, and what the call cost in dollars."},
    ),
    "Compaction": _object(id={"type": "string"}, object={"const": "response.compaction"}, output=_OBJECTS),
    "InputTokens": _object(object={"const": "response.input_tokens"}, input_tokens={"type": "integer"}),
    "DeletedResponse": _object(id={"type": "string"}, deleted={"const": True}),
    "ResponseItems": _object(object={"const": "list"}, data=_OBJECTS, has_more={"type": "boolean"}),
}
